/// Writes JSON with the same bytes on every system. json-c isn't used, because its versions lay out empty lists differently.
struct JSONWriter {
  private(set) var bytes: [UInt8] = []
  private let isPretty: Bool
  private var depth = 0

  init(isPretty: Bool) { self.isPretty = isPretty }

  var text: String { String(decoding: bytes, as: UTF8.self) }

  mutating func raw(_ text: String) { bytes += Array(text.utf8) }

  mutating func string(_ utf8: some Sequence<UInt8>) {
    bytes.append(UInt8(ascii: "\""))
    for byte in utf8 {
      switch byte {
      case UInt8(ascii: "\""): raw("\\\"")
      case UInt8(ascii: "\\"): raw("\\\\")
      case 0x08: raw("\\b")
      case 0x09: raw("\\t")
      case 0x0A: raw("\\n")
      case 0x0C: raw("\\f")
      case 0x0D: raw("\\r")
      case 0..<0x20: raw(byte < 0x10 ? "\\u000\(String(byte, radix: 16))" : "\\u00\(String(byte, radix: 16))")
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Writes a list or an object: the brackets, and between them each item with `write`.
  mutating func container<Item>(_ brackets: (String, String), _ items: [Item], _ write: (Item, inout Self) -> Void) {
    raw(brackets.0)
    depth += 1
    for (index, item) in items.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      breakLine()
      write(item, &self)
    }
    depth -= 1
    if !items.isEmpty { breakLine() }
    raw(brackets.1)
  }

  /// A member's name and the colon after it.
  mutating func name(_ name: String) {
    string(name.utf8)
    raw(isPretty ? ": " : ":")
  }

  private mutating func breakLine() {
    guard isPretty else { return }
    bytes.append(UInt8(ascii: "\n"))
    bytes += [UInt8](repeating: UInt8(ascii: " "), count: 2 * depth)
  }
}
