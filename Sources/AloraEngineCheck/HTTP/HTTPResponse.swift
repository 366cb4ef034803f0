/// A server's answer.
package struct HTTPResponse: Equatable {
  package let status: Int
  package let body: [UInt8]
}

/// Parses an answer as it arrives, piece by piece (RFC 9112).
///
/// 1. Status line `HTTP/1.x NNN reason`, each line ends with CR LF (a lone LF is accepted).
/// 2. Fields `name: value` up to an empty line: 64 KiB together at most.
/// 3. The body: by `Transfer-Encoding: chunked`, otherwise by `Content-Length`, otherwise up to the end of the connection.
///
/// 1xx answers are skipped. Anything after the body is ignored: each connection serves one request.
package struct HTTPResponseParser {
  static let headByteLimit = 1 << 16
  static let lineByteLimit = 1 << 13

  private enum State: Equatable {
    case statusLine, fields
    case untilEnd
    case counted(Int)
    case chunkSize, chunk(Int), chunkEnd, trailer
    case complete
  }
  private let url: String
  private let bodyByteLimit: Int
  private var state = State.statusLine
  private var pending: [UInt8] = []
  private var position = 0
  private var headByteCount = 0
  private var status = 0
  private var contentLength: Int?
  private var isChunked = false
  private var body: [UInt8] = []

  package init(url: String, bodyByteLimit: Int) {
    self.url = url
    self.bodyByteLimit = bodyByteLimit
  }

  /// How much of the body has come.
  var bodyByteCount: Int { body.count }

  private func malformed(_ problem: String) -> ServerError {
    ServerError(.malformedResponse, url: url, "the answer is not HTTP/1.1: \(problem)")
  }

  /// The answer, once it is complete.
  ///
  /// - Parameter bytes: the next bytes; none: the connection has ended.
  /// - Throws: `malformedResponse`, `tooLarge`, `connectionLost`.
  package mutating func take(_ bytes: [UInt8]) throws(ServerError) -> HTTPResponse? {
    if bytes.isEmpty {
      guard state == .untilEnd else {
        throw ServerError(.connectionLost, url: url, "the connection ended before the answer was complete")
      }
      state = .complete
    }
    if position > 0 {
      pending.removeFirst(position)
      position = 0
    }
    pending += bytes
    while state != .complete, try advance() {}
    return state == .complete ? HTTPResponse(status: status, body: body) : nil
  }

  /// One step; false if more bytes are needed.
  private mutating func advance() throws(ServerError) -> Bool {
    switch state {
    case .complete: return false
    case .untilEnd:
      try takeBody(pending.count - position)
      return false
    case .counted(let count), .chunk(let count):
      let taken = min(count, pending.count - position)
      try takeBody(taken)
      if taken < count {
        state = isChunked ? .chunk(count - taken) : .counted(count - taken)
        return false
      }
      state = isChunked ? .chunkEnd : .complete
      return true
    case .statusLine, .fields, .chunkSize, .chunkEnd, .trailer:
      guard let line = try nextLine() else { return false }
      try take(line: line)
      return true
    }
  }

  private mutating func takeBody(_ count: Int) throws(ServerError) {
    guard count <= bodyByteLimit - body.count else { throw tooLarge() }
    body += pending[position..<(position + count)]
    position += count
  }

  private func tooLarge() -> ServerError {
    ServerError(.tooLarge, url: url, "the answer has more than the limit of \(bodyByteLimit) bytes")
  }

  private mutating func nextLine() throws(ServerError) -> String? {
    guard let end = pending[position...].firstIndex(of: 0x0A) else {
      guard pending.count - position <= Self.lineByteLimit else { throw malformed("a line does not end") }
      return nil
    }
    var line = pending[position..<end]
    guard line.count <= Self.lineByteLimit else { throw malformed("a line has \(line.count) bytes") }
    headByteCount += line.count + 1
    if state == .chunkSize || state == .chunkEnd { headByteCount -= line.count + 1 }
    guard headByteCount <= Self.headByteLimit else { throw malformed("its head has more than 64 KiB") }
    position = end + 1
    if line.last == 0x0D { line = line.dropLast() }
    guard !line.contains(where: { $0 < 0x20 && $0 != 0x09 }) else { throw malformed("a control character in a line") }
    return String(decoding: line, as: UTF8.self)
  }

  private mutating func take(line: String) throws(ServerError) {
    switch state {
    case .statusLine: try takeStatus(line)
    case .fields where line.isEmpty: try beginBody()
    case .fields: try takeField(line)
    case .chunkSize:
      let digits = line.prefix { $0 != ";" && $0 != " " && $0 != "\t" }
      guard !digits.isEmpty, digits.utf8.count <= 15, digits.utf8.allSatisfy(Self.isHexDigit),
        let count = Int(digits, radix: 16)
      else { throw malformed("'\(line.prefix(40))' is not the size of a chunk") }
      guard count <= bodyByteLimit - body.count else { throw tooLarge() }
      state = count == 0 ? .trailer : .chunk(count)
    case .chunkEnd:
      guard line.isEmpty else { throw malformed("a chunk is longer than its size") }
      state = .chunkSize
    case .trailer: if line.isEmpty { state = .complete }
    case .untilEnd, .counted, .chunk, .complete: break
    }
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
  }

  private mutating func takeStatus(_ line: String) throws(ServerError) {
    let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[0].hasPrefix("HTTP/1."), parts[1].utf8.count == 3, let status = Int(parts[1]),
      (100...599).contains(status)
    else { throw malformed("it begins with '\(line.prefix(40))'") }
    self.status = status
    state = .fields
  }

  private mutating func takeField(_ line: String) throws(ServerError) {
    guard let colon = line.firstIndex(of: ":"), colon != line.startIndex,
      !line[..<colon].contains(where: { $0 == " " || $0 == "\t" })
    else { throw malformed("'\(line.prefix(40))' is not a header field") }
    let value = String(line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" })
    let trimmed = String(value.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    switch line[..<colon].lowercased() {
    case "content-length":
      guard trimmed.utf8.count <= 15, !trimmed.isEmpty, trimmed.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let count = Int(trimmed), contentLength == nil || contentLength == count
      else { throw malformed("Content-Length is '\(trimmed.prefix(40))'") }
      contentLength = count
    case "transfer-encoding":
      guard trimmed.lowercased() == "chunked", !isChunked else {
        throw malformed("the transfer encoding '\(trimmed.prefix(40))' is not known")
      }
      isChunked = true
    case "content-encoding":
      guard trimmed.lowercased() == "identity" else {
        throw malformed("it is compressed, although that wasn't requested")
      }
    default: break
    }
  }

  private mutating func beginBody() throws(ServerError) {
    if status < 200 {
      (state, contentLength, isChunked) = (.statusLine, nil, false)
    } else if status == 204 || status == 304 {
      state = .complete
    } else if isChunked {
      guard contentLength == nil else { throw malformed("it has both a length and chunks") }
      state = .chunkSize
    } else if let contentLength {
      guard contentLength <= bodyByteLimit else { throw tooLarge() }
      state = contentLength == 0 ? .complete : .counted(contentLength)
    } else {
      state = .untilEnd
    }
  }
}
