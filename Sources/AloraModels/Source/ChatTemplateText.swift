internal import AloraGGUF
internal import AloraJSON
internal import AloraSystem

/// The text of a chat template, whether or not it can be run here.
package enum ChatTemplateText {
  /// Longer templates aren't read.
  private static let largestByteCount = 1 << 20

  /// The template of a model, an adapter or a GGUF; nil if there is none. Without the line's end at the end of the text, which
  /// Jinja ignores.
  ///
  /// - Throws: ``FileError``, ``PathError``, ``JSONError``, ``GGUFError``.
  package static func ofModel(_ path: String) throws -> String? {
    switch try PathContents(path: path) {
    case .directory(let directory): try inDirectory(directory.path)
    case .configuration: try inDirectory(parentDirectory(of: path))
    case .gguf: trimmed(try GGUFFileSet(path: path).metadata.string(ifPresent: "tokenizer.chat_template"))
    default: nil
    }
  }

  private static func inDirectory(_ directory: String) throws -> String? {
    let file = "\(directory)/chat_template.jinja"
    if FileSystem.kind(of: file) == .regularFile {
      let mapped = try MappedFile(path: file)
      guard mapped.byteCount <= largestByteCount else { return nil }
      return trimmed(String(decoding: try mapped.read(0..<mapped.byteCount), as: UTF8.self))
    }
    let path = "\(directory)/tokenizer_config.json"
    guard FileSystem.kind(of: path) == .regularFile else { return nil }
    guard let template = try JSONDocument(path: path).root[optional: "chat_template"] else { return nil }
    if template.kind == .string { return trimmed(try template.string()) }
    for entry in try template.elements() where try entry["name"].string() == "default" {
      return trimmed(try entry["template"].string())
    }
    return nil
  }

  private static func trimmed(_ text: String?) -> String? {
    guard let text, text.utf8.last == UInt8(ascii: "\n") else { return text }
    return String(decoding: text.utf8.dropLast(), as: UTF8.self)
  }
}
