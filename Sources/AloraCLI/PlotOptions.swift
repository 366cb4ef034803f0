internal import AloraGeneration
internal import AloraSystem
internal import ArgumentParser

/// Where a measurement's plot goes.
struct PlotOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Write a plot to this file.", valueName: "svg"))
  var plot: String?

  @Flag(help: "Replace an existing plot.")
  var force = false

  func file() throws -> AtomicFile? { try plot.map { try AtomicFile(path: $0, replacesExisting: force) } }
}

/// The context lengths in a list such as `256,1024`.
func contextCounts(in text: String) throws -> [Int] {
  let counts = TokenLists.numbers(in: text) ?? [0]
  try require(
    counts.allSatisfy { (1...1_000_000).contains($0) }, "--contexts must be a list such as 256,1024.")
  return counts
}
