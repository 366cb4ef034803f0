internal import AloraBytes
internal import AloraVerification
internal import ArgumentParser

/// One `--report`: a kind, and where it goes.
struct ReportTarget: ExpressibleByArgument {
  enum Kind: String, CaseIterable { case json, junit, github }
  let kind: Kind
  /// Nil for github alone: annotations to standard output, the summary to the file that the runner names.
  let path: String?

  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let kind = Kind(rawValue: parts[0]) else { return nil }
    self.kind = kind
    path = parts.count == 2 ? parts[1] : nil
    guard path != "", path != nil || kind == .github else { return nil }
  }

  /// Replaces a report of an earlier run, as a whole or not at all.
  ///
  /// - Throws: ``FileError``.
  func write(_ report: VerificationReport, json: String) throws {
    switch kind {
    case .json: try Self.write(json, to: path)
    case .junit: try Self.write(report.junit, to: path)
    case .github:
      Console.standardOutput.write(report.githubAnnotations)
      if let path { return try Self.write(report.githubSummary, to: path) }
      guard let path = FileSystem.environment("GITHUB_STEP_SUMMARY"), !path.isEmpty else { return }
      // The summary of the step may have begun already.
      let earlier = FileSystem.kind(of: path) == .regularFile ? try MappedFile(path: path) : nil
      let bytes = try earlier.map { try $0.read(0..<$0.byteCount) } ?? []
      try Self.write(bytes + Array(report.githubSummary.utf8), to: path)
    }
  }

  private static func write(_ text: String, to path: String?) throws { try write(Array(text.utf8), to: path) }

  private static func write(_ bytes: [UInt8], to path: String?) throws {
    guard let path else { return }
    let file = try AtomicFile(path: path, replacesExisting: true)
    // Safe: the span is read before `write` returns.
    try unsafe file.write(bytes.span.bytes)
    try file.commit()
  }
}
