internal import AloraSystem
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
  var toolUse: (statements: Result<[TemplateStatement], TemplateError>, path: String)?
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

  init(_ statements: [TemplateStatement], specialTokens: [String: String], path: String) {
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
