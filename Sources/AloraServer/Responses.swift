internal import AloraJSON
internal import AloraSystem
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

extension HTTPField.Name {
  /// `logits`: the answer names the digest of all logits.
  static let aloraDebug = HTTPField.Name("X-Alora-Debug")!
}

extension Response {
  static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json; charset=utf-8"],
      body: .init(byteBuffer: ByteBuffer(string: value.serialized(isPretty: false))))
  }

  static func text(_ text: String, type: String) -> Response {
    Response(status: .ok, headers: [.contentType: type], body: .init(byteBuffer: ByteBuffer(string: text)))
  }

  static func error(_ error: ServerError, body: JSONValue? = nil) -> Response {
    var response = Response.json(body ?? error.body, status: error.status)
    if let seconds = error.retrySeconds { response.headers[.retryAfter] = "\(seconds)" }
    if error.status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
    return response
  }

  /// Server-sent events, with `[DONE]` at the end. An error in the middle becomes an event, since the status is sent.
  ///
  /// - Parameter request: whose client may go away, which cancels `body`.
  static func eventStream(
    _ request: Request, _ body: @escaping @Sendable (_ send: (JSONValue) async throws -> Void) async throws -> Void
  ) -> Response {
    lines(request, type: "text/event-stream", prefix: "data: ", suffix: "\n\n", end: "data: [DONE]\n\n", body)
  }

  /// A JSON value in each line, as Ollama streams.
  static func lineStream(
    _ request: Request, _ body: @escaping @Sendable (_ send: (JSONValue) async throws -> Void) async throws -> Void
  ) -> Response {
    lines(request, type: "application/x-ndjson", prefix: "", suffix: "\n", end: "", body)
  }

  private static func lines(
    _ request: Request, type: String, prefix: String, suffix: String, end: String,
    _ body: @escaping @Sendable (_ send: (JSONValue) async throws -> Void) async throws -> Void
  ) -> Response {
    Response(
      status: .ok, headers: [.contentType: type, .cacheControl: "no-cache"],
      body: .init { writer in
        try await request.body.consumeWithCancellationOnInboundClose { _ in
          let values = AsyncThrowingStream<JSONValue, any Error>.makeStream()
          let task = Task {
            do {
              try await body { values.continuation.yield($0) }
              values.continuation.finish()
            } catch { values.continuation.finish(throwing: error) }
          }
          defer { task.cancel() }
          func line(_ value: JSONValue) -> ByteBuffer {
            ByteBuffer(string: prefix + value.serialized(isPretty: false) + suffix)
          }
          var iterator = values.stream.makeAsyncIterator()
          while true {
            let next: JSONValue?
            do { next = try await iterator.next() } catch {
              try Task.checkCancellation()
              next = nil
              try await writer.write(line(ServerError(error).body))
            }
            guard let next else { break }
            try await writer.write(line(next))
          }
          try await writer.write(ByteBuffer(string: end))
        }
        try await writer.finish(nil)
      })
  }
}
