import Testing

@testable import AloraServing

/// How many tokens of prompts a pass has.
@Suite struct PromptPaceTests {
  @Test func aPassTakesNoLongerThanItMay() {
    var pace = PromptPace()
    #expect(pace.tokenCount(in: 0.1, atMost: 512) == 512)
    pace.add(tokenCount: 512, textCount: 1, seconds: 1)
    // 51 tokens in 0.1 s, in whole tiles.
    #expect(pace.tokenCount(in: 0.1, atMost: 512) == 48)
    #expect(pace.tokenCount(in: 10, atMost: 512) == 512)
    #expect(pace.tokenCount(in: 10, atMost: 16) == 16)
  }

  @Test func aSlowModelStillComputesAFewTokens() {
    var pace = PromptPace()
    pace.add(tokenCount: 100, textCount: 1, seconds: 1000)
    #expect(pace.tokenCount(in: 0.1, atMost: 128) == PromptPace.leastCount)
    #expect(pace.tokenCount(in: 0.1, atMost: 5) == 5)
  }

  @Test func thePaceFollowsTheLatestPasses() {
    var pace = PromptPace()
    for _ in 0..<20 { pace.add(tokenCount: 100, textCount: 1, seconds: 1) }
    for _ in 0..<5 { pace.add(tokenCount: 100, textCount: 1, seconds: 0.1) }
    #expect(pace.tokenCount(in: 0.1, atMost: 1000) > 70)
  }

  /// Passes that only continue texts read all weights for a few tokens.
  @Test(arguments: [(1, 1, 1.0), (40, 30, 1.0), (100, 1, 0.0)]) func somePassesTellNothing(
    tokenCount: Int, textCount: Int, seconds: Double
  ) {
    var pace = PromptPace()
    pace.add(tokenCount: tokenCount, textCount: textCount, seconds: seconds)
    #expect(pace.tokenCount(in: 0.001, atMost: 512) == 512)
  }
}
