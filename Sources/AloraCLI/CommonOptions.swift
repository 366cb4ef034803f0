internal import AloraJSON
internal import AloraReports
internal import ArgumentParser

/// Options of every subcommand.
struct CommonOptions: ParsableArguments {
  @Flag(name: .long, help: "Print the result as JSON (see schemas/).")
  var json = false

  @Flag(name: [.long, .short], help: "Print only errors and the result.")
  var quiet = false

  /// How text on standard output is marked up.
  var style: TextStyle { Console.standardOutput.style }

  /// Prints the result: as JSON if the user wants that, or else as text.
  ///
  /// - Parameter evenIfQuiet: whether the text is the result itself, and not a summary of what was written.
  func write(_ json: @autoclosure () -> JSONValue, text: @autoclosure () -> String, evenIfQuiet: Bool = true) {
    if self.json {
      Console.standardOutput.write(json().serialized() + "\n")
    } else if evenIfQuiet || !quiet {
      Console.standardOutput.write(text())
    }
  }

  /// Writes a line about the run to standard error, unless the user wants quiet.
  func note(_ text: String) {
    if !quiet { Console.standardError.write("alora: \(text)\n") }
  }
}
