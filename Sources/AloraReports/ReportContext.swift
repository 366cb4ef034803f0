package import AloraTensors
internal import AloraInference

/// The files that a report is about, and the command that reproduces it.
package struct ReportContext: Sendable {
  /// A file or directory, and a SHA-256 of it.
  package struct Subject: Sendable {
    package let path: String
    package let digest: Digest
    /// What the digest covers.
    package let digestName: String

    package init(path: String, digest: Digest, digestName: String) {
      self.path = path
      self.digest = digest
      self.digestName = digestName
    }
  }

  package let model: Subject
  package let adapter: Subject
  package let golden: Subject?
  package let invocation: [Int]?
  /// Of golden rows, unless the golden file has its own.
  package let tolerance: Double
  /// Of this program.
  package let version: String
  /// The words of the command that gives the same result.
  package let command: [String]

  package init(
    model: Subject, adapter: Subject, golden: Subject?, invocation: [Int]?, tolerance: Double, version: String,
    command: [String]
  ) {
    self.model = model
    self.adapter = adapter
    self.golden = golden
    self.invocation = invocation
    self.tolerance = tolerance
    self.version = version
    self.command = command
  }

  /// The command as it is typed into a shell.
  var commandLine: String { command.map(\.quotedForShell).joined(separator: " ") }
}

extension String {
  /// One word for a POSIX shell.
  package var quotedForShell: String {
    let plain = unicodeScalars.allSatisfy {
      ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
        || "-_./=:,+@%".unicodeScalars.contains($0)
    }
    if plain, !isEmpty { return self }
    return "'" + replacingScalars { $0 == "'" ? "'\\''" : nil } + "'"
  }
}
