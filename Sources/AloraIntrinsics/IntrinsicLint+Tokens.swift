internal import AloraGeneration
internal import AloraJSON
internal import AloraTokenization

extension IntrinsicLint {
  /// Whether clients can read a category's probability off the tokens of an answer.
  ///
  /// They look for the token that begins the value (after its quote), and take its alternatives for those categories that
  /// begin with them.
  /// Source: granite-common 0.4.1, `intrinsics/output.py` (`TokenToFloat._transform`).
  func tokenFindings(
    _ likelihood: IntrinsicConfiguration.Likelihood, _ base: IntrinsicBase
  ) throws -> [IntrinsicFinding] {
    let places = configuration.schema.map { SchemaPath.places(likelihood.path, in: $0).map(\.steps) } ?? []
    let steps = places.first ?? likelihood.path
    let path = SchemaPath.text(likelihood.path)
    let before = SchemaPath.usualText(before: steps)
    var findings: [IntrinsicFinding] = []
    var firstTokens: [(category: IntrinsicConfiguration.Category, text: [UInt8])] = []
    for category in likelihood.categories.prefix(Self.valueLimit) {
      let literal = Array(category.value.serialized(isPretty: false).utf8)
      let opening = literal.first == UInt8(ascii: "\"") ? 1 : 0
      let beginning = before.utf8.count + opening
      let text = before + String(decoding: literal, as: UTF8.self) + "}"
      switch try Self.token(at: beginning, of: text, base) {
      case .begins(let token): firstTokens.append((category, token))
      case .across(let token):
        findings.append(
          .beginsInsideToken(
            category: category.spelling, path: path, token: String(decoding: token, as: UTF8.self)))
        continue
      }
      let head = Array(before.utf8) + literal.prefix(opening)
      let across = Self.tokens(across: head, Array(literal.dropFirst(opening)), base)
      if !across.isEmpty {
        findings.append(.tokensAcrossBeginning(category: category.spelling, path: path, tokens: across))
      }
    }
    for (index, first) in firstTokens.enumerated() {
      // The first category that a token begins gets its probability.
      guard let other = firstTokens.prefix(index).first(where: { Self.text($0.category).starts(with: first.text) })
      else {
        continue
      }
      findings.append(
        .sharedFirstToken(
          category: first.category.spelling, other: other.category.spelling, path: path,
          token: String(decoding: first.text, as: UTF8.self)))
    }
    return findings
  }

  /// A category as Python's `str` writes it.
  private static func text(_ category: IntrinsicConfiguration.Category) -> [UInt8] {
    switch category.value {
    case .string(let text): Array(text.utf8)
    case .boolean(let value): Array((value ? "True" : "False").utf8)
    default: Array(category.spelling.utf8)
    }
  }

  private enum TokenAtBeginning {
    case begins([UInt8])
    case across([UInt8])
  }

  /// The token of a text that begins at a byte, or goes across it.
  private static func token(at place: Int, of text: String, _ base: IntrinsicBase) throws -> TokenAtBeginning {
    var start = 0
    for token in try base.encoder.tokenizer.encode(text, addsSpecialTokens: false) {
      let bytes = base.tokens.indices.contains(token) ? base.tokens[token] : []
      // A tokenizer may put a space before the text.
      let skipped = start == 0 && bytes.first == UInt8(ascii: " ") && text.utf8.first != UInt8(ascii: " ") ? 1 : 0
      let end = start + bytes.count - skipped
      if start == place, end > place { return .begins(bytes) }
      if end > place { return .across(bytes) }
      start = end
    }
    return .across([])
  }

  /// Tokens that begin in `head`, end in `literal`, and fit both; a few of them.
  private static func tokens(across head: [UInt8], _ literal: [UInt8], _ base: IntrinsicBase) -> [String] {
    var found: [String] = []
    for bytes in base.tokens where bytes.count > 1 {
      let fits = (1..<bytes.count).contains { count in
        let rest = bytes.dropFirst(count)
        return count <= head.count && head.suffix(count).elementsEqual(bytes.prefix(count))
          && literal.starts(with: rest)
      }
      if fits { found.append(String(decoding: bytes, as: UTF8.self)) }
      if found.count == 4 { break }
    }
    return found
  }
}
