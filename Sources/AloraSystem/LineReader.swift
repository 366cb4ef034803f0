/// Reads lines from a stream as they arrive. No line can take more memory than a limit.
public struct LineReader {
  private let descriptor: Int32
  private let name: String
  private let byteLimit: Int
  private var buffer: [UInt8] = []
  private var hasEnded = false

  /// - Parameter name: the stream's name in errors.
  public init(descriptor: Int32, name: String, byteLimit: Int) {
    self.descriptor = descriptor
    self.name = name
    self.byteLimit = byteLimit
  }

  /// The next line without its end, or nil at the end of the stream. The last line needs no end.
  ///
  /// - Throws: `tooLong`, `system`.
  public mutating func next() throws(FileError) -> [UInt8]? {
    var searched = 0
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        let line = Array(buffer[..<end])
        buffer.removeSubrange(...end)
        return line
      }
      searched = buffer.count
      if hasEnded {
        defer { buffer = [] }
        return buffer.isEmpty ? nil : buffer
      }
      guard buffer.count <= byteLimit else {
        throw FileError(
          .tooLong, operation: "read", path: name, detail: "a line is longer than \(byteLimit) bytes")
      }
      try readMore()
    }
  }

  private mutating func readMore() throws(FileError) {
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    let count = systemRead(descriptor, &piece)
    if count < 0 {
      if errno == EINTR { return }
      throw .current(operation: "read", path: name)
    }
    hasEnded = count == 0
    buffer += piece[..<count]
  }
}

/// Safe: the array bounds what the system may write.
private func systemRead(_ descriptor: Int32, _ bytes: inout [UInt8]) -> Int {
  unsafe bytes.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
}
