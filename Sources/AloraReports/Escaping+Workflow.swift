extension String {
  /// The text without anything that a CI system takes for a command in its log: GitHub Actions reads a line that begins
  /// with `::`, and `##[…]` anywhere; Azure Pipelines reads `##vso[…]`. Names in a file that isn't trusted may contain
  /// either. The second `#`, or `:`, is written as JSON would escape it, so that JSON keeps its meaning.
  ///
  /// Source: actions/runner, `src/Runner.Common/ActionCommand.cs`. It compares as a language does: scalars that are not
  /// seen part nothing.
  package func escapingWorkflowCommands() -> String {
    var result = ""
    var previous: Unicode.Scalar = "\n"
    // Nothing but space since the line began; and whether `previous` is a colon that came after that.
    var (isBlank, isFirstColon) = (true, false)
    for scalar in unicodeScalars {
      if scalar.isIgnorable {
        result.unicodeScalars.append(scalar)
        continue
      }
      switch scalar {
      case "#" where previous == "#": result += "\\u0023"
      case ":" where isFirstColon: result += "\\u003a"
      default: result.unicodeScalars.append(scalar)
      }
      isFirstColon = scalar == ":" && isBlank
      isBlank = scalar == "\n" || scalar == "\r" || (isBlank && scalar.properties.isWhitespace)
      previous = scalar
    }
    return result
  }
}

extension Unicode.Scalar {
  fileprivate var isIgnorable: Bool {
    value >= 0x80 && (properties.isDefaultIgnorableCodePoint || properties.generalCategory == .format)
  }
}
