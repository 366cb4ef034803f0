internal import AloraBytes
internal import AloraConversion
internal import AloraJSON

/// The adapters in a tree of directories, such as IBM's Granite libraries.
enum AdapterTree {
  private static let depthLimit = 8

  /// The directories that hold an adapter_config.json, in the order of their names.
  ///
  /// - Throws: ``FileError`` where the root cannot be listed.
  static func adapters(in root: String) throws(FileError) -> [String] {
    var found: [String] = []
    try collect(root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root, depth: 0, into: &found)
    return found
  }

  private static func collect(_ directory: String, depth: Int, into found: inout [String]) throws(FileError) {
    if FileSystem.kind(of: directory + "/adapter_config.json") == .regularFile { found.append(directory) }
    guard depth < depthLimit else { return }
    for name in try FileSystem.names(inDirectory: directory) where !name.hasPrefix(".") {
      let path = "\(directory)/\(name)"
      if FileSystem.kind(of: path) == .directory { try collect(path, depth: depth + 1, into: &found) }
    }
  }
}

/// What became of one adapter of a tree: what is told of it, not what it was made from, which keeps its files open.
struct TreeRow {
  let adapter: String
  /// Schema: schemas/convert.schema.json; nil where it is not asked for.
  let json: JSONValue?
  let failure: (status: ExitStatus, message: String)?
  private let line: String

  init(adapter: String, conversion: Conversion, output: String, summary: ConversionSummary?, hasJSON: Bool) {
    self.adapter = adapter
    failure = nil
    json =
      hasJSON
      ? [
        "adapter": .string(adapter), "converted": .boolean(summary != nil),
        "result": conversion.json(output: output, summary: summary),
      ] : nil
    let kind = conversion.plan.invocationTokens.map { "aLoRA \($0)" } ?? "LoRA"
    line = "\(kind), \(conversion.plan.modules.count) modules → \(output.escapingControlCharacters())"
  }

  init(adapter: String, failure: (status: ExitStatus, message: String)) {
    self.adapter = adapter
    self.failure = failure
    json = ["adapter": .string(adapter), "converted": false, "error": .string(failure.message)]
    line = failure.message
  }

  static func table(_ rows: [TreeRow], console: Console) -> String {
    let width = rows.map(\.adapter.count).max() ?? 0
    var text = ""
    for row in rows {
      let name = row.adapter.escapingControlCharacters().padded(to: width)
      let mark = row.failure == nil ? console.styled("✓", .green) : console.styled("✗", .red)
      text += "\(mark) \(name)  \(row.line)\n"
    }
    let failed = rows.count { $0.failure != nil }
    return text + "\(rows.count - failed) of \(rows.count) adapters converted\n"
  }
}

extension String {
  /// The string with spaces behind it, so that it has `width` characters.
  func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
