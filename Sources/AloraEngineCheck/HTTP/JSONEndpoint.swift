internal import AloraJSON
internal import AloraSystem

/// Asks a server for JSON.
struct JSONEndpoint: Sendable {
  let address: ServerAddress
  private let http: HTTPClient

  init(address: ServerAddress, timeout: Double, bodyByteLimit: Int) {
    self.address = address
    http = HTTPClient(address: address, timeout: timeout, bodyByteLimit: bodyByteLimit)
  }

  /// Calls `read` with the answer's JSON. An error that it throws is reported as the server's.
  ///
  /// - Throws: ``ServerError``.
  func ask<Value>(
    _ method: String, _ path: String, _ body: JSONValue? = nil, read: (JSON) throws(JSONError) -> Value
  ) throws(ServerError) -> Value {
    let response = try self.response(method, path, body)
    return try value(path) { () throws(JSONError) in
      // Safe: the parser copies what it keeps of the array.
      try read(try JSONDocument(parsing: unsafe response.body.span.bytes).root)
    }
  }

  /// Asks for a stream of server-sent events, and calls `read` with each event's JSON and the time at which it had come.
  ///
  /// Source: WHATWG's HTML, "Server-sent events": of its fields, `data` alone.
  /// - Throws: ``ServerError``.
  func stream(
    _ path: String, _ body: JSONValue, read: (_ event: JSON, _ seconds: Double) throws(JSONError) -> Void
  ) throws(ServerError) {
    var arrivals: [(byteCount: Int, seconds: Double)] = []
    let response = try response("POST", path, body) { count in
      if count > arrivals.last?.byteCount ?? 0 { arrivals.append((count, MonotonicClock.seconds)) }
    }
    var (start, next) = (0, 0)
    for line in response.body.split(separator: 0x0A, omittingEmptySubsequences: false) {
      start += line.count + 1
      let text = line.last == 0x0D ? line.dropLast() : line
      guard text.starts(with: Self.eventStart), !text.elementsEqual(Self.lastEvent) else { continue }
      // The last byte of a line that something follows is its end.
      while next < arrivals.count - 1, arrivals[next].byteCount < min(start, response.body.count) { next += 1 }
      let data = Array(text.dropFirst(Self.eventStart.count))
      let seconds = arrivals[next].seconds
      try value(path) { () throws(JSONError) in
        // Safe: the parser copies what it keeps of the array.
        try read(try JSONDocument(parsing: unsafe data.span.bytes).root, seconds)
      }
    }
  }

  private static let eventStart = Array("data:".utf8)
  private static let lastEvent = Array("data: [DONE]".utf8)

  private func response(
    _ method: String, _ path: String, _ body: JSONValue?, received: (Int) -> Void = { _ in }
  ) throws(ServerError) -> HTTPResponse {
    let response = try http.request(method, path, body: body?.serialized(isPretty: false), received: received)
    guard response.status == 200 else {
      throw ServerError(.refused, url: "\(address)\(path)", Self.problem(response), status: response.status)
    }
    return response
  }

  private func value<Value>(_ path: String, _ read: () throws(JSONError) -> Value) throws(ServerError) -> Value {
    do throws(JSONError) { return try read() } catch {
      throw ServerError(
        .malformedResponse, url: "\(address)\(path)",
        "unexpected answer: " + (error.place.map { "\($0): " } ?? "") + error.problem)
    }
  }

  /// The server's own message, if it has one: `{"error": {"message": …}}`, `{"error": …}`, `{"message": …}` or `{"detail": …}`.
  private static func problem(_ response: HTTPResponse) -> String {
    let root = try? JSONDocument(parsing: unsafe response.body.span.bytes).root
    let error = try? root?[optional: "error"]
    let message =
      (try? error?[optional: "message"]?.string()) ?? (try? error?.string())
      ?? (try? root?[optional: "message"]?.string()) ?? (try? root?[optional: "detail"]?.string())
    return "the server answered with status \(response.status)" + (message.map { ": \($0.prefix(300))" } ?? "")
  }

  /// The error for an answer that can't be used.
  func malformed(_ path: String, _ problem: String) -> ServerError {
    ServerError(.malformedResponse, url: "\(address)\(path)", problem)
  }
}
