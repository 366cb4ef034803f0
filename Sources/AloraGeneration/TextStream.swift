package import AloraTokenization

/// Turns tokens into text as they arrive. Returns whole characters only, and stops before a stop text.
package struct TextStream {
  private let tokenizer: Tokenizer
  private let stopTexts: [[UInt8]]
  private let skipsSpecialTokens: Bool
  /// The tokens that affect how the next one is decoded. The text of the first `shownCount` has been returned.
  private var tokens: [Int]
  private var shownCount: Int
  /// Text that may turn out to be the beginning of a stop text.
  private var held: [UInt8] = []
  /// Everything returned so far.
  package private(set) var text = ""
  /// The stop text that ended the stream; neither it nor anything after it is returned.
  package private(set) var stopText: String?

  /// - Parameters:
  ///   - context: the tokens before the first one. The last few affect how it is decoded.
  ///   - stopTexts: texts that end the stream.
  ///   - skipsSpecialTokens: whether special tokens add nothing to the text.
  package init(
    _ tokenizer: Tokenizer, context: [Int] = [], stopTexts: [String] = [], skipsSpecialTokens: Bool = true
  ) {
    self.tokenizer = tokenizer
    self.skipsSpecialTokens = skipsSpecialTokens
    self.stopTexts = stopTexts.map { Array($0.utf8) }.filter { !$0.isEmpty }
    tokens = []
    shownCount = 0
    // The shortest end of the context that has text and begins with a whole character.
    for count in 1..<max(1, min(12, context.count) + 1) {
      let suffix = Array(context.suffix(count))
      guard let text = try? tokenizer.decode(suffix, skipsSpecialTokens: skipsSpecialTokens), !text.isEmpty else {
        continue
      }
      guard !text.unicodeScalars.contains("\u{FFFD}") else { continue }
      tokens = suffix
      shownCount = count
      break
    }
  }

  /// Adds a token.
  ///
  /// - Returns: the text that can no longer change.
  /// - Throws: `patternFailed`.
  package mutating func add(_ token: Int) throws(TokenizationError) -> String {
    guard stopText == nil else { return "" }
    tokens.append(token)
    let all = try decode(tokens[...])
    // The next token completes the character.
    if all.suffix(3) == [0xEF, 0xBF, 0xBD], tokens.count - shownCount < 8 { return "" }
    let new = Self.added(all, after: try decode(tokens[..<shownCount]))
    // The text returned last is enough context, and begins with a whole character.
    if !new.isEmpty { tokens.removeFirst(shownCount) }
    shownCount = tokens.count
    return release(new)
  }

  /// Ends the stream.
  ///
  /// - Returns: the text that was held back.
  /// - Throws: `patternFailed`.
  package mutating func finish() throws(TokenizationError) -> String {
    guard stopText == nil else { return "" }
    let new = Self.added(try decode(tokens[...]), after: try decode(tokens[..<shownCount]))
    shownCount = tokens.count
    let certain = release(new)
    let last = stopText == nil ? String(decoding: held, as: UTF8.self) : ""
    held = []
    text += last
    return certain + last
  }

  private func decode(_ tokens: ArraySlice<Int>) throws(TokenizationError) -> [UInt8] {
    Array(try tokenizer.decode(Array(tokens), skipsSpecialTokens: skipsSpecialTokens).utf8)
  }

  private static func added(_ all: [UInt8], after old: [UInt8]) -> [UInt8] {
    if all.starts(with: old) { return Array(all[old.count...]) }
    // If the context ended within a character, the new text begins with the whole character.
    var count = zip(all, old).prefix { $0 == $1 }.count
    while count > 0, count < all.count, all[count] & 0xC0 == 0x80 { count -= 1 }
    return Array(all[count...])
  }

  /// Returns the text that can't be part of a stop text.
  private mutating func release(_ new: [UInt8]) -> String {
    held += new
    var end = held.count
    scan: for start in held.indices {
      for stop in stopTexts {
        let rest = held[start...]
        if rest.starts(with: stop) {
          stopText = String(decoding: stop, as: UTF8.self)
          end = start
          break scan
        }
        if rest.count < stop.count, stop.starts(with: rest) { end = min(end, start) }
      }
    }
    let certain = String(decoding: held[..<end], as: UTF8.self)
    held = stopText == nil ? Array(held[end...]) : []
    text += certain
    return certain
  }
}
