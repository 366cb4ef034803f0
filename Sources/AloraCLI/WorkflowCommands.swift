internal import AloraSystem

/// What a CI system takes for a command where it stands in a log: GitHub Actions a line that begins with `::`, and
/// `##[…]` anywhere; Azure Pipelines `##vso[…]`. Names in an untrusted file may contain either.
enum WorkflowCommands {
  /// Whether what is written here may be a log that is read in this way.
  static let areRead =
    FileSystem.environment("GITHUB_ACTIONS") == "true" || FileSystem.environment("TF_BUILD") != nil
}

extension String {
  /// The text with no such command in it: the second `#`, or `:`, is written as JSON would escape it, so that JSON says
  /// what it said.
  ///
  /// Source: actions/runner, `src/Runner.Common/ActionCommand.cs`. It compares as a language does: scalars that are not
  /// seen part nothing.
  func escapingWorkflowCommands() -> String {
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
