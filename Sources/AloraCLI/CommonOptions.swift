internal import AloraInference
internal import AloraJSON
internal import AloraNPZ
internal import AloraReports
internal import AloraSystem
internal import ArgumentParser
internal import Synchronization

/// Options of every subcommand.
struct CommonOptions: ParsableArguments {
  @Flag(help: "Print the result as JSON (see schemas/).")
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

  /// Ends a file of logits. Its report is its `meta`, and what `--json` prints.
  ///
  /// - Throws: ``NPZError``, ``FileError``.
  func finish(_ file: NPZWriter, _ report: JSONValue, summary: String) throws {
    try file.add("meta", text: report.serialized(isPretty: false))
    try file.finish()
    if json { Console.standardOutput.write(report.serialized() + "\n") } else { note(summary) }
  }

  /// Writes a line about the run to standard error, unless the user wants quiet.
  func note(_ text: String) {
    if !quiet { Console.standardError.write("alora: \(text.escapingControlCharacters())\n") }
  }

  /// Writes what one should know about a file to standard error.
  func note(_ notes: [NoteText], about path: String) {
    for note in notes { self.note("\(path): \(note)") }
  }

  func note(of adapter: Adapter) { note(adapter.notes.map { NoteText($0) }, about: adapter.path) }

  /// Writes reports and prints the result. A report that can't be written hides no other, and not the result.
  ///
  /// - Parameter page: makes the HTML page; nil for a command that has refused such a report.
  /// - Throws: the first failure to write a report; ``ExitStatus/checkFailed``.
  func publish(
    _ report: some CheckedReport, to targets: [ReportTarget], page: (() throws -> String)? = nil
  ) throws {
    var failure: (any Error)?
    for target in targets {
      do {
        try target.write(report, page: page ?? { "" }, log: Console.standardOutput.writeAsItIs)
      } catch { failure = failure ?? error }
    }
    write(report.json, text: report.text(style: style), evenIfQuiet: false)
    if let failure { throw failure }
    if !report.passed { throw ExitStatus.checkFailed }
  }

  /// Does long work, with a line on standard error that tells how far it has come: on a terminal only.
  ///
  /// - Parameters:
  ///   - total: the whole of the work, in any unit.
  ///   - work: calls its argument with how much is done, in the same unit.
  func withProgress<Result>(
    _ label: String, of total: Int = 10_000, _ work: (_ update: @escaping @Sendable (Int) -> Void) throws -> Result
  ) rethrows -> Result {
    guard !quiet, Console.standardError.isTerminal else { return try work { _ in } }
    let line = Mutex(ProgressLine(label, total: total, start: MonotonicClock.seconds))
    defer { if line.withLock(\.isShown) { Console.standardError.write("\r\u{1B}[K") } }
    return try work { done in
      let text = line.withLock { $0.text(done: done, now: MonotonicClock.seconds) }
      if let text { Console.standardError.write("\r\u{1B}[K\(text)") }
    }
  }
}

/// - Throws: `ValidationError` with the message, unless the condition holds.
func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
  if !condition { throw ValidationError(message()) }
}

/// - Throws: `ValidationError` for `-`, which means standard output to most tools. A binary file that appears complete or not
///   at all can't go there.
func requireFile(_ path: String?, option: String) throws {
  try require(path != "-", "\(option) needs a file, and '-' is standard output. For a file of that name, give ./-.")
}

/// One of a type's few values by its name, in small or capital letters.
func named<Value: RawRepresentable & CaseIterable>(_ text: String) throws -> Value where Value.RawValue == String {
  if let value = Value(rawValue: text.lowercased()) { return value }
  throw ValidationError("'\(text)' is not one of \(Value.allCases.map(\.rawValue).joined(separator: ", ")).")
}
