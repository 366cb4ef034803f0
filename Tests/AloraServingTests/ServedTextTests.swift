import AloraGeneration
import AloraModels
import AloraTestSupport
import AloraTokenization
import Testing

@testable import AloraServing

/// The parts of a text that tokens stand for.
@Suite struct ServedTextTests {
  private func tokenizer() throws -> Tokenizer {
    try Tokenizer(path: testData("adapters/answerability/base-config"))
  }

  /// Everything that comes out while tokens go in.
  private func served(
    _ tokens: [Int], _ tokenizer: Tokenizer, stop: [String] = [], end: Generation.End = .limit
  ) throws -> (text: ServedText, pieces: [ServedText.Piece]) {
    var text = ServedText(tokenizer, request: GenerationRequest(tokens: [1, 2], limit: 1), stopTexts: stop)
    var pieces: [ServedText.Piece] = []
    for token in tokens {
      pieces += try text.take(.token(ServedToken(token: token, logProbability: nil, alternatives: [])))
    }
    pieces += try text.take(.ended(end))
    return (text, pieces)
  }

  /// Also of tokens that are parts of characters, or of none.
  @Test func thePartsJoinedAreTheText() throws {
    let tokenizer = try tokenizer()
    var random = SeededGenerator(seed: 11)
    let accents = try tokenizer.encode("Zażółć gęślą jaźń 🦜🏳️‍🌈 語彙 ﷽ e\u{301}", addsSpecialTokens: false)
    for round in 0..<200 {
      var tokens = (0..<Int.random(in: 1...30, using: &random)).map { _ in Int.random(in: 0..<49152, using: &random) }
      if round.isMultiple(of: 2) { tokens = Array(accents.shuffled(using: &random).prefix(20)) + tokens.prefix(2) }
      let (text, pieces) = try served(tokens, tokenizer)
      #expect(pieces.map(\.text).joined().utf8.elementsEqual(text.text.utf8), "\(tokens)")
      #expect(pieces.map(\.token.token) == tokens)
      var stream = TextStream(tokenizer, context: [1, 2])
      for token in tokens { _ = try stream.add(token) }
      _ = try stream.finish()
      #expect(text.text.utf8.elementsEqual(stream.text.utf8))
    }
  }

  @Test func nothingOfAStopTextIsReturned() throws {
    let tokenizer = try tokenizer()
    let tokens = try tokenizer.encode("one two three four five", addsSpecialTokens: false)
    for (stop, expected) in [("thr", "one two "), (" two", "one"), ("one", ""), ("ee f", "one two thr")] {
      let (text, pieces) = try served(tokens, tokenizer, stop: ["never", stop])
      #expect(text.text == expected)
      #expect(pieces.map(\.text).joined() == expected)
      #expect(text.finish == .stopText(stop))
    }
    let (text, _) = try served(tokens, tokenizer, stop: ["six", "fivefold"])
    #expect(text.text == "one two three four five" && text.finish == .limit)
  }

  @Test func anEndTokenIsCountedAndNotShown() throws {
    let tokenizer = try tokenizer()
    var request = GenerationRequest(tokens: [1], limit: 9)
    request.endTokens = [2]
    var text = ServedText(tokenizer, request: request, stopTexts: [])
    let tokens = try tokenizer.encode("Yes", addsSpecialTokens: false) + [2]
    for token in tokens {
      _ = try text.take(.token(ServedToken(token: token, logProbability: nil, alternatives: [])))
    }
    _ = try text.take(.ended(.token))
    #expect(text.text == "Yes" && text.finish == .endToken && text.tokenCount == tokens.count)
  }
}
