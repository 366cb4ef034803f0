package import AloraIntrinsics
internal import AloraJSON

extension IntrinsicFinding {
  /// What is wrong, and what to do about it.
  package var text: String {
    switch self {
    case .malformed(let problem): "not YAML that clients read: \(problem)"
    case .tooLarge(let count, let limit): "\(count) bytes, and at most \(limit) are read"
    case .missingField(let name):
      "the field '\(name)' is missing; clients refuse the file without it, so write '\(name): ~'"
    case .unknownField(let name): "clients refuse the unknown field '\(name)'; remove it"
    case .fieldOfMellea(let name):
      "mellea knows the field '\(name)', granite-common 0.4.1 refuses the file because of it"
    case .wrongType(let field, let expected): "'\(field)' has to be \(expected)"
    case .unknownTransformation(let type): "clients know no transformation '\(type)'"
    case .schemaIsNotJSON(let problem): "response_format is not JSON: \(problem)"
    case .schemaRefused(let problem): "a server that holds answers to the schema refuses it: \(problem)"
    case .nothingAtPath(let path): "the schema allows nothing at \(path), which a likelihood reads"
    case .unreachableCategory(let category, let kind, let path):
      "no answer that fits the schema has the category \(category) (\(Self.words(kind))) at \(path)"
        + Self.hint(category, kind)
    case .valueWithoutCategory(let value, let path): "the schema allows \(value) at \(path), which no category has"
    case .openValues(let path): "the schema lists no values for \(path); with an enum, every answer has a category"
    case .booleanCategories(let path):
      "clients compare the tokens at \(path) with Python's True and False, so they never count the alternatives to true and "
        + "false; use texts"
    case .beginsInsideToken(let category, let path, let token):
      "the category \(category) at \(path) begins inside the token \(token.debugDescription), so clients find no "
        + "probability for it; choose values that begin a token of their own"
    case .tokensAcrossBeginning(let category, let path, let tokens):
      "a sampler can write the category \(category) at \(path) with a token that begins before it ("
        + tokens.map(\.debugDescription).joined(separator: ", ") + "); clients then find no probability for it"
    case .sharedFirstToken(let category, let other, let path, let token):
      "the first token of \(category) at \(path), \(token.debugDescription), begins \(other) too, which gets its probability"
    case .malformedInstruction(let problem): "Python can't fill in the instruction: \(problem)"
    case .invocationRetokenizes(let text):
      "the instruction contains the invocation \(text.debugDescription), and the chat's tokens don't, so the adapter stays off"
    case .invocationNotInInstruction(let text):
      "the chats that clients make with it don't contain the invocation"
        + (text.map { " \($0.debugDescription)" } ?? "")
        + ", so alora serve puts it in place of the generation prompt, and other servers leave the adapter off"
    case .invocationInTemplate:
      "the chat template writes the invocation, so the adapter is active in every chat, with or without the instruction"
    case .tokensNotChecked: "tokens and invocation were not checked, for lack of a tokenizer that can be read"
    case .templateRefuses(let problem):
      "the base's chat template refuses the chat that clients make, a user's message after another: \(problem)"
    case .otherModel(let model, let name):
      "it names the model '\(model)', and the adapter is called '\(name)'; tell granite-common the name with model_name"
    }
  }

  var json: JSONValue {
    ["id": .string(identifier), "severity": .string(severity.rawValue), "text": .string(text)]
  }

  private static func words(_ kind: Kind) -> String {
    switch kind {
    case .null: "null"
    case .boolean: "true or false"
    case .number: "a number"
    case .string: "text"
    case .container: "a list or mapping"
    }
  }

  /// Words that YAML doesn't read as text.
  private static func hint(_ category: String, _ kind: Kind) -> String {
    kind == .string || kind == .container ? "" : "; if it is meant as text, quote it: '\(category)'"
  }
}

extension IntrinsicFinding.Severity {
  var style: TextStyle.Style {
    switch self {
    case .error: .red
    case .warning: .yellow
    case .info: .blue
    }
  }
}
