internal import AloraAdapters
package import AloraConversion
package import AloraIntrinsics
package import AloraJSON
package import AloraSystem

/// The outcome of one adapter of a tree. Holds only what is reported, because plans keep their files open.
package struct TreeRow {
  let adapter: String
  /// Schema: schemas/convert.schema.json; nil if it is not asked for.
  package let json: JSONValue?
  package let failure: ErrorCategory?
  private let isAdapter: Bool
  private let line: String
  private let notes: [String]
  private let findings: [IntrinsicFinding]

  /// - Parameters:
  ///   - findings: of the adapter's `io.yaml`.
  ///   - line: the words for an error, with its remedy.
  package init(
    adapter: String, _ outcome: TreeConversion.Outcome, _ findings: [IntrinsicFinding] = [], hasJSON: Bool,
    line: (any DiagnosedError) -> String
  ) {
    func message(_ error: any Error) -> String { (error as? any DiagnosedError).map(line) ?? "\(error)" }
    func category(_ error: any Error) -> ErrorCategory { (error as? any DiagnosedError)?.category ?? .refusedInput }
    switch outcome {
    case .planned(let conversion, let output, let summary):
      self.init(
        adapter: adapter, conversion: conversion, output: output, summary: summary, findings: findings,
        hasJSON: hasJSON)
    case .failed(let error):
      self.init(adapter: adapter, failure: category(error), message: message(error))
    case .unsearchable(let error):
      self.init(adapter: adapter, isAdapter: false, failure: category(error), message: message(error))
    }
  }

  /// - Parameters:
  ///   - summary: nil if nothing was written.
  ///   - findings: of the adapter's `io.yaml`.
  package init(
    adapter: String, conversion: AdapterConversion, output: String, summary: AdapterConversion.Summary?,
    findings: [IntrinsicFinding] = [], hasJSON: Bool
  ) {
    self.adapter = adapter
    failure = nil
    isAdapter = true
    json =
      hasJSON
      ? .members([
        "adapter": .string(adapter), "converted": .boolean(summary != nil),
        "result": conversion.json(output: output, summary: summary),
        "io_findings": findings.isEmpty ? nil : .array(findings.map(\.json)),
      ]) : nil
    let kind = conversion.invocationTokens.map { "aLoRA \($0)" } ?? "LoRA"
    line = "\(kind), \(counted(conversion.moduleCount, "module")) → \(output.escapingControlCharacters())"
    notes = conversion.notes(summary).map { "\($0)".escapingControlCharacters() }
    self.findings = findings
  }

  /// An adapter that failed, or a directory that could not be looked through.
  package init(adapter: String, isAdapter: Bool = true, failure: ErrorCategory, message: String) {
    self.adapter = adapter
    self.isAdapter = isAdapter
    self.failure = failure
    json = ["adapter": .string(adapter), "converted": false, "error": .string(message)]
    line = message
    notes = []
    findings = []
  }

  /// - Parameter libraries: those whose lists were written.
  package static func json(_ rows: [TreeRow], _ libraries: [IntrinsicLibrary]) -> JSONValue {
    .members([
      "adapters": .array(rows.compactMap(\.json)),
      "libraries": libraries.isEmpty ? nil : .array(libraries.map(json)),
    ])
  }

  private static func json(_ library: IntrinsicLibrary) -> JSONValue {
    ["directory": .string(library.directory), "adapters": .array(library.entries.map { .string($0.name) })]
  }

  package static func table(_ rows: [TreeRow], _ libraries: [IntrinsicLibrary] = [], style: TextStyle) -> String {
    let width = rows.map(\.adapter.count).max() ?? 0
    var text = ""
    for row in rows {
      let name = row.adapter.escapingControlCharacters().padded(to: width)
      let mark = style.mark(row.failure == nil)
      text += "\(mark) \(name)  \(row.line)\n"
      for note in row.notes { text += "  \(style.styled("note", .yellow))  \(note)\n" }
      for finding in row.findings {
        let mark = style.styled(finding.severity.rawValue, finding.severity.style)
        text += "  \(mark)  \(IntrinsicConfiguration.fileName): \(finding.text.escapingControlCharacters())\n"
      }
    }
    let adapters = rows.filter(\.isAdapter)
    text += "\(adapters.count { $0.failure == nil }) of \(counted(adapters.count, "adapter")) converted"
    let unread = rows.count - adapters.count
    text += unread == 0 ? "\n" : ", \(counted(unread, "place")) could not be looked through\n"
    for library in libraries {
      let names = library.entries.map(\.name).joined(separator: ", ")
      text += "library \(library.directory): \(names)".escapingControlCharacters() + "\n"
    }
    return text
  }
}
