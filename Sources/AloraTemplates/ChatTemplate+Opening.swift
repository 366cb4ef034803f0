internal import AloraSystem
package import AloraGGUF
internal import AloraJSON

extension ChatTemplate {
  private static let tokenNames = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]

  private static let templateKey = "tokenizer.chat_template"

  /// A template's text, and the file that it is in.
  private typealias Source = (text: String, path: String)

  /// The template in a model's directory; nil if there is none.
  ///
  /// It is in chat_template.jinja or tokenizer_config.json. If the model also has a template named `tool_use`, that one is
  /// used when tools are given.
  /// Source: `get_chat_template` of transformers.
  /// - Throws: ``FileError``, ``JSONError``, ``TemplateError`` (`invalidTemplate`, `tooLarge`).
  package static func inDirectory(_ path: String) throws -> ChatTemplate? {
    let files = try Files(directory: path)
    var tokens: [String: String] = [:]
    for name in tokenNames {
      guard let token = try files.configuration?[optional: name] else { continue }
      tokens[name] = try token.kind == .object ? token["content"].string() : token.string()
    }
    return try files.template.map { try template($0, toolUse: files.toolUse, tokens) }
  }

  /// The text of the template in a directory, whether or not it can be run here; nil if there is none. Without the line's
  /// end at the end of the text, which Jinja ignores.
  ///
  /// - Throws: ``FileError``, ``JSONError``, ``TemplateError`` (`invalidUTF8`, `tooLarge`).
  package static func text(inDirectory path: String) throws -> String? {
    try trimmed(Files(directory: path).template?.text)
  }

  /// The text of the template in a GGUF; see ``text(inDirectory:)``.
  ///
  /// - Throws: ``GGUFError``.
  package static func text(inGGUF metadata: GGUFMetadata) throws -> String? {
    try trimmed(metadata.string(ifPresent: templateKey))
  }

  private static func trimmed(_ text: String?) -> String? {
    guard let text, text.utf8.last == UInt8(ascii: "\n") else { return text }
    return String(decoding: text.utf8.dropLast(), as: UTF8.self)
  }

  /// The files of a directory that may hold templates.
  private struct Files {
    let configuration: JSON?
    private(set) var template: Source?
    private(set) var toolUse: Source?

    init(directory: String) throws {
      let path = directory + "/tokenizer_config.json"
      configuration = FileSystem.kind(of: path) == .regularFile ? try JSONDocument(path: path).root : nil
      let named = try configuration.map(ChatTemplate.texts(ofConfiguration:)) ?? [:]
      template = named["default"].map { (text: $0, path: path) }
      toolUse = named["tool_use"].map { (text: $0, path: path) }
      // A separate file takes precedence over the configuration.
      if let file = try ChatTemplate.source(ofFile: directory + "/chat_template.jinja") {
        (template, toolUse) = (file, nil)
      }
      if let file = try ChatTemplate.source(ofFile: directory + "/additional_chat_templates/tool_use.jinja") {
        toolUse = file
      }
    }
  }

  private static func source(ofFile path: String) throws -> Source? {
    guard FileSystem.kind(of: path) == .regularFile else { return nil }
    let file = try MappedFile(path: path)
    guard file.byteCount <= TemplateLexer.largestSource else {
      throw TemplateError(
        .tooLarge, path: path, problem: "the template has more than \(TemplateLexer.largestSource) bytes")
    }
    guard let text = String(validating: try file.read(0..<file.byteCount), as: UTF8.self) else {
      throw TemplateError(.invalidUTF8, path: path, problem: "the template is not valid UTF-8")
    }
    return (text: text, path: path)
  }

  /// The templates in `chat_template` by name: a text is `default`, a list has named ones.
  private static func texts(ofConfiguration configuration: JSON) throws -> [String: String] {
    guard let value = try configuration[optional: "chat_template"] else { return [:] }
    if value.kind == .string { return ["default": try value.string()] }
    var texts: [String: String] = [:]
    for entry in try value.elements() {
      let name = try entry["name"].string()
      if name == "default" || name == "tool_use" { texts[name] = try entry["template"].string() }
    }
    return texts
  }

  /// The template in a GGUF, under `tokenizer.chat_template`; nil if it has none.
  ///
  /// - Throws: ``GGUFError``, ``TemplateError`` (`invalidTemplate`, `tooLarge`).
  package static func inGGUF(_ metadata: GGUFMetadata, path: String) throws -> ChatTemplate? {
    guard let text = try metadata.string(ifPresent: templateKey) else { return nil }
    let toolUse = try metadata.string(ifPresent: "\(templateKey).tool_use")
    let pieces = try metadata.array(ifPresent: "tokenizer.ggml.tokens", of: .string)?.byteStrings ?? []
    var tokens: [String: String] = [:]
    let keys = ["bos": "bos", "eos": "eos", "unk": "unknown", "sep": "seperator", "pad": "padding"]
    for (name, key) in keys {
      guard let id = try metadata.integer(ifPresent: "tokenizer.ggml.\(key)_token_id"), pieces.indices.contains(id)
      else {
        continue
      }
      tokens["\(name)_token"] = String(decoding: pieces[id], as: UTF8.self)
    }
    return try template((text: text, path: path), toolUse: toolUse.map { (text: $0, path: path) }, tokens)
  }

  private static func template(
    _ source: Source, toolUse: Source?, _ tokens: [String: String]
  ) throws(TemplateError) -> ChatTemplate {
    var template = ChatTemplate(try parsed(source), specialTokens: tokens, path: source.path)
    if let toolUse {
      let statements: Result<[TemplateStatement], TemplateError>
      do throws(TemplateError) { statements = .success(try parsed(toolUse)) } catch { statements = .failure(error) }
      template.toolUse = (statements: statements, path: toolUse.path)
    }
    return template
  }

  private static func parsed(_ source: Source) throws(TemplateError) -> [TemplateStatement] {
    do throws(TemplateError) { return try TemplateParser.statements(of: source.text) } catch {
      throw TemplateError(
        error.code, path: source.path, place: error.place,
        problem: "the chat template cannot be read: \(error.problem)", remedy: error.remedy)
    }
  }
}
