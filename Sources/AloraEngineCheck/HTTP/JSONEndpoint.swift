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
    let response = try http.request(method, path, body: body?.serialized(isPretty: false))
    let url = "\(address)\(path)"
    guard response.status == 200 else {
      throw ServerError(.refused, url: url, Self.problem(response), status: response.status)
    }
    do throws(JSONError) {
      // Safe: the parser copies what it keeps of the array.
      return try read(try JSONDocument(parsing: unsafe response.body.span.bytes).root)
    } catch {
      throw ServerError(
        .malformedResponse, url: url,
        "unexpected answer: " + (error.place.map { "\($0): " } ?? "") + error.problem)
    }
  }

  /// The server's own message, if it has one: `{"error": {"message": …}}`.
  private static func problem(_ response: HTTPResponse) -> String {
    let root = try? JSONDocument(parsing: unsafe response.body.span.bytes).root
    let error = try? root?[optional: "error"]
    let message = (try? error?[optional: "message"]?.string()) ?? (try? error?.string())
    return "the server answered with status \(response.status)" + (message.map { ": \($0.prefix(300))" } ?? "")
  }

  /// The error for an answer that can't be used.
  func malformed(_ path: String, _ problem: String) -> ServerError {
    ServerError(.malformedResponse, url: "\(address)\(path)", problem)
  }
}
