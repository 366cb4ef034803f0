internal import AloraBytes
internal import AloraGGUF
public import AloraJSON

/// A chat template: messages become a prompt.
///
/// Templates are written in Jinja. A strict subset runs here, which has what the templates of the supported families
/// use: anything else is refused by name when the template is read. A template can only read what it is given and write
/// text; its steps, its depth and what it writes are bounded.
/// Source: `chat_template_utils.py` of transformers for the settings and the variables; Jinja 3.1 for the language.
public struct ChatTemplate: Sendable {
  private let statements: [TemplateStatement]
  var limits = TemplateRun.Limits()
  /// `bos_token` and the like, by their names.
  public let specialTokens: [String: String]
  /// The file that it came from.
  public private(set) var path: String?

  /// - Throws: `invalidTemplate`, `tooLarge`.
  public init(_ source: String, specialTokens: [String: String] = [:]) throws(TokenizationError) {
    statements = try TemplateParser.statements(of: source)
    self.specialTokens = specialTokens
  }

  /// The limits, with as much text as what the template was given can account for: a prompt is its messages and a frame.
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
  ///   - date: what `strftime_now` takes for now; without it, such a template fails.
  /// - Throws: `templateFailed`.
  public func render(
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
    var run = TemplateRun(variables: values, date: date, limits: bounded(by: values))
    do throws(TokenizationError) { try run.run(statements) } catch {
      throw TokenizationError(
        error.code, path: path, place: error.place, problem: "the chat template fails: \(error.problem)",
        remedy: error.remedy)
    }
    return run.output
  }

  /// A message's reasoning under each of the names that templates read it by.
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

  /// The template of a model; nil where it has none.
  ///
  /// A Hugging Face directory keeps it in chat_template.jinja, or in tokenizer_config.json; a GGUF under
  /// `tokenizer.chat_template`.
  /// - Throws: ``FileError``, ``JSONError``, ``GGUFError``, ``TokenizationError`` (`invalidTemplate`, `tooLarge`).
  public static func ofModel(_ path: String) throws -> ChatTemplate? {
    if FileSystem.kind(of: path) == .directory { return try ofDirectory(path) }
    return path.hasSuffix(".json") ? nil : try ofGGUF(path)
  }

  private static func ofDirectory(_ path: String) throws -> ChatTemplate? {
    let configurationPath = path + "/tokenizer_config.json"
    var tokens: [String: String] = [:]
    var source: (text: String, path: String)?
    if FileSystem.kind(of: configurationPath) == .regularFile {
      let configuration = try JSONDocument(path: configurationPath).root
      for name in tokenNames {
        guard let token = try configuration[optional: name] else { continue }
        tokens[name] = try token.kind == .object ? token["content"].string() : token.string()
      }
      if let text = try text(ofConfiguration: configuration) { source = (text, configurationPath) }
    }
    let filePath = path + "/chat_template.jinja"
    if FileSystem.kind(of: filePath) == .regularFile {
      let file = try MappedFile(path: filePath)
      guard file.byteCount <= TemplateLexer.largestSource else {
        throw TokenizationError(
          .tooLarge, path: filePath, problem: "the template has more than \(TemplateLexer.largestSource) bytes")
      }
      guard let text = String(validating: try file.read(0..<file.byteCount), as: UTF8.self) else {
        throw TokenizationError(.invalidUTF8, path: filePath, problem: "the template is not valid UTF-8")
      }
      source = (text, filePath)
    }
    return try source.map { try located($0.text, tokens, path: $0.path) }
  }

  /// `chat_template`: a text, or a list of named ones, of which `default` counts.
  private static func text(ofConfiguration configuration: JSON) throws -> String? {
    guard let value = try configuration[optional: "chat_template"] else { return nil }
    if value.kind == .string { return try value.string() }
    for entry in try value.elements() where try entry["name"].string() == "default" {
      return try entry["template"].string()
    }
    return nil
  }

  private static func ofGGUF(_ path: String) throws -> ChatTemplate? {
    let metadata = try GGUFFileSet(path: path).metadata
    guard let source = try metadata.string(ifPresent: "tokenizer.chat_template") else { return nil }
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
    return try located(source, tokens, path: path)
  }

  private static func located(_ source: String, _ tokens: [String: String], path: String) throws -> ChatTemplate {
    do throws(TokenizationError) {
      var template = try ChatTemplate(source, specialTokens: tokens)
      template.path = path
      return template
    } catch {
      throw TokenizationError(
        error.code, path: path, place: error.place, problem: "the chat template cannot be read: \(error.problem)",
        remedy: error.remedy)
    }
  }
}
