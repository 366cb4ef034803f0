internal import AloraJSON
internal import AloraSchemas
internal import HTTPTypes
internal import NIOPosix

/// The form that a request wants for its answer.
enum AnswerForm: Sendable {
  case anyText
  /// JSON that fits a schema; nil: any object.
  case json(schema: JSON?)
}

extension RequestFields {
  /// The form that the request wants, by any of the names that OpenAI's API, vLLM and llama-server have for it.
  ///
  /// - Throws: ``ServerError`` if it gives forms by two names.
  func form() throws -> AnswerForm {
    try Refusals.check(form: self)
    var forms: [(name: String, form: AnswerForm)] = []
    for name in ["guided_json", "json_schema"] {
      if let value = try self[name] { forms.append((name, try json(value, name))) }
    }
    if let form = try structuredOutputs() { forms.append(("structured_outputs", form)) }
    if let form = try responseFormat() { forms.append(("response_format", form)) }
    guard forms.count < 2 else {
      throw ServerError(
        .badRequest, "\(forms[0].name) and \(forms[1].name) both give the answer's form: leave one out",
        code: "invalid_value", parameter: forms[1].name)
    }
    return forms.first?.form ?? .anyText
  }

  /// vLLM's `structured_outputs`.
  private func structuredOutputs() throws -> AnswerForm? {
    guard let outputs = try fields("structured_outputs") else { return nil }
    var form: AnswerForm?
    for (name, value) in try outputs.root.members() where !value.isNull && name != "json" {
      let isOff = value.kind == .boolean ? try !value.boolean() : false
      if isOff { continue }
      guard name == "json_object" else { throw ServerError.unsupported("structured_outputs.\(name)") }
      form = .json(schema: nil)
    }
    guard let value = try outputs["json"] else { return form }
    guard form == nil else { throw ServerError.wrong("structured_outputs", "json or json_object, not both") }
    return try json(value, "structured_outputs")
  }

  /// OpenAI's `response_format`.
  private func responseFormat() throws -> AnswerForm? {
    guard let format = try fields("response_format") else { return nil }
    switch try format.string("type") {
    case "text": return nil
    case "json_object": return .json(schema: try format["schema"])
    case "json_schema":
      let described = try format.fields("json_schema")
      guard let schema = try described?["schema"] ?? format["schema"] else {
        throw ServerError.wrong("response_format", "{\"type\": \"json_schema\", \"json_schema\": {\"schema\": …}}")
      }
      return .json(schema: schema)
    default: throw ServerError.unsupported("response_format")
    }
  }

  /// Ollama's `format`: `"json"` or a schema.
  func ollamaForm() throws -> AnswerForm {
    guard let value = try self["format"] else { return .anyText }
    if value.kind == .string {
      let text = try value.string()
      if text.isEmpty { return .anyText }
      guard text == "json" else { throw ServerError.wrong("format", "\"json\" or a JSON schema") }
      return .json(schema: nil)
    }
    return try json(value, "format")
  }

  /// A schema, which some clients write as a string.
  private func json(_ value: JSON, _ member: String) throws -> AnswerForm {
    guard value.kind == .string else { return .json(schema: value) }
    let bytes = Array(try value.string().utf8)
    // Safe: the document copies what it keeps.
    return .json(schema: try JSONDocument(parsing: unsafe bytes.span.bytes).root)
  }
}

extension ServerState {
  /// The schema that an answer has to fit; nil: none.
  ///
  /// A new schema can take seconds, so it is compiled away from the threads that answer requests.
  /// - Throws: ``SchemaError``.
  func schema(_ form: AnswerForm) async throws -> SchemaText? {
    guard let text = form.schemaText else { return nil }
    if let known = schemas.known(text) { return try SchemaText(known) }
    let schemas = schemas
    return try SchemaText(await NIOThreadPool.singleton.runIfActive { try schemas.masks(of: text) })
  }
}

extension AnswerForm {
  /// The schema as JSON text; nil if the answer may be any text.
  var schemaText: [UInt8]? {
    guard case .json(let schema) = self else { return nil }
    return schema.map { Array($0.serialized.utf8) } ?? CompiledSchema.anyObject
  }
}
