/// A JSON text as UTF-8, with the data to name places in the original file.
///
/// A byte order mark of UTF-8 or UTF-16 is accepted: Windows editors and PowerShell write both. Other encodings are named.
struct JSONText {
  private enum Encoding { case utf8, markedUTF8, utf16 }

  /// UTF-8, without a byte order mark.
  let bytes: [UInt8]
  private let encoding: Encoding

  /// - Throws: for UTF-32, UTF-16 without a mark, and damaged UTF-16. The scan checks whether UTF-8 is valid.
  init(_ file: [UInt8]) throws(JSONFault) {
    switch (file.first ?? 1, file.dropFirst().first ?? 1, file.dropFirst(2).first ?? 1, file.dropFirst(3).first ?? 1) {
    case (0xFF, 0xFE, 0, 0), (0, 0, 0xFE, 0xFF), (0, 0, 0, 1...), (1..., 0, 0, 0):
      throw JSONFault(byteOffset: 0, problem: "the text is UTF-32; save it as UTF-8")
    case (0xEF, 0xBB, 0xBF, _):
      bytes = Array(file.dropFirst(3))
      encoding = .markedUTF8
    case (0xFF, 0xFE, _, _), (0xFE, 0xFF, _, _):
      bytes = try Self.utf8(ofUTF16: file)
      encoding = .utf16
    case (1..., 0, 1..., 0), (0, 1..., 0, 1...):
      throw JSONFault(byteOffset: 0, problem: "the text is UTF-16 without a byte order mark; save it as UTF-8")
    default:
      bytes = file
      encoding = .utf8
    }
  }

  private static func utf8(ofUTF16 file: [UInt8]) throws(JSONFault) -> [UInt8] {
    guard file.count.isMultiple(of: 2) else {
      throw JSONFault(byteOffset: file.count - 1, problem: "the text is UTF-16 and ends within a character")
    }
    let high = file[0] == 0xFE ? 0 : 1
    var bytes: [UInt8] = []
    bytes.reserveCapacity(file.count / 2)
    var offset = 2
    while offset < file.count {
      var value = UInt32(file[offset + high]) << 8 | UInt32(file[offset + 1 - high])
      var byteCount = 2
      if value & 0xFC00 == 0xD800, offset + 4 <= file.count {
        let low = UInt32(file[offset + 2 + high]) << 8 | UInt32(file[offset + 3 - high])
        if low & 0xFC00 == 0xDC00 {
          value = 0x10000 + ((value & 0x3FF) << 10 | low & 0x3FF)
          byteCount = 4
        }
      }
      guard let encoded = Unicode.Scalar(value).flatMap({ UTF8.encode($0) }) else {
        throw JSONFault(byteOffset: offset, problem: "the text is UTF-16, and half of a surrogate pair is missing")
      }
      bytes += encoded
      offset += byteCount
    }
    return bytes
  }

  /// `line 3, column 14 (byte 52)`: lines and columns count from 1, columns in characters, bytes from the file's start.
  func place(of offset: Int) -> String {
    let before = bytes[..<min(offset, bytes.count)]
    let line = before.count { $0 == UInt8(ascii: "\n") } + 1
    let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    let column = before[start...].count { $0 & 0xC0 != 0x80 } + 1
    return "line \(line), column \(column) (byte \(fileOffset(of: before)))"
  }

  private func fileOffset(of before: ArraySlice<UInt8>) -> Int {
    switch encoding {
    case .utf8: before.count
    case .markedUTF8: before.count + 3
    case .utf16:
      before.reduce(2) { $0 + ($1 & 0xC0 == 0x80 ? 0 : $1 >= 0xF0 ? 4 : 2) }
    }
  }
}
