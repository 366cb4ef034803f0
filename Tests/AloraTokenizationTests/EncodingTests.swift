import AloraSystem
import AloraModels
import AloraTestSupport
import AloraTokenization
import Testing

@Suite struct EncodingTests {
  private func reference(_ name: String) throws -> Tokenizer {
    try Tokenizer(path: testData("tokenizers/cases/\(name)"))
  }

  @Test func specialTokensInTheTextCountEitherWay() throws {
    let tokenizer = try Tokenizer(jsonPath: testData("conversion/bases/llama-bos/tokenizer.json"))
    let text = "<|start_of_role|>check the<|end_of_role|>"
    #expect(try tokenizer.encode(text, addsSpecialTokens: false) == [3, 273, 264, 4])
    #expect(try tokenizer.encode(text) == [1, 3, 273, 264, 4])
    #expect(try tokenizer.decode([3, 273, 264, 4]) == text)
    #expect(try tokenizer.decode([3, 273, 264, 4], skipsSpecialTokens: true) == "check the")
    #expect(tokenizer.isSpecial(3) && !tokenizer.isSpecial(273))
    #expect(tokenizer.token(of: "<|end_of_role|>") == 4)
    #expect(tokenizer.piece(of: 4) == "<|end_of_role|>")
    #expect(tokenizer.piece(of: tokenizer.idLimit) == nil)
    #expect(tokenizer.piece(of: -1) == nil)
  }

  @Test func emptyTextHasOnlyTheAddedTokens() throws {
    #expect(try reference("smollm2").encode("").isEmpty)
    #expect(try reference("llama3").encode("").count == 1)
    #expect(try reference("llama3").encode("", addsSpecialTokens: false).isEmpty)
    #expect(try reference("smollm2").decode([]) == "")
  }

  @Test func invalidUTF8IsRefused() throws {
    let tokenizer = try reference("smollm2")
    for bytes in [[0x80], [0x41, 0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]]
      as [[UInt8]]
    {
      #expect(caught(TokenizationError.self) { _ = try tokenizer.encode(bytes: bytes) }?.code == .invalidUTF8)
    }
    #expect(try tokenizer.encode(bytes: Array("é".utf8)) == tokenizer.encode("é"))
  }

  /// Texts that a quadratic algorithm would not finish: each comes back as it was.
  @Test(arguments: ["smollm2", "llama3", "mistral-v1", "gemma2", "gguf-spm-llama", "granite4"])
  func longRunsAreEncoded(_ name: String) throws {
    let path = try testData("tokenizers/cases/\(name)")
    let tokenizer = try Tokenizer(path: name.hasPrefix("gguf") ? path + "/vocabulary.gguf" : path)
    for unit in ["a", " ", "\n", "1", "é", "ab", "!", "x "] {
      let text = String(repeating: unit, count: 50_000)
      let tokens = try tokenizer.encode(text, addsSpecialTokens: false)
      #expect(try tokenizer.decode(tokens) == text, "\(name) \(unit.debugDescription)")
    }
  }

  /// The same tokens whether a piece is short enough to be scanned or long enough for the queue.
  @Test func longWordsMergeLikeShortOnes() throws {
    // The merges of a run of one letter do not reach beyond pairs, fours, …, so a run of runs splits at them.
    let tokenizer = try reference("smollm2")
    var random = SeededRandom(seed: 11)
    for _ in 0..<200 {
      let word = String(
        (0..<Int.random(in: 30...60, using: &random)).map { _ in "thein".randomElement(using: &random) ?? "t" })
      let tokens = try tokenizer.encode(word)
      #expect(try tokenizer.decode(tokens) == word)
      // Encoding is a function of the text alone, not of what was encoded before it.
      #expect(try tokenizer.encode(word + " " + word).prefix(tokens.count).elementsEqual(tokens))
    }
  }

  /// Digits knows the numbers of Unicode 17, which the patterns do not: a byte-level merge never crosses them.
  @Test func digitsOfUnicode17StandAlone() throws {
    let tokenizer = try reference("smollm2")
    for digit in ["\u{11DE0}", "\u{11DE9}", "\u{16FF4}", "7", "٣"] {
      let parts = try ["an", digit, "an"].flatMap { try tokenizer.encode($0) }
      #expect(try tokenizer.encode("an\(digit)an") == parts)
    }
  }

  @Test func idsOutsideTheVocabularyDecodeToNothing() throws {
    #expect(try reference("smollm2").decode([-1, 1 << 40, 499_999]) == "")
  }
}
