package import AloraJSON
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A server's answer.
package struct LoopbackResponse: Sendable {
  package let status: Int
  /// By names in lower case.
  package let headers: [String: String]
  package let body: String

  package var json: JSON { get throws { try parseJSON(body) } }

  /// The values of a stream of server-sent events, without the last one, which has to be `[DONE]`.
  package func events() throws -> [JSON] {
    let lines = body.split(separator: "\n").filter { !$0.isEmpty }
    guard lines.last == "data: [DONE]" else { throw POSIXError(.EBADMSG) }
    return try lines.dropLast().map { try parseJSON(String($0.dropFirst(6))) }
  }
}

/// A connection to a server on the loopback. Its waits block a thread of their own, not one that tasks run on.
package final class LoopbackConnection: Sendable {
  private let descriptor: Int32
  private let received = Mutex<[UInt8]>([])

  package init(port: Int) throws {
    #if canImport(Glibc)
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
      descriptor = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    address.sin_port = UInt16(port).bigEndian
    var limit = timeval(tv_sec: 300, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
  }

  deinit { close(descriptor) }

  package func send(_ text: String) throws {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
      bytes = bytes.dropFirst(count)
    }
  }

  /// Ends the sending direction.
  package func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// - Returns: what has come; nothing at the end.
  package func receive() async throws -> [UInt8] {
    try await Self.blocking { [self] in
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
      return Array(buffer[..<count])
    }
  }

  /// All that has come by the time the text has occurred, or by the end. On a busy machine, one call may take in what a later
  /// one waits for, so each returns everything.
  package func receive(until text: String) async throws -> String {
    func soFar() -> String { String(decoding: received.withLock { $0 }, as: UTF8.self) }
    while !soFar().contains(text) {
      let more = try await receive()
      guard !more.isEmpty else { break }
      received.withLock { $0 += more }
    }
    return soFar()
  }

  private static func blocking<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws
    -> Result
  {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread { continuation.resume(with: Swift.Result { try body() }) }
    }
  }
}

/// Asks a server on the loopback, each time with a new connection.
package struct LoopbackClient: Sendable {
  package let port: Int

  package init(port: Int) { self.port = port }

  /// The text of a request.
  package func text(_ method: String, _ path: String, _ body: String?, headers: [String: String] = [:]) -> String {
    var fields = ["Host": "127.0.0.1:\(port)", "Connection": "close"].merging(headers) { $1 }
    if let body { fields["Content-Length"] = fields["Content-Length"] ?? "\(body.utf8.count)" }
    let lines = fields.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)\r\n" }
    return "\(method) \(path) HTTP/1.1\r\n\(lines.joined())\r\n\(body ?? "")"
  }

  package func request(_ method: String, _ path: String, _ body: String? = nil, headers: [String: String] = [:])
    async throws -> LoopbackResponse
  {
    let connection = try LoopbackConnection(port: port)
    try connection.send(text(method, path, body, headers: headers))
    var bytes: [UInt8] = []
    while true {
      let more = try await connection.receive()
      if more.isEmpty { break }
      bytes += more
    }
    return try Self.response(String(decoding: bytes, as: UTF8.self))
  }

  package func get(_ path: String, headers: [String: String] = [:]) async throws -> LoopbackResponse {
    try await request("GET", path, headers: headers)
  }

  package func post(_ path: String, _ body: String, headers: [String: String] = [:]) async throws -> LoopbackResponse {
    try await request("POST", path, body, headers: headers)
  }

  private static func response(_ text: String) throws -> LoopbackResponse {
    guard let end = text.range(of: "\r\n\r\n") else { throw POSIXError(.EBADMSG) }
    let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
    guard let status = Int(lines[0].split(separator: " ")[1]) else { throw POSIXError(.EBADMSG) }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
    }
    var body = String(text[end.upperBound...])
    if headers["transfer-encoding"] == "chunked" { body = try joined(chunks: Array(body.utf8)) }
    return LoopbackResponse(status: status, headers: headers, body: body)
  }

  private static func joined(chunks: [UInt8]) throws -> String {
    var (rest, body) = (chunks[...], [UInt8]())
    while let end = rest.firstIndex(of: 0x0A) {
      let line = String(decoding: rest[..<end].filter { $0 != 0x0D }, as: UTF8.self)
      guard let count = Int(line, radix: 16), rest.count >= end + 1 - rest.startIndex + count else { break }
      if count == 0 { return String(decoding: body, as: UTF8.self) }
      body += rest[(end + 1)..<(end + 1 + count)]
      rest = rest[(end + 1 + count + 2)...]
    }
    // The stream was cut.
    throw POSIXError(.EBADMSG)
  }
}
