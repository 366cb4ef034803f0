internal import AloraBytes
internal import AloraReports
internal import ArgumentParser

/// One `--report`: a kind, and where it goes.
enum ReportTarget: ExpressibleByArgument {
  case json(String)
  case junit(String)
  case html(String)
  /// Annotations to standard output; the summary to a file, or else to the one that the runner names.
  case github(String?)

  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let path = parts.count == 2 ? parts[1] : nil
    guard path != "" else { return nil }
    switch (parts[0], path) {
    case ("json", let path?): self = .json(path)
    case ("junit", let path?): self = .junit(path)
    case ("html", let path?): self = .html(path)
    case ("github", _): self = .github(path)
    default: return nil
    }
  }

  /// Whether it writes to standard output.
  var writesOutput: Bool { if case .github = self { true } else { false } }

  /// Replaces a report of an earlier run, as a whole or not at all.
  ///
  /// - Parameter page: the text of the HTML page, made only where one is asked for.
  /// - Throws: ``FileError``; what `page` throws.
  func write(_ list: CheckList, json: String, page: () throws -> String) throws {
    switch self {
    case .json(let path): try Self.write(Array(json.utf8), to: path)
    case .junit(let path): try Self.write(Array(JUnitReport(list).text.utf8), to: path)
    case .html(let path): try Self.write(Array(try page().utf8), to: path)
    case .github(let named):
      let github = GitHubReport(list)
      Console.standardOutput.write(github.annotations)
      let summary = Array(github.summary.utf8)
      if let named { return try Self.write(summary, to: named) }
      guard let path = FileSystem.environment("GITHUB_STEP_SUMMARY"), !path.isEmpty else { return }
      // The summary of the step may have begun already.
      let earlier = FileSystem.kind(of: path) == .regularFile ? try MappedFile(path: path) : nil
      try Self.write((try earlier.map { try $0.read(0..<$0.byteCount) } ?? []) + summary, to: path)
    }
  }

  private static func write(_ bytes: [UInt8], to path: String) throws {
    let file = try AtomicFile(path: path, replacesExisting: true)
    // Safe: the span is read before `write` returns.
    try unsafe file.write(bytes.span.bytes)
    try file.commit()
  }
}
