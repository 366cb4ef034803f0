internal import AloraSystem
internal import AloraJSON
internal import AloraNPZ

extension NPZWriter {
  /// Ends a file of logits. Its report is its `meta`, and what `--json` prints.
  ///
  /// - Throws: ``NPZError``, ``FileError``.
  func finish(with report: JSONValue, _ common: CommonOptions, summary: String) throws {
    try add("meta", text: report.serialized(isPretty: false))
    try finish()
    if common.json {
      Console.standardOutput.write(report.serialized() + "\n")
    } else {
      common.note(summary.escapingControlCharacters())
    }
  }
}
