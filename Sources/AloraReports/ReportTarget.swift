internal import AloraJSON
internal import AloraSystem

/// A report's kind, and where it goes: `json=FILE`, or `github` alone.
package enum ReportTarget: Hashable, Sendable {
  case json(String)
  case junit(String)
  case html(String)
  /// Annotations in the log; the summary to a file, or else to the one that the runner names.
  case github(String?)

  package init?(_ text: String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let path = parts.count == 2 ? parts[1] : nil
    // Standard output has the result as JSON.
    guard path != "", path != "-" else { return nil }
    switch (parts[0], path) {
    case ("json", let path?): self = .json(path)
    case ("junit", let path?): self = .junit(path)
    case ("html", let path?): self = .html(path)
    case ("github", _): self = .github(path)
    default: return nil
    }
  }

  /// The file that was named.
  package var path: String? {
    switch self {
    case .json(let path), .junit(let path), .html(let path): path
    case .github(let path): path
    }
  }

  package var isHTML: Bool { if case .html = self { true } else { false } }

  /// Whether it writes to the log.
  package var writesLog: Bool { if case .github = self { true } else { false } }

  /// Writes the report. A file from an earlier run is replaced atomically.
  ///
  /// - Parameters:
  ///   - page: makes the HTML page; called only for an HTML report.
  ///   - log: takes annotations.
  /// - Throws: ``FileError``; what `page` throws.
  package func write(_ report: some CheckedReport, page: () throws -> String, log: (String) -> Void) throws {
    switch self {
    case .json(let path): try Self.write(report.json.serialized() + "\n", to: path)
    case .junit(let path): try Self.write(JUnitReport(report.list).text, to: path)
    case .html(let path): try Self.write(page(), to: path)
    case .github(let named):
      let github = GitHubReport(report.list)
      log(github.annotations)
      if let named { return try Self.write(github.summary, to: named) }
      guard let path = ContinuousIntegration.stepSummaryPath else { return }
      // The summary of the step may have begun already.
      let earlier = FileSystem.kind(of: path) == .regularFile ? try MappedFile(path: path) : nil
      let bytes = try earlier.map { try $0.read(0..<$0.byteCount) } ?? []
      try AtomicFile.write(bytes + Array(github.summary.utf8), to: path, replacesExisting: true)
    }
  }

  private static func write(_ text: String, to path: String) throws(FileError) {
    try AtomicFile.write(Array(text.utf8), to: path, replacesExisting: true)
  }
}
