/// How fast prompts are computed, from the passes so far.
///
/// It decides how many tokens a pass has, and so how long others wait, but never what is computed: the bits don't depend on it.
struct PromptPace {
  /// Fewer tokens than this read the weights too often for what they compute.
  static let leastCount = 36
  private var secondsPerToken: Double?

  /// Takes a pass into account. One that mostly continues texts says nothing about prompts.
  mutating func add(tokenCount: Int, textCount: Int, seconds: Double) {
    guard tokenCount >= Self.leastCount, tokenCount >= 2 * textCount, seconds > 0 else { return }
    let latest = seconds / Double(tokenCount)
    // The pace falls as contexts grow, so the latest pass counts half.
    secondsPerToken = secondsPerToken.map { ($0 + latest) / 2 } ?? latest
  }

  /// - Parameters:
  ///   - seconds: how long a pass may take.
  ///   - limit: the most tokens; all of them if no pass has been measured.
  func tokenCount(in seconds: Double, atMost limit: Int) -> Int {
    guard let secondsPerToken else { return limit }
    let count = seconds / secondsPerToken
    guard count < Double(limit) else { return limit }
    // Whole tiles of twelve tokens take no longer than parts of them.
    return min(limit, max(Self.leastCount, Int(count) / 12 * 12))
  }
}
