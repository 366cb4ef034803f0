package import AloraGGUF

extension GGUFValue {
  /// The value in readable form. Long arrays and texts are cut.
  package func excerpt(limit: Int = 72) -> String {
    switch self {
    case .array(let array):
      var items: [String] = []
      var length = 0
      for value in array {
        let item = value.excerpt(limit: 24)
        length += item.count + 2
        if length > limit || items.count == 16 { break }
        items.append(item)
      }
      let rest = array.count - items.count
      return "[\(items.joined(separator: ", "))\(rest > 0 ? "\(items.isEmpty ? "" : ", ")… \(rest) more" : "")]"
    case .bytes:
      let text = plainText
      return text.count > limit ? "\"\(text.prefix(limit))…\"" : "\"\(text)\""
    default: return plainText
    }
  }

  /// The whole value without quotes, for scripts. Bytes that are not UTF-8 are replaced.
  package var plainText: String {
    switch self {
    case .uint8(let value): "\(value)"
    case .int8(let value): "\(value)"
    case .uint16(let value): "\(value)"
    case .int16(let value): "\(value)"
    case .uint32(let value): "\(value)"
    case .int32(let value): "\(value)"
    case .uint64(let value): "\(value)"
    case .int64(let value): "\(value)"
    case .float32(let value): "\(value)"
    case .float64(let value): "\(value)"
    case .bool(let value): "\(value)"
    case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
    case .array(let array): "[" + array.map(\.plainText).joined(separator: ", ") + "]"
    }
  }
}
