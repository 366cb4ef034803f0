extension String {
  /// The text without anything that a CI system executes as a command in its log: in GitHub Actions, a line that begins with
  /// `::`, and `##[…]` anywhere; in Azure Pipelines, `##vso[…]`. Names in an untrusted file may contain either. The second
  /// `#` or `:` becomes a JSON escape, so that JSON keeps its meaning.
  ///
  /// Source: actions/runner, `src/Runner.Common/ActionCommand.cs`. Its comparison is linguistic, so invisible scalars between
  /// the characters don't hide a command.
  package func escapingWorkflowCommands() -> String {
    var result = ""
    var previous: Unicode.Scalar = "\n"
    // Whether the line has only white space so far, and whether `previous` is its first colon after that.
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
