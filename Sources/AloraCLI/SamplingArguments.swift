internal import AloraGeneration
internal import ArgumentParser

/// How tokens are chosen.
struct SamplingArguments: ParsableArguments {
  @Option(help: ArgumentHelp("0 always takes the most probable token.", valueName: "x"))
  var temperature = 0.0

  @Option(help: ArgumentHelp("Sample from the k most probable tokens.", valueName: "k"))
  var topK: Int?

  @Option(
    help: ArgumentHelp("Sample from the most probable tokens that together reach this probability.", valueName: "p"))
  var topP: Double?

  @Option(
    help: ArgumentHelp(
      "Sample from tokens at least this many times as probable as the most probable one.", valueName: "p"))
  var minP: Double?

  @Option(help: ArgumentHelp("The same seed gives the same text on every machine.", valueName: "n"))
  var seed: UInt64 = 0

  func validate() throws {
    try require((0...100).contains(temperature), "--temperature must be from 0 to 100.")
    try require(topK ?? 1 >= 1, "--top-k must be at least 1.")
    try require(
      (0...1).contains(topP ?? 1) && (0...1).contains(minP ?? 1), "--top-p and --min-p must be from 0 to 1.")
    try require(
      temperature > 0 || (topK == nil && topP == nil && minP == nil),
      "--top-k, --top-p and --min-p need --temperature.")
  }

  var options: SamplingOptions {
    SamplingOptions(temperature: temperature, topCount: topK, topProbability: topP, minimumProbability: minP)
  }
}
