import AloraGeneration
import AloraModels
import AloraTemplates
import AloraTestSupport
import AloraTokenization
import Testing

@testable import AloraIntrinsics

@Suite struct IntrinsicLintTests {
  private let invocation = [1, 11247, 1307, 5]
  private static let good = #"""
    model: ~
    response_format: |
      {"$defs": {"v": {"enum": ["answerable", "unanswerable"]}}, "type": "object",
       "properties": {"answerability": {"$ref": "#/$defs/v"}}, "required": ["answerability"]}
    transformations:
      - type: likelihood
        input_path: [answerability]
        categories_to_values: {answerable: 1.0, unanswerable: 0.0}
    instruction: "{last_message}<|im_start|>answerability<file_sep>"
    parameters: {temperature: 0.0}
    """#

  /// The findings' identifiers, without the checks of tokens.
  private func identifiers(_ text: String) throws -> [String] {
    try IntrinsicLint(IntrinsicConfiguration(path: "io.yaml", text: text)).findings().map(\.identifier)
  }

  private func base() throws -> IntrinsicBase {
    try IntrinsicBase(source: ModelSource(path: testData("adapters/answerability/base-config")))
  }

  private func identifiers(_ text: String, with base: IntrinsicBase) throws -> [String] {
    try IntrinsicLint(IntrinsicConfiguration(path: "io.yaml", text: text), base: base, invocation: invocation)
      .findings().map(\.identifier)
  }

  @Test func aGoodConfigurationHasNoFindings() throws {
    #expect(try identifiers(Self.good) == [])
    #expect(try identifiers(Self.good, with: base()) == [])
  }

  @Test(arguments: [
    ("model: ~", "modell: ~", ["missing-field", "unknown-field"]),
    ("model: ~", "model: ~\nname: x", ["unknown-field"]),
    ("model: ~", "model: [1]", ["wrong-type"]),
    ("model: ~", "model: *x", ["malformed"]),
    ("type: likelihood", "type: likelyhood", ["unknown-transformation"]),
    ("type: likelihood", "kind: likelihood", ["wrong-type"]),
    ("[answerability]", "[-1]", ["wrong-type"]),
    ("[answerability]", "answerability", ["wrong-type"]),
    ("[answerability]", "[answer]", ["nothing-at-path"]),
    ("[answerability]", "[answerability, ~]", ["nothing-at-path"]),
    ("{answerable: 1.0, unanswerable: 0.0}", "{}", ["wrong-type"]),
    ("{answerable: 1.0, unanswerable: 0.0}", "{answerable: 1.0}", ["value-without-category"]),
    ("{answerable: 1.0, unanswerable: 0.0}", "{answerable: one, unanswerable: 0.0}", ["wrong-type"]),
    (
      "{answerable: 1.0, unanswerable: 0.0}", "{answerable: 1, unanswerable: 0, maybe: 0.5}",
      ["unreachable-category"]
    ),
    ("{temperature: 0.0}", "3", ["wrong-type"]),
    ("{temperature: 0.0}", "{}\ndocs_as_message: xml", ["wrong-type"]),
    ("{temperature: 0.0}", "{}\nsentence_boundaries: {first_message: c}", ["wrong-type"]),
    ("{temperature: 0.0}", "{}\nsentence_boundaries: {documents: c}", []),
    (#""required": ["answerability"]"#, #""required": ["answerability"], "format": 3"#, ["schema-refused"]),
    (#""required": ["answerability"]}"#, #""required": ["answerability"]"#, ["schema-not-json"]),
    (#""required": ["answerability"]"#, #""required": ["answerability"], "enum": []"#, ["schema-refused"]),
  ]) func eachFaultIsFound(_ part: String, _ replacement: String, _ expected: [String]) throws {
    #expect(Self.good.contains(part))
    #expect(try identifiers(Self.good.replacing(part, with: replacement)) == expected)
  }

  /// `yes` is a boolean in YAML 1.1, and its category never matches the text "yes".
  @Test func wordsThatYAMLReadsAsBooleansAreUnreachable() throws {
    let text = Self.good.replacing("answerable\", \"un", with: "yes\", \"no").replacing("noanswerable", with: "no")
      .replacing("answerable: 1.0, unanswerable: 0.0", with: "yes: 1.0, no: 0.0")
    let findings = try IntrinsicLint(IntrinsicConfiguration(path: "io.yaml", text: text)).findings()
    #expect(
      findings == [
        .unreachableCategory("yes", kind: .boolean, path: "$.answerability"),
        .unreachableCategory("no", kind: .boolean, path: "$.answerability"),
        .valueWithoutCategory("\"yes\"", path: "$.answerability"),
        .valueWithoutCategory("\"no\"", path: "$.answerability"),
        .booleanCategories(path: "$.answerability"),
      ])
    let quoted = text.replacing("{yes: 1.0, no: 0.0}", with: "{'yes': 1.0, 'no': 0.0}")
    #expect(try identifiers(quoted) == [])
  }

  @Test(arguments: [
    // Lists, their elements, alternatives and references.
    (
      #"{"type":"array","items":{"type":"object","properties":{"l":{"enum":["a","b"]}},"required":["l"]}}"#, "[~, l]",
      []
    ),
    (
      #"{"type":"array","prefixItems":[{"enum":["a"]},{"enum":["b"]}],"items":false,"minItems":2}"#, "[1]",
      ["unreachable-category"]
    ),
    (#"{"anyOf":[{"enum":["a"]},{"const":"b"}]}"#, "[]", []),
    (
      #"{"oneOf":[{"type":"object","properties":{"l":{"const":"a"}},"required":["l"]},{"type":"object","properties":{"l":{"const":"b"}},"required":["l"]}]}"#,
      "[l]", []
    ),
    (#"{"type":"string"}"#, "[]", ["value-without-category"]),
    (
      #"{"type":"string","maxLength":0}"#, "[]",
      ["unreachable-category", "unreachable-category", "value-without-category"]
    ),
    (#"{"type":"integer"}"#, "[]", ["unreachable-category", "unreachable-category", "value-without-category"]),
  ]) func pathsAreFollowedThroughTheSchema(_ schema: String, _ path: String, _ expected: [String]) throws {
    let text = """
      model: ~
      response_format: '\(schema)'
      transformations: [{type: likelihood, input_path: \(path), categories_to_values: {a: 1.0, b: 0.0}}]
      """
    #expect(try identifiers(text) == expected)
  }

  @Test func aValueThatBeginsInsideATokenIsFound() throws {
    let base = try base()
    // The tokenizer joins a space and a word, so true and numbers don't begin a token of their own.
    let text = Self.good.replacing(#"{"enum": ["answerable", "unanswerable"]}"#, with: #"{"type": "boolean"}"#)
      .replacing("{answerable: 1.0, unanswerable: 0.0}", with: "{true: 1.0, false: 0.0}")
    #expect(
      try identifiers(text, with: base)
        == ["boolean-categories", "begins-inside-token", "begins-inside-token"])
  }

  @Test func categoriesWithTheSameFirstTokenAreFound() throws {
    let text = Self.good.replacing(#"["answerable", "unanswerable"]"#, with: #"["answerable", "answerable in part"]"#)
      .replacing("{answerable: 1.0, unanswerable: 0.0}", with: "{answerable: 1.0, answerable in part: 0.5}")
    #expect(try identifiers(text, with: base()) == ["shared-first-token"])
  }

  @Test func aTemplateThatRefusesTheChatIsFound() throws {
    let template = try ChatTemplate(
      "{% if messages | length > 1 %}{{ raise_exception('roles must alternate') }}{% endif %}{{ messages[0].content }}")
    let directory = try testData("adapters/answerability/base-config")
    let base = IntrinsicBase(
      ConversationEncoder(tokenizer: try Tokenizer(path: directory), template: template, path: directory))
    let findings = try IntrinsicLint(
      IntrinsicConfiguration(path: "io.yaml", text: Self.good), base: base, invocation: invocation
    ).findings()
    #expect(findings.map(\.identifier) == ["template-refuses"])
  }

  @Test(arguments: [
    ("{last_message}<|im_start|>answerability<file_sep>", []),
    ("{{}}<|im_start|>answerability<file_sep>", []),
    ("Is it answerable?", ["invocation-not-in-instruction"]),
    ("{last_message", ["malformed-instruction"]), ("}", ["malformed-instruction"]), ("{0}", ["malformed-instruction"]),
  ]) func theInstructionHasToContainTheInvocation(_ instruction: String, _ expected: [String]) throws {
    let text = Self.good.replacing("{last_message}<|im_start|>answerability<file_sep>", with: instruction)
    #expect(try identifiers(text, with: base()) == expected)
  }
}
