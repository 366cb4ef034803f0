import Testing

@testable import AloraEngineCheck

@Suite struct TokenTextsTests {
  /// Token 0 is added at the start; 9 and 10 have the same text, 11 isn't a character.
  private static let words = ["<s>", "a", "b", "ab", " a", " b", " ab", "c", ".", "x", "x", "\u{FFFD}"]
  private static let texts = TokenTexts(
    vocabularySize: words.count, decode: { $0.map { words[$0] }.joined() },
    encode: { text in
      // The longest word first.
      var (tokens, rest) = ([0], text[...])
      while !rest.isEmpty {
        let fits = words.indices.dropFirst().filter { rest.hasPrefix(words[$0]) }
        guard let best = fits.max(by: { words[$0].count < words[$1].count }) else { return nil }
        tokens.append(best)
        rest = rest.dropFirst(words[best].count)
      }
      return tokens
    })

  @Test func onlyTokensThatATextIsReadAsHaveOne() {
    #expect(Self.texts.text(of: [0, 3, 5]) == "ab b")
    #expect(Self.texts.text(of: [0, 1, 2]) == nil, "read as 'ab'")
    #expect(Self.texts.text(of: [3, 5]) == nil, "without the token at the start")
    #expect(Self.texts.text(of: []) == nil && Self.texts.text(of: [0]) == nil)
  }

  private func tokens(_ names: [String]) -> [Int] {
    Self.texts.candidates(names.map { NamedCandidate(name: .text($0), logProbability: -1) }).map(\.token)
  }

  @Test func namesThatMeanSeveralTokensAreLeftOut() {
    #expect(tokens([" a", "b", "x", "\u{FFFD}", "zz"]) == [4, 2])
    // No name begins with a blank: 'a' may be ' a'.
    #expect(tokens(["a", "c", "."]) == [7, 8])
    #expect(tokens(["c", "c"]) == [7])
    let numbers = Self.texts.candidates([
      NamedCandidate(name: .number(9), logProbability: -1), NamedCandidate(name: .number(10), logProbability: -99),
    ])
    #expect(numbers == [.init(token: 9, logProbability: -1)])
  }
}
