internal import AloraJSON
internal import AloraSchemas

/// The form that a request wants for its answer.
enum AnswerForm {
  case anyText
  /// JSON that fits a schema; nil: any object.
  case json(schema: JSON?)
}

extension RequestFields {
  /// The form that the request wants, by any of the names that OpenAI's API, vLLM and llama-server have for it.
  func form() throws -> AnswerForm {
    try Refusals.check(form: self)
    for name in ["guided_json", "json_schema"] {
      if let value = try self[name] { return try json(value, name) }
    }
    if let outputs = try fields("structured_outputs") {
      for (name, value) in try outputs.root.members() where !value.isNull && name != "json" {
        let isOff = value.kind == .boolean ? try !value.boolean() : false
        if name == "json_object", !isOff { return .json(schema: nil) }
        guard isOff else { throw ServerError.unsupported("structured_outputs.\(name)") }
      }
      if let value = try outputs["json"] { return try json(value, "structured_outputs") }
    }
    guard let format = try fields("response_format") else { return .anyText }
    switch try format.string("type") {
    case "text": return .anyText
    case "json_object":
      return .json(schema: try format["schema"])
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
  /// - Throws: ``SchemaError``.
  func schema(_ form: AnswerForm) throws -> SchemaText? {
    guard case .json(let schema) = form else { return nil }
    return try SchemaText(schemas.masks(of: schema.map { Array($0.serialized.utf8) } ?? CompiledSchema.anyObject))
  }
}
