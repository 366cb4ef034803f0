/// Asks a server over plain HTTP/1.1, each time with a new connection.
struct HTTPClient: Sendable {
  let address: ServerAddress
  /// The time for one request from connecting to the last byte. Units: seconds.
  let timeout: Double
  /// The longest body that is read.
  let bodyByteLimit: Int

  /// - Throws: ``ServerError``: `unreachable`, `timedOut`, `connectionLost`, `malformedResponse`, `tooLarge`.
  ///
  /// - Parameter received: called with the length of the body's part that has come, each time that more has.
  func request(
    _ method: String, _ path: String, body: String? = nil, received: (Int) -> Void = { _ in }
  ) throws(ServerError) -> HTTPResponse {
    let url = "\(address)\(path)"
    let content = Array((body ?? "").utf8)
    var head = "\(method) \(address.prefix)\(path) HTTP/1.1\r\nHost: \(address.authority)\r\n"
    head += "Accept: application/json\r\nConnection: close\r\n"
    if body != nil { head += "Content-Type: application/json\r\nContent-Length: \(content.count)\r\n" }
    let connection = try TCPConnection(to: address, url: url, deadline: Deadline(after: timeout))
    try connection.send(Array((head + "\r\n").utf8) + content)
    var parser = HTTPResponseParser(url: url, bodyByteLimit: bodyByteLimit)
    while true {
      let response = try parser.take(try connection.receive())
      received(response?.body.count ?? parser.bodyByteCount)
      if let response { return response }
    }
  }
}
