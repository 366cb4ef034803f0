internal import AloraJSON
internal import CArchitectureTable

/// The text of a table with one class or one rule in a line, which a lookup searches without parsing it.
@safe struct TableText: Sendable {
  // Safe: the bytes outlive the process or, in tests, the table; every offset below stays within `count`.
  private nonisolated(unsafe) let start: UnsafePointer<UInt8>
  private let count: Int

  /// The table in the binary.
  init() {
    unsafe start = alora_architecture_table()
    count = alora_architecture_table_count()
  }

  /// - Parameters:
  ///   - start: `count` bytes that outlive the table.
  @unsafe init(start: UnsafePointer<UInt8>, count: Int) {
    unsafe self.start = start
    self.count = count
  }

  /// The lines that contain a text, each once.
  func lines(with wanted: String) -> [Range<Int>] {
    var lines: [Range<Int>] = []
    var offset = 0
    while let found = find(wanted, from: offset) {
      let line = line(at: found)
      lines.append(line)
      offset = line.upperBound
    }
    return lines
  }

  /// The first line that contains a text.
  func line(with wanted: String) -> Range<Int>? { find(wanted, from: 0).map { line(at: $0) } }

  /// The next lines after one: `count` of them, or fewer at the end.
  func lines(after line: Range<Int>, count wanted: Int) -> [Range<Int>] {
    var lines: [Range<Int>] = []
    lines.reserveCapacity(wanted)
    var first = line.upperBound + 1
    while lines.count < wanted, first < count {
      let end = find("\n", from: first) ?? count
      lines.append(first..<end)
      first = end + 1
    }
    return lines
  }

  /// The text after `prefix` in the line, up to the next quote.
  func string(after prefix: String, in line: Range<Int>) -> String {
    guard let found = find(prefix, from: line.lowerBound), found < line.upperBound else { return "" }
    let first = found + prefix.utf8.count
    let end = min(find("\"", from: first) ?? count, line.upperBound)
    return unsafe String(decoding: bytes(first..<max(first, end)), as: UTF8.self)
  }

  /// The lines as JSON values.
  func json(_ lines: [Range<Int>]) throws -> [JSON] {
    // One text, because each parser takes more time to make than a line takes to parse.
    var array: [UInt8] = [UInt8(ascii: "[")]
    array.reserveCapacity(lines.reduce(2) { $0 + $1.count + 1 })
    for line in lines {
      if array.count > 1 { array.append(UInt8(ascii: ",")) }
      unsafe array.append(contentsOf: bytes(line))
      if array.last == UInt8(ascii: ",") { array.removeLast() }
    }
    array.append(UInt8(ascii: "]"))
    return try JSONDocument(parsing: unsafe array.span.bytes).root.elements()
  }

  private func line(at offset: Int) -> Range<Int> {
    let first = unsafe Int(alora_text_line_start(start, offset))
    return first..<(find("\n", from: offset) ?? count)
  }

  private func bytes(_ range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
    unsafe UnsafeBufferPointer(start: start + range.lowerBound, count: range.count)
  }

  private func find(_ wanted: String, from offset: Int) -> Int? {
    var wanted = wanted
    // Safe: an empty text may have no base address, and none is searched for.
    let found = wanted.withUTF8 { wanted in
      unsafe wanted.baseAddress.map { unsafe Int(alora_text_find(start, count, offset, $0, wanted.count)) } ?? count
    }
    return found < count ? found : nil
  }
}
