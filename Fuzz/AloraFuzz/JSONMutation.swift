/// The values and members of a JSON text by their places, so that one can be changed and the text stays JSON.
struct JSONText {
  private(set) var values: [Range<Int>] = []
  /// Members of objects with their names, and elements of arrays: what stands between commas.
  private(set) var items: [Range<Int>] = []
  let bytes: [UInt8]

  /// Nil if the text isn't JSON. Nesting does not recurse.
  init?(_ bytes: [UInt8]) {
    self.bytes = bytes
    var open: [(start: Int, item: Int, isObject: Bool)] = []
    var offset = 0
    var item = 0
    func skip() { while offset < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[offset]) { offset += 1 } }
    func string() -> Bool {
      offset += 1
      while offset < bytes.count, bytes[offset] != 0x22 { offset += bytes[offset] == 0x5C ? 2 : 1 }
      offset += 1
      return offset <= bytes.count
    }
    skip()
    while true {
      skip()
      guard offset < bytes.count else { return nil }
      var start = offset
      if bytes[offset] == 0x7B || bytes[offset] == 0x5B {
        open.append((offset, item, bytes[offset] == 0x7B))
        offset += 1
        skip()
        item = offset
        guard offset < bytes.count else { return nil }
        if bytes[offset] != 0x7D, bytes[offset] != 0x5D {
          if open[open.count - 1].isObject { guard name() else { return nil } }
          continue
        }
      } else if bytes[offset] == 0x22 {
        guard string() else { return nil }
        values.append(start..<offset)
        if !open.isEmpty { items.append(item..<offset) }
      } else {
        while offset < bytes.count, ![0x2C, 0x7D, 0x5D, 0x20, 0x0A, 0x0D, 0x09].contains(bytes[offset]) { offset += 1 }
        guard offset > start else { return nil }
        values.append(start..<offset)
        if !open.isEmpty { items.append(item..<offset) }
      }
      // Ends of what was open, and the comma before the next.
      while true {
        skip()
        guard let innermost = open.last else {
          guard offset == bytes.count else { return nil }
          return
        }
        guard offset < bytes.count else { return nil }
        if bytes[offset] == (innermost.isObject ? 0x7D : 0x5D) {
          offset += 1
          start = innermost.start
          values.append(start..<offset)
          item = innermost.item
          open.removeLast()
          if !open.isEmpty { items.append(item..<offset) }
          continue
        }
        guard bytes[offset] == 0x2C else { return nil }
        offset += 1
        skip()
        item = offset
        if innermost.isObject { guard name() else { return nil } }
        break
      }
    }
    func name() -> Bool {
      guard offset < bytes.count, bytes[offset] == 0x22, string() else { return false }
      skip()
      guard offset < bytes.count, bytes[offset] == 0x3A else { return false }
      offset += 1
      return true
    }
  }

  private static let literals = [
    "0", "-1", "1", "2", "3", "64", "255", "65536", "2147483647", "2147483648", "4294967295", "9223372036854775807",
    "18446744073709551616", "1e308", "1e-320", "-0.0", "0.5", "NaN", "Infinity", "-Infinity", "null", "true", "false",
    "\"\"", "\"a\"", "[]", "{}", "[[]]", "[0]", "\"\\u0000\"", "\"\\ud83d\\ude00\"", "\".*\"", "\"(a|aa)+$\"",
    "\"../x\"",
    "[0,9223372036854775807]", "[4,-1]", "\"F32\"", "\"Q8_0\"",
  ].map { Array($0.utf8) }

  /// The text with one value or item changed; `other` may lend a value.
  func mutated(_ random: inout SmallRandom, other: JSONText?, bytes change: ([UInt8]) -> [UInt8]) -> [UInt8] {
    guard let value = values.randomElement(using: &random) else { return bytes }
    let item = items.randomElement(using: &random)
    switch (Int.random(in: 0..<9, using: &random), item) {
    case (0, _), (1, _): return replacing(value, Self.literals.randomElement(using: &random) ?? [])
    case (2, _):
      let lender = other ?? self
      guard let lent = lender.values.randomElement(using: &random) else { return bytes }
      return replacing(value, Array(lender.bytes[lent]))
    case (3, let item?): return replacing(item, Array(bytes[item]) + [0x2C] + Array(bytes[item]))
    case (4, let item?):
      var end = item.upperBound
      while end < bytes.count, bytes[end] <= 0x20 { end += 1 }
      if end < bytes.count, bytes[end] == 0x2C { return replacing(item.lowerBound..<(end + 1), []) }
      var start = item.lowerBound
      while start > 0, bytes[start - 1] <= 0x20 { start -= 1 }
      return start > 0 && bytes[start - 1] == 0x2C ? replacing((start - 1)..<item.upperBound, []) : replacing(item, [])
    case (5, _):
      let isObject = Bool.random(using: &random)
      return replacing(value, Array((isObject ? "{\"a\":" : "[").utf8) + Array(bytes[value]) + [isObject ? 0x7D : 0x5D])
    case (6, let item?):
      guard let second = items.randomElement(using: &random), second.lowerBound >= item.upperBound else { return bytes }
      let both = replacing(second, Array(bytes[item]))
      return Array(both[..<item.lowerBound]) + Array(bytes[second]) + Array(both[item.upperBound...])
    default:
      // libFuzzer's own change within a value: a string stays one most of the time.
      let inner =
        bytes[value.lowerBound] == 0x22 && value.count >= 2 ? (value.lowerBound + 1)..<(value.upperBound - 1) : value
      guard inner.count < 200 else { return bytes }
      return replacing(inner, change(Array(bytes[inner])))
    }
  }

  private func replacing(_ range: Range<Int>, _ new: [UInt8]) -> [UInt8] {
    Array(bytes[..<range.lowerBound]) + new + Array(bytes[range.upperBound...])
  }
}
