/// A step that changes a text before it is split.
enum Normalizer: Sendable {
  case prepend([UInt8])
  case replace(SplitPattern, with: [UInt8])
  /// To normalization form C.
  case compose(CanonicalComposition)
  /// To normalization form D.
  case decompose(CanonicalComposition)
  case lowercase
  case strip(left: Bool, right: Bool)

  /// - Throws: `patternFailed`.
  func apply(to text: inout [UInt8]) throws(TokenizationError) {
    switch self {
    case .prepend(let prefix):
      if !text.isEmpty { text.insert(contentsOf: prefix, at: 0) }
    case .replace(let pattern, let content):
      text = try Self.replaced(text, pattern, content)
    case .compose(let composition): text = composition.normalized(text)
    case .decompose(let composition): text = composition.decomposed(text)
    case .lowercase:
      guard let string = String(validating: text, as: UTF8.self) else { return }
      text = string.unicodeScalars.flatMap { Array($0.properties.lowercaseMapping.utf8) }
    case .strip(let left, let right):
      var range = 0..<text.count
      while left, !range.isEmpty {
        let (scalar, count) = UTF8Text.scalar(in: text, at: range.lowerBound)
        guard UTF8Text.isWhiteSpace(scalar) else { break }
        range = (range.lowerBound + count)..<range.upperBound
      }
      while right, !range.isEmpty {
        let (scalar, count) = UTF8Text.scalar(in: text, before: range.upperBound)
        guard UTF8Text.isWhiteSpace(scalar) else { break }
        range = range.lowerBound..<(range.upperBound - count)
      }
      if range.count != text.count { text = Array(text[range]) }
    }
  }

  /// - Throws: `patternFailed`.
  static func replaced(
    _ text: [UInt8], _ pattern: SplitPattern, _ content: [UInt8]
  ) throws(TokenizationError) -> [UInt8] {
    var matches: [Range<Int>] = []
    try pattern.appendMatches(in: text, range: 0..<text.count, to: &matches)
    guard !matches.isEmpty else { return text }
    var result: [UInt8] = []
    result.reserveCapacity(text.count + matches.count * content.count)
    var done = 0
    for match in matches {
      result += text[done..<match.lowerBound]
      result += content
      done = match.upperBound
    }
    result += text[done...]
    return result
  }
}
