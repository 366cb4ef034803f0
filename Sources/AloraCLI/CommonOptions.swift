internal import ArgumentParser

/// Options of every subcommand.
struct CommonOptions: ParsableArguments {
  @Flag(name: .long, help: "Print the result as JSON (see schemas/).")
  var json = false

  @Flag(name: [.long, .short], help: "Print only errors and the result.")
  var quiet = false

  /// Writes a line about the run to standard error, unless the user wants quiet.
  func note(_ text: String) {
    if !quiet { Console.standardError.write("alora: \(text)\n") }
  }
}
