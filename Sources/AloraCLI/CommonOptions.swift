internal import ArgumentParser

/// What every subcommand takes.
struct CommonOptions: ParsableArguments {
  @Flag(name: .long, help: "Write the result to standard output as JSON (see schemas/).")
  var json = false

  @Flag(name: [.long, .short], help: "Say nothing but errors and the result asked for.")
  var quiet = false

  /// Writes a line about the run to standard error, unless the user wants quiet.
  func note(_ text: String) {
    if !quiet { Console.standardError.write("alora: \(text)\n") }
  }
}
