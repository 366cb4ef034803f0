import AloraGeneration
import AloraJSON
import AloraModels
import AloraSystem
import AloraTemplates
import AloraTestSupport
import AloraTokenization
import Testing

/// Prompts and chats as users give them.
@Suite struct ConversationTests {
  private let base = "adapters/answerability/base-config"

  private func rewritten(_ text: String) throws -> String {
    try JSONValue.array(ChatMessages.messages(parseJSON(text))).serialized(isPretty: false)
  }

  @Test(arguments: [
    (#"{"messages": []}"#, "$", "its member 'messages'"), (#"{"role": "user", "content": "a"}"#, "$", "into a list"),
    (#""hi""#, "$", "expected a list"), ("[]", "$", "is empty"), (#"["hi"]"#, "$[0]", "expected a message"),
    (#"[{"content": "a"}]"#, "$[0]", "role"), (#"[{"role": 1}]"#, "$[0].role", "a string"),
    (#"[{"role": "user", "content": 7}]"#, "$[0].content", "expected text"),
    (#"[{"role": "user", "content": ["a"]}]"#, "$[0].content[0]", "a part of content"),
    (#"[{"role": "user", "content": [{"type": "image_url"}]}]"#, "$[0].content[0].type", "text only"),
    (#"[{"role": "assistant", "tool_calls": [1]}]"#, "$[0].tool_calls[0]", "a tool call"),
  ]) func messagesOfAnotherFormAreRefusedWithTheirPlace(_ text: String, _ place: String, _ words: String) throws {
    let error = caught(JSONError.self) { _ = try rewritten(text) }
    #expect(error?.place == place)
    #expect(error?.problem.contains(words) == true, "\(error?.problem ?? "")")
  }

  @Test func partsOfTextAreOneTextAndArgumentsAreObjects() throws {
    #expect(
      try rewritten(
        #"[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},{"role":"tool","content":null}]"#
      )
        == #"[{"role":"user","content":"a\nb"},{"role":"tool","content":null}]"#)
    let call = { (arguments: String) in
      #"[{"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"name":"f","arguments":"#
        + arguments + "}}]}]"
    }
    #expect(try rewritten(call(#""{\"x\": 1}""#)) == call(#"{"x":1}"#))
    for kept in [#"{"x":1}"#, #""not JSON""#, #""[1]""#] { #expect(try rewritten(call(kept)) == call(kept)) }
  }

  @Test func aSystemTextAndAMessageOfTheSystemExcludeEachOther() throws {
    let encoder = try ConversationEncoder(model: testData(base), needsTemplate: true)
    var frame = ChatFrame()
    frame.system = "S"
    let user = ChatMessages.message("user", "U")
    let text = try encoder.text(of: [user], frame: frame)
    #expect(try text == encoder.text(of: [ChatMessages.message("system", "S"), user]))
    for role in ["system", "developer"] {
      let error = caught(GenerationError.self) {
        _ = try encoder.text(of: [ChatMessages.message(role, "T"), user], frame: frame)
      }
      #expect(error?.code == .systemTwice)
    }
  }

  @Test func toolsDocumentsAndVariablesReachTheTemplate() throws {
    try withTemporaryDirectory { directory in
      func file(_ name: String, _ text: String) throws -> String {
        try writeFile(Array(text.utf8), to: "\(directory)/\(name)")
        return "\(directory)/\(name)"
      }
      let frame = try ChatFrame(
        system: nil, tools: file("tools", #"[{"name": "f"}]"#), documents: file("documents", #"[{"text": "D"}]"#),
        variables: file("variables", #"{"documents": [], "flag": true}"#))
      let template = try ChatTemplate(
        "{{ tools[0].name }} {{ documents[0].text }} {{ flag }} {{ messages[0].content }}")
      let encoder = ConversationEncoder(
        tokenizer: try Tokenizer(path: testData(base)), template: template, path: "model")
      #expect(try encoder.text(of: [ChatMessages.message("user", "U")], frame: frame) == "f D True U")
      for (name, text) in [("tools", "{}"), ("tools", "[1]"), ("documents", #"["a"]"#), ("variables", "[]")] {
        let path = try file("wrong", text)
        let error = caught(JSONError.self) {
          _ = try ChatFrame(
            system: nil, tools: name == "tools" ? path : nil, documents: name == "documents" ? path : nil,
            variables: name == "variables" ? path : nil)
        }
        #expect(error?.path == path && error?.code == .wrongType)
      }
    }
  }

  @Test func aModelWithoutTemplateTakesNoChat() throws {
    let encoder = ConversationEncoder(
      tokenizer: try Tokenizer(path: testData(base)), template: nil, path: "model")
    let error = caught(TokenizationError.self) { _ = try encoder.text(of: [ChatMessages.message("user", "U")]) }
    #expect(error?.code == .missingTokenizer && error?.remedy == .plainPrompt)
  }
}
