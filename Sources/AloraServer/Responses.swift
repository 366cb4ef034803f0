internal import AloraJSON
internal import AloraSystem
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// What a request's header `X-Alora-Debug` can ask for, in a list with commas.
enum DebugDetail: String {
  /// The digest of the logits.
  case logits
  /// The tokens: ``TokenTrace``.
  case tokens
}

extension Request {
  func wants(_ detail: DebugDetail) -> Bool {
    guard let name = HTTPField.Name("X-Alora-Debug"), let value = headers[name] else { return false }
    return value.split { $0 == "," || $0 == " " }.contains { $0 == detail.rawValue }
  }
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

  /// Waits for `body`, which is cancelled if the caller goes away.
  ///
  /// Watching for that uses up the connection, so the answer says that it ends.
  static func json(
    to request: Request, _ body: @escaping @Sendable () async throws -> JSONValue
  ) async throws -> Response {
    let value = try await request.body.consumeWithCancellationOnInboundClose { _ in try await body() }
    var response = Response.json(value)
    response.headers[.connection] = "close"
    return response
  }

  typealias Stream = @Sendable (_ send: (JSONValue) async throws -> Void) async throws -> Void

  /// Server-sent events, with `[DONE]` at the end. An error in the middle becomes an event, because the status is already
  /// sent.
  ///
  /// - Parameter body: cancelled if the caller goes away.
  static func eventStream(_ source: StreamSource, _ body: @escaping Stream) -> Response {
    lines(source, type: "text/event-stream", prefix: "data: ", suffix: "\n\n", end: "data: [DONE]\n\n", body)
  }

  /// A JSON value in each line, as Ollama streams.
  static func lineStream(_ source: StreamSource, _ body: @escaping Stream) -> Response {
    lines(source, type: "application/x-ndjson", prefix: "", suffix: "\n", end: "", body)
  }

  private static func lines(
    _ source: StreamSource, type: String, prefix: String, suffix: String, end: String, _ body: @escaping Stream
  ) -> Response {
    Response(
      status: .ok, headers: [.contentType: type, .cacheControl: "no-cache", .connection: "close"],
      body: .init { writer in
        let watch = WriteWatch()
        let watching = Task { await watch.watch(source.channel, seconds: source.writeSeconds) }
        defer { watching.cancel() }
        try await source.request.body.consumeWithCancellationOnInboundClose { _ in
          let values = AsyncThrowingStream<JSONValue, any Error>.makeStream()
          let task = Task {
            do {
              try await body { values.continuation.yield($0) }
              values.continuation.finish()
            } catch { values.continuation.finish(throwing: error) }
          }
          defer { task.cancel() }
          func write(_ text: String) async throws {
            watch.begins()
            try await writer.write(ByteBuffer(string: text))
            watch.ends()
          }
          var iterator = values.stream.makeAsyncIterator()
          while true {
            let next: JSONValue?
            do { next = try await iterator.next() } catch {
              try Task.checkCancellation()
              next = nil
              try await write(prefix + ServerError(error).body.serialized(isPretty: false) + suffix)
            }
            guard let next else { break }
            try await write(prefix + next.serialized(isPretty: false) + suffix)
          }
          try await write(end)
        }
        try await writer.finish(nil)
      })
  }
}

/// The connection that a stream is written to.
struct StreamSource: Sendable {
  let request: Request
  let channel: any Channel
  /// The longest time for which the caller may take nothing.
  let writeSeconds: Double
}
