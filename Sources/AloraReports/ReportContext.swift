public import AloraTensors
internal import AloraInference

/// What a report tells besides the findings: which files they are of, and how to find them again.
public struct ReportContext: Sendable {
  /// A file or directory, and a SHA-256 of it.
  public struct Subject: Sendable {
    public let path: String
    public let digest: Digest
    /// Of what the digest is.
    public let digestName: String

    public init(path: String, digest: Digest, digestName: String) {
      self.path = path
      self.digest = digest
      self.digestName = digestName
    }
  }

  public let model: Subject
  public let adapter: Subject
  public let golden: Subject?
  public let invocation: [Int]?
  /// Against goldens, as a part of a row's greatest magnitude.
  public let tolerance: Double
  /// Of this program.
  public let version: String
  /// The words of the call that finds the same.
  public let command: [String]

  public init(
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

  /// The call as it is typed into a shell.
  var commandLine: String { command.map(\.quotedForShell).joined(separator: " ") }
}

extension String {
  /// One word for a POSIX shell.
  fileprivate var quotedForShell: String {
    let plain = unicodeScalars.allSatisfy {
      ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
        || "-_./=:,+@%".unicodeScalars.contains($0)
    }
    if plain, !isEmpty { return self }
    return "'" + replacingScalars { $0 == "'" ? "'\\''" : nil } + "'"
  }
}
