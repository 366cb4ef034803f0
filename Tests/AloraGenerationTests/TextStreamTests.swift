import AloraModels
import AloraGeneration
import AloraTestSupport
import AloraTokenization
import Testing

/// Text as it comes is the text as a whole, never broken within a character.
@Suite struct TextStreamTests {
  private static let texts = [
    "Hello, world", "Grüße aus Köln, señor", "漢字かな交じり文 \u{1F469}\u{200D}\u{1F680} and \u{1F1E9}\u{1F1EA}!",
    "a\n\n  b\t\u{FFFD}c",
  ]

  private static let tokenizers = [
    "adapters/answerability/base-config", "tokenizers/cases/llama3", "tokenizers/cases/gemma2",
    "tokenizers/cases/gguf-spm-llama/vocabulary.gguf",
  ]

  @Test(arguments: Self.tokenizers) func piecesJoinToTheWhole(_ path: String) throws {
    let tokenizer = try Tokenizer(path: testData(path))
    for text in Self.texts {
      let tokens = try tokenizer.encode(text, addsSpecialTokens: false)
      for split in 0...tokens.count {
        // No prompt ends within a character.
        let isWhole = try !tokenizer.decode(Array(tokens[..<split])).hasSuffix("\u{FFFD}")
        guard isWhole else { continue }
        var stream = TextStream(tokenizer, context: Array(tokens[..<split]))
        var pieces = try tokens[split...].map { try stream.add($0) }
        pieces.append(try stream.finish())
        let whole = try tokenizer.decode(tokens, skipsSpecialTokens: true)
        #expect(
          whole.utf8.suffix(pieces.joined().utf8.count).elementsEqual(pieces.joined().utf8), "\(path) \(text) \(split)")
        if split == 0 { #expect(pieces.joined() == whole, "\(path) \(text)") }
        if !text.contains("\u{FFFD}") { #expect(!pieces.joined().contains("\u{FFFD}"), "\(path) \(text) \(split)") }
        #expect(stream.text == pieces.joined())
      }
    }
  }

  @Test func nothingIsToldBeforeACharacterIsWhole() throws {
    let tokenizer = try Tokenizer(path: testData("adapters/answerability/base-config"))
    let tokens = try tokenizer.encode("\u{1F9A9}", addsSpecialTokens: false)
    #expect(tokens.count > 1)
    var stream = TextStream(tokenizer)
    #expect(try tokens.map { try stream.add($0) } == [String](repeating: "", count: tokens.count - 1) + ["\u{1F9A9}"])
  }

  @Test func aCharacterThatIsNeverCompletedIsToldAtTheEnd() throws {
    let tokenizer = try Tokenizer(path: testData("adapters/answerability/base-config"))
    let tokens = try tokenizer.encode("a\u{1F9A9}", addsSpecialTokens: false)
    var stream = TextStream(tokenizer)
    let pieces = try tokens.dropLast().map { try stream.add($0) } + [try stream.finish()]
    #expect(pieces.joined() == (try tokenizer.decode(Array(tokens.dropLast()))))
  }

  /// Against the definition, on every text over two letters: the text up to the first stop text.
  @Test func theStreamEndsBeforeAStopText() throws {
    let tokenizer = try Tokenizer(path: testData("adapters/answerability/base-config"))
    let letters = try ["a", "b"].map { try #require(tokenizer.token(of: $0)) }
    for stops in [["ab"], ["aba"], ["bb", "aba"], ["abab", "b"], ["aab", "ab"], [""]] {
      for code in 0..<128 {
        let word = (0..<7).map { code >> $0 & 1 }
        let text = word.map { $0 == 0 ? "a" : "b" }.joined()
        var stream = TextStream(tokenizer, stopTexts: stops)
        var told = ""
        // As soon as a stop text is complete: the shortest beginning that holds one, cut where the earliest is.
        var (expected, met) = (text, false)
        for count in 1...7 where !met {
          let part = Array(text.prefix(count))
          for start in 0..<count where !met {
            for stop in stops where !stop.isEmpty && String(part[start...]).hasPrefix(stop) {
              (expected, met) = (String(part[..<start]), true)
            }
          }
        }
        for letter in word {
          told += try stream.add(letters[letter])
          // Never more than can be taken for certain.
          #expect(text.hasPrefix(told) && expected.hasPrefix(told))
        }
        told += try stream.finish()
        #expect(told == expected && (stream.stopText != nil) == met, "\(text) \(stops)")
      }
    }
  }

  @Test func specialTokensAreNotText() throws {
    let tokenizer = try Tokenizer(path: testData("adapters/answerability/base-config"))
    var stream = TextStream(tokenizer)
    let tokens = try tokenizer.encode("yes<|im_end|>", addsSpecialTokens: false)
    let told = try tokens.map { try stream.add($0) }.joined() + stream.finish()
    #expect(told == "yes")
  }
}
