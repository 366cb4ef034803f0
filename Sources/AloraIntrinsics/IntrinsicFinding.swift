internal import AloraJSON

/// What is wrong with an `io.yaml`, or what its user should know.
///
/// A value, not a sentence: AloraReports has the words and what to do about it.
package enum IntrinsicFinding: Hashable, Sendable {
  // The file.
  case malformed(problem: String)
  case tooLarge(byteCount: Int, limit: Int)
  case missingField(String)
  case unknownField(String)
  /// mellea knows the field, and granite-common 0.4.1 refuses it.
  case fieldOfMellea(String)
  case wrongType(field: String, expected: String)
  case unknownTransformation(String)

  // The schema.
  case schemaIsNotJSON(problem: String)
  /// A schema that a server which masks tokens can't honour, or that no value fits.
  case schemaRefused(problem: String)
  /// No value that fits the schema has anything at the path of a `likelihood`.
  case nothingAtPath(String)
  /// No value that fits the schema has the category at the path.
  case unreachableCategory(String, kind: Kind, path: String)
  /// The schema allows a value that no category has.
  case valueWithoutCategory(String, path: String)
  /// The schema allows any text or number at the path.
  case openValues(path: String)

  // The tokens.
  /// A client matches alternatives with Python's `True` and `False`, which no token of JSON begins.
  case booleanCategories(path: String)
  /// The usual tokens of the answer have one that goes across the beginning of the value.
  case beginsInsideToken(category: String, path: String, token: String)
  /// Tokens that a sampler may choose go across the beginning of the value.
  case tokensAcrossBeginning(category: String, path: String, tokens: [String])
  /// The first token of one category begins another one too.
  case sharedFirstToken(category: String, other: String, path: String, token: String)

  // The invocation.
  case malformedInstruction(problem: String)
  /// The instruction has the invocation's text, and a chat that ends with it doesn't have its tokens.
  case invocationRetokenizes(text: String)
  /// A chat that ends with the instruction doesn't have the invocation.
  case invocationNotInInstruction(text: String?)
  /// The chat template refuses the chat that a client makes.
  case templateRefuses(problem: String)
  /// The chat template writes the invocation: it doesn't depend on the instruction.
  case invocationInTemplate

  // Names and what is missing.
  /// Tokens and invocation weren't checked, for lack of a tokenizer and a chat template that can be read.
  case tokensNotChecked
  /// The file names another model than the adapter's name.
  case otherModel(String, name: String)

  /// What a value is in JSON.
  package enum Kind: String, Hashable, Sendable {
    case null, boolean, number, string, container

    init(_ value: JSONValue) {
      self =
        switch value {
        case .null: .null
        case .boolean: .boolean
        case .integer, .number: .number
        case .string: .string
        case .array, .object: .container
        }
    }
  }

  package enum Severity: String, Hashable, Sendable { case info, warning, error }

  package var severity: Severity {
    switch self {
    case .malformed, .tooLarge, .missingField, .unknownField, .wrongType, .unknownTransformation, .schemaIsNotJSON,
      .schemaRefused, .nothingAtPath, .unreachableCategory, .beginsInsideToken, .malformedInstruction,
      .invocationRetokenizes:
      .error
    case .valueWithoutCategory, .openValues, .booleanCategories, .sharedFirstToken, .invocationNotInInstruction,
      .templateRefuses:
      .warning
    case .fieldOfMellea, .tokensAcrossBeginning, .invocationInTemplate, .tokensNotChecked, .otherModel: .info
    }
  }

  /// The kind of finding, in a word that doesn't change between versions.
  package var identifier: String {
    switch self {
    case .malformed, .tooLarge: "malformed"
    case .missingField: "missing-field"
    case .unknownField, .fieldOfMellea: "unknown-field"
    case .wrongType: "wrong-type"
    case .unknownTransformation: "unknown-transformation"
    case .schemaIsNotJSON: "schema-not-json"
    case .schemaRefused: "schema-refused"
    case .nothingAtPath: "nothing-at-path"
    case .unreachableCategory: "unreachable-category"
    case .valueWithoutCategory, .openValues: "value-without-category"
    case .booleanCategories: "boolean-categories"
    case .beginsInsideToken, .tokensAcrossBeginning: "begins-inside-token"
    case .sharedFirstToken: "shared-first-token"
    case .malformedInstruction: "malformed-instruction"
    case .invocationRetokenizes: "invocation-retokenizes"
    case .invocationNotInInstruction: "invocation-not-in-instruction"
    case .templateRefuses: "template-refuses"
    case .invocationInTemplate: "invocation-in-template"
    case .tokensNotChecked: "tokens-not-checked"
    case .otherModel: "other-model"
    }
  }
}
