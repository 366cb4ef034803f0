internal import AloraSystem
internal import AloraJSON
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
    // Standard output is `--json`'s.
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
  var path: String? {
    switch self {
    case .json(let path), .junit(let path), .html(let path): path
    case .github(let path): path
    }
  }

  var isHTML: Bool { if case .html = self { true } else { false } }

  /// Whether it writes to standard output.
  var writesOutput: Bool { if case .github = self { true } else { false } }

  /// Writes the report. A file from an earlier run is replaced atomically.
  ///
  /// - Parameter page: makes the HTML page; called only for an HTML report.
  /// - Throws: ``FileError``; what `page` throws.
  private func write(_ list: CheckList, json: String, page: () throws -> String) throws {
    switch self {
    case .json(let path): try AtomicFile.write(Array(json.utf8), to: path, replacesExisting: true)
    case .junit(let path): try AtomicFile.write(Array(JUnitReport(list).text.utf8), to: path, replacesExisting: true)
    case .html(let path): try AtomicFile.write(Array(try page().utf8), to: path, replacesExisting: true)
    case .github(let named):
      let github = GitHubReport(list)
      Console.standardOutput.writeAsItIs(github.annotations)
      let summary = Array(github.summary.utf8)
      if let named { return try AtomicFile.write(summary, to: named, replacesExisting: true) }
      guard let path = FileSystem.environment("GITHUB_STEP_SUMMARY"), !path.isEmpty else { return }
      // The summary of the step may have begun already.
      let earlier = FileSystem.kind(of: path) == .regularFile ? try MappedFile(path: path) : nil
      try AtomicFile.write(
        (try earlier.map { try $0.read(0..<$0.byteCount) } ?? []) + summary, to: path, replacesExisting: true)
    }
  }

  /// Writes the reports and prints the result. A report that can't be written hides no other, and not the result.
  ///
  /// - Parameters:
  ///   - json: the whole result, for `--json`.
  ///   - text: the result for people.
  /// - Throws: the first failure to write a report; ``ExitStatus/checkFailed``.
  static func publish(
    _ targets: [ReportTarget], _ list: CheckList, json: JSONValue, text: @autoclosure () -> String, passed: Bool,
    _ common: CommonOptions, page: () throws -> String
  ) throws {
    var failure: (any Error)?
    for target in targets {
      do { try target.write(list, json: json.serialized() + "\n", page: page) } catch { failure = failure ?? error }
    }
    common.write(json, text: text(), evenIfQuiet: false)
    if let failure { throw failure }
    if !passed { throw ExitStatus.checkFailed }
  }
}
