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

/// What became of one adapter of a tree.
struct TreeRow {
  let adapter: String
  let conversion: Conversion?
  let output: String?
  let summary: ConversionSummary?
  let failure: (status: ExitStatus, message: String)?

  var json: JSONValue {
    if let failure {
      return ["adapter": .string(adapter), "converted": false, "error": .string(failure.message)]
    }
    guard let conversion, let output else { return .null }
    return [
      "adapter": .string(adapter), "converted": .boolean(summary != nil),
      "result": conversion.json(output: output, summary: summary),
    ]
  }

  static func table(_ rows: [TreeRow], console: Console) -> String {
    let width = rows.map(\.adapter.count).max() ?? 0
    var text = ""
    for row in rows {
      let name = row.adapter.escapingControlCharacters().padded(to: width)
      if let failure = row.failure {
        text += "\(console.styled("✗", .red)) \(name)  \(failure.message)\n"
      } else if let conversion = row.conversion, let output = row.output {
        let kind = conversion.plan.invocationTokens.map { "aLoRA \($0)" } ?? "LoRA"
        let count = conversion.plan.modules.count
        text +=
          "\(console.styled("✓", .green)) \(name)  \(kind), \(count) modules → \(output.escapingControlCharacters())\n"
      }
    }
    let failed = rows.count { $0.failure != nil }
    return text + "\(rows.count - failed) of \(rows.count) adapters converted\n"
  }
}

extension String {
  /// The string with spaces behind it, so that it has `width` characters.
  func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
