import Foundation

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A socket bound to a port of 127.0.0.1 that the system chose.
private func boundSocket() throws -> (descriptor: Int32, port: UInt16) {
  #if canImport(Glibc)
    let kind = Int32(SOCK_STREAM.rawValue)
  #else
    let kind = SOCK_STREAM
  #endif
  let descriptor = socket(AF_INET, kind, 0)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let status = withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
      bind(descriptor, pointer, length) | getsockname(descriptor, pointer, &length)
    }
  }
  guard descriptor >= 0, status == 0 else { throw POSIXError(.EADDRINUSE) }
  return (descriptor, UInt16(bigEndian: address.sin_port))
}

/// A port that refuses connections as long as this lives: bound, so no server gets it, and never listened on.
package final class RefusingPort: Sendable {
  private let descriptor: Int32
  package let port: UInt16
  package var url: String { "http://127.0.0.1:\(port)" }

  package init() throws { (descriptor, port) = try boundSocket() }

  deinit { close(descriptor) }
}

/// An HTTP server in this process, on a port of its own, that answers whatever a test wants.
package final class FakeServer: Sendable {
  package struct Request: Sendable {
    package let method: String
    package let path: String
    package let body: [UInt8]
  }

  /// Pieces of bytes to be sent, with a pause before each; then the connection is closed.
  package struct Reply: Sendable {
    package var pieces: [[UInt8]]
    package var pause = 0.0
    /// Whether the server waits for the client to close the connection.
    package var staysOpen = false

    package init(pieces: [[UInt8]], pause: Double = 0) {
      self.pieces = pieces
      self.pause = pause
    }

    package init(text: String) { self.init(pieces: [Array(text.utf8)]) }

    package init(status: String = "200 OK", json: String) {
      self.init(text: "HTTP/1.1 \(status)\r\nContent-Length: \(json.utf8.count)\r\n\r\n\(json)")
    }
  }

  /// Closing it ends the server's thread, which alone uses and closes the listening socket: a number that is closed while
  /// a thread is about to accept from it may be another server's by then.
  private let stop: Pipe
  package let port: UInt16
  package var url: String { "http://127.0.0.1:\(port)" }

  package init(_ answer: @escaping @Sendable (Request) -> Reply) throws {
    let (descriptor, port) = try boundSocket()
    guard listen(descriptor, 8) == 0 else { throw POSIXError(.EADDRINUSE) }
    self.port = port
    stop = Pipe()
    let ending = stop.fileHandleForReading
    Thread.detachNewThread {
      defer { close(descriptor) }
      while true {
        var waiting = [
          pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
          pollfd(fd: ending.fileDescriptor, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&waiting, 2, -1) > 0 || errno == EINTR else { return }
        if waiting[1].revents != 0 { return }
        if waiting[0].revents == 0 { continue }
        let connection = accept(descriptor, nil, nil)
        if connection < 0 { return }
        Self.serve(connection, answer)
        close(connection)
      }
    }
  }

  deinit { try? stop.fileHandleForWriting.close() }

  private static func serve(_ connection: Int32, _ answer: (Request) -> Reply) {
    var received: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = recv(connection, &buffer, buffer.count, 0)
      if count <= 0 { return }
      received += buffer[..<count]
      guard let request = request(received) else { continue }
      let reply = answer(request)
      for piece in reply.pieces {
        if reply.pause > 0 { Thread.sleep(forTimeInterval: reply.pause) }
        var done = 0
        while done < piece.count {
          let count = piece[done...].withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
          if count <= 0 { return }
          done += count
        }
      }
      // However late the client comes, it finds no end before it has gone itself.
      while reply.staysOpen, recv(connection, &buffer, buffer.count, 0) > 0 {}
      return
    }
  }

  /// Nil if more is to come.
  private static func request(_ bytes: [UInt8]) -> Request? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.range(of: "\r\n\r\n") else { return nil }
    let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
    let length = lines.first { $0.hasPrefix("Content-Length: ") }.flatMap { Int($0.dropFirst(16)) } ?? 0
    let body = Array(text[end.upperBound...].utf8)
    let words = lines[0].components(separatedBy: " ")
    guard body.count >= length, words.count == 3 else { return nil }
    return Request(method: words[0], path: words[1], body: body)
  }
}
