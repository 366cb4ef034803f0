internal import AloraSystem
package import AloraGGUF
package import AloraJSON

/// A chat template, which turns messages into a prompt.
///
/// Templates are written in Jinja. What is not Jinja is refused when the template is read; what cannot run here (other
/// templates, random choices, filters that Jinja doesn't have) fails when it is reached, by name. A template can only read its
/// variables and write text. Its steps, nesting and output are bounded.
/// Source: `chat_template_utils.py` of transformers for the settings and the variables; Jinja 3.1 for the language.
package struct ChatTemplate: Sendable {
  private let statements: [TemplateStatement]
  /// The model's own template for conversations with tools. If it can't be read, the error is thrown when it is needed.
  private var toolUse: (statements: Result<[TemplateStatement], TemplateError>, path: String)?
  var limits = TemplateRun.Limits()
  /// `bos_token` and the like, by their names.
  package let specialTokens: [String: String]
  /// The file that it came from.
  package private(set) var path: String?

  /// - Throws: `invalidTemplate`, `tooLarge`.
  package init(_ source: String, specialTokens: [String: String] = [:]) throws(TemplateError) {
    statements = try TemplateParser.statements(of: source)
    self.specialTokens = specialTokens
  }

  private init(_ statements: [TemplateStatement], specialTokens: [String: String], path: String) {
    self.statements = statements
    self.specialTokens = specialTokens
    self.path = path
  }

  /// The limits, with an output limit that grows with the arguments: a prompt is its messages and a frame.
  private func bounded(by values: [String: TemplateValue]) -> TemplateRun.Limits {
    var limits = limits
    var (count, byteCount) = (0, 0)
    for value in values.values { _ = value.measure(limits, depth: 0, &count, &byteCount) }
    limits.outputByteCount = min(limits.outputByteCount, 1 << 20 + 8 * byteCount)
    return limits
  }

  /// The prompt for `messages`.
  ///
  /// - Parameters:
  ///   - messages: a list of objects with `role` and `content`.
  ///   - tools: descriptions of functions, or nil.
  ///   - addsGenerationPrompt: whether the prompt ends where the assistant begins.
  ///   - variables: an object with whatever else the template reads (`enable_thinking`, `documents`).
  ///   - date: the time for `strftime_now`; without it, a template that calls `strftime_now` fails.
  /// - Throws: `templateFailed`; `invalidTemplate` and `tooLarge` if the template for tools cannot be read.
  package func render(
    messages: JSON, tools: JSON? = nil, addsGenerationPrompt: Bool = true, variables: JSON? = nil,
    date: TemplateDate? = nil
  ) throws -> String {
    var values: [String: TemplateValue] = [:]
    for (name, token) in specialTokens { values[name] = .string(token) }
    values["messages"] = Self.withReasoning(try TemplateValue(messages))
    values["tools"] = try tools.map { try TemplateValue($0) } ?? TemplateValue.none
    values["documents"] = TemplateValue.none
    values["add_generation_prompt"] = .boolean(addsGenerationPrompt)
    for (name, value) in try variables?.members() ?? [] { values[name] = try TemplateValue(value) }
    let (statements, path) = try chosen(for: values["tools"] ?? TemplateValue.none)
    var run = TemplateRun(variables: values, date: date, limits: bounded(by: values))
    do throws(TemplateError) { try run.run(statements) } catch {
      throw TemplateError(
        error.code, path: path, place: error.place, problem: "the chat template fails: \(error.problem)",
        remedy: error.remedy)
    }
    return run.output
  }

  /// The template to use with these tools, and its file. An empty list counts as tools, too.
  private func chosen(
    for tools: TemplateValue
  ) throws(TemplateError) -> (statements: [TemplateStatement], path: String?) {
    if case .none = tools { return (statements, path) }
    guard let toolUse else { return (statements, path) }
    return (try toolUse.statements.get(), toolUse.path)
  }

  /// Copies a message's reasoning to each of the names that templates read.
  private static func withReasoning(_ messages: TemplateValue) -> TemplateValue {
    let names = ["reasoning_content", "thinking", "reasoning"]
    guard case .list(let elements) = messages else { return messages }
    return .list(
      elements.map { element in
        guard case .dictionary(let given) = element else { return element }
        let reasoning = names.compactMap { given[$0] }.first { if case .none = $0 { false } else { true } }
        guard let reasoning else { return element }
        var members = TemplateDictionary()
        members["thinking"] = reasoning
        for (name, value) in zip(given.keys, given.values) { members[name] = value }
        members["reasoning_content"] = reasoning
        return .dictionary(members)
      })
  }
}

extension TemplateValue {
  /// - Throws: ``JSONError`` for numbers that are too large.
  init(_ json: JSON) throws {
    switch json.kind {
    case .null: self = .none
    case .boolean: self = .boolean(try json.boolean())
    case .integer: self = .integer(try json.integer())
    case .number: self = .number(try json.number())
    case .string: self = .string(try json.string())
    case .array: self = .list(try json.elements().map { try TemplateValue($0) })
    case .object:
      var members = TemplateDictionary()
      for (name, value) in try json.members() { members[name] = try TemplateValue(value) }
      self = .dictionary(members)
    }
  }
}

// MARK: - Opening

extension ChatTemplate {
  private static let tokenNames = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]

  /// A template's text, and the file that it is in.
  private typealias Source = (text: String, path: String)

  /// The template in a model's directory; nil if there is none.
  ///
  /// It is in chat_template.jinja or tokenizer_config.json. If the model also has a template named `tool_use`, that one is
  /// used when tools are given.
  /// Source: `get_chat_template` of transformers.
  /// - Throws: ``FileError``, ``JSONError``, ``TemplateError`` (`invalidTemplate`, `tooLarge`).
  package static func inDirectory(_ path: String) throws -> ChatTemplate? {
    let configurationPath = path + "/tokenizer_config.json"
    var tokens: [String: String] = [:]
    var source: Source?
    var toolUse: Source?
    if FileSystem.kind(of: configurationPath) == .regularFile {
      let configuration = try JSONDocument(path: configurationPath).root
      for name in tokenNames {
        guard let token = try configuration[optional: name] else { continue }
        tokens[name] = try token.kind == .object ? token["content"].string() : token.string()
      }
      let named = try texts(ofConfiguration: configuration)
      source = named["default"].map { (text: $0, path: configurationPath) }
      toolUse = named["tool_use"].map { (text: $0, path: configurationPath) }
    }
    // A separate file takes precedence over the configuration.
    if let file = try self.source(ofFile: path + "/chat_template.jinja") { (source, toolUse) = (file, nil) }
    if let file = try self.source(ofFile: path + "/additional_chat_templates/tool_use.jinja") { toolUse = file }
    return try source.map { try template($0, toolUse: toolUse, tokens) }
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
    guard let text = try metadata.string(ifPresent: "tokenizer.chat_template") else { return nil }
    let toolUse = try metadata.string(ifPresent: "tokenizer.chat_template.tool_use")
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
