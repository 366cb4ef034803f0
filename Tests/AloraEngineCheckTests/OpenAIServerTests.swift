import AloraJSON
import AloraTestSupport
import Testing

@testable import AloraEngineCheck

/// What OpenAI's and Ollama's forms of answers may look like.
@Suite struct OpenAIServerTests {
  private func json(_ text: String) throws -> JSON { try JSONDocument(parsing: Array(text.utf8).span.bytes).root }

  private func list(_ names: [(String, String)]) -> String {
    let models = names.map { #"{"id": "\#($0.0)"\#($0.1)}"# }
    return #"{"data": [\#(models.joined(separator: ","))]}"#
  }

  /// Requests to a server with these models, which takes every prompt.
  private func connected(_ models: String, base: String? = nil, texts: Bool = false, answer: String? = nil) throws -> (
    OpenAIServer, FakeServer
  ) {
    let answer = answer ?? #"{"choices": [{"logprobs": {"top_logprobs": [{"token_id:3": -1}]}}]}"#
    let server = try FakeServer { request in
      switch request.path {
      case "/v1/models": .init(json: models)
      case "/v1/completions": .init(json: answer)
      default: .init(status: "404 Not Found", json: "{}")
      }
    }
    return (
      try OpenAIServer(
        address: ServerAddress(server.url), timeout: 600, base: base, texts: texts ? ProtocolTests.texts : nil,
        trial: [1, 2]), server
    )
  }

  private func code(_ body: () throws -> Void) -> ServerError.Code? {
    do {
      try body()
      return nil
    } catch { return (error as? ServerError)?.code }
  }

  @Test func adaptersAreNamedAsTheServerWantsThem() throws {
    let parent = #", "parent": "b""#
    let cases: [(String, String?, [String])] = [
      (list([("b", ""), ("x", parent), ("y", parent)]), nil, ["x", "y"]),
      (list([("b", #", "owned_by": "sglang""#), ("x", parent)]), nil, ["b:x"]),
      (list([("b", ""), ("x", ""), ("y", "")]), "b", ["x", "y"]),
      (list([("b", #", "root": "r""#), ("b2", #", "root": "r""#), ("x", parent)]), nil, ["x"]),
      (list([("b", "")]), nil, []),
    ]
    for (models, base, names) in cases {
      let (client, server) = try connected(models, base: base)
      #expect(try client.adapters().map(\.identifier) == names.map { .name($0) })
      withExtendedLifetime(server) {}
    }
  }

  @Test func aBaseThatIsNotClearIsNotGuessed() {
    let two = list([("b", ""), ("x", "")])
    #expect(code { _ = try connected(two) } == .ambiguousBase)
    #expect(code { _ = try connected(two, base: "c") } == .noBase)
    #expect(code { _ = try connected(list([])) } == .ambiguousBase)
    let parents = list([("b", ""), ("c", ""), ("x", #", "parent": "b""#), ("y", #", "parent": "c""#)])
    #expect(code { _ = try connected(parents) } == .ambiguousBase)
  }

  @Test func llamaServersListIsUsedIfThereAreNoOtherAdapters() throws {
    let server = try FakeServer { request in
      switch request.path {
      case "/v1/models": .init(json: #"{"data": [{"id": "b", "owned_by": "llamacpp"}]}"#)
      case "/lora-adapters": .init(json: #"[{"id": 0, "alora_invocation_tokens": [7]}, {"id": 1}]"#)
      default:
        .init(json: #"{"choices": [{"logprobs": {"content": [{"top_logprobs": [{"id": 4, "logprob": -1}]}]}}]}"#)
      }
    }
    let client = try OpenAIServer(address: ServerAddress(server.url), timeout: 600, texts: nil, trial: [1, 2])
    #expect(try client.adapters().map(\.identifier) == [0, 1] && client.capabilities == .scales)
    #expect(try client.complete(CompletionRequest(tokens: [1], scales: [0: 0.5])).candidates.map(\.token) == [4])
  }

  static let answers: [(String, ServerError.Code?)] = [
    (#"{"choices": [{"logprobs": {"top_logprobs": [{"token_id:3": -1}]}}], "usage": null}"#, nil),
    (#"{"choices": [{"logprobs": null}]}"#, nil), (#"{"choices": [{}]}"#, nil),
    (#"{"choices": [{"logprobs": {"top_logprobs": []}}]}"#, nil),
    (#"{"choices": [{"logprobs": {"top_logprobs": [null]}}]}"#, nil),
    (#"{"choices": [{"logprobs": {"top_logprobs": null, "content": []}}]}"#, nil),
    (#"{"choices": [{"logprobs": {"content": [{"top_logprobs": [{"id": 1, "logprob": -1}]}]}}]}"#, nil),
    (#"{}"#, .malformedResponse), (#"{"choices": []}"#, .malformedResponse), (#"{"choices": 3}"#, .malformedResponse),
    (#"{"choices": [{"logprobs": {"top_logprobs": [{"token_id:3": 1}]}}]}"#, .malformedResponse),
    (#"{"choices": [{"logprobs": {"top_logprobs": [{"token_id:3": "x"}]}}]}"#, .malformedResponse),
    (#"{"choices": [{"logprobs": {"content": [{"top_logprobs": [{"id": -1, "logprob": -1}]}]}}]}"#, .malformedResponse),
    (#"{"choices": [{"logprobs": {"content": [{"top_logprobs": [{"logprob": -1}]}]}}]}"#, .malformedResponse),
    (#"{"choices": [{}], "usage": {"prompt_tokens": 3}}"#, .malformedResponse),
    // Without a tokenizer, a text names nothing.
    (#"{"choices": [{"logprobs": {"top_logprobs": [{"a": -1}]}}]}"#, .unsupported),
    (#"{"choices": [{"logprobs": {"top_logprobs": [{"token_id:99999999999": -1}]}}]}"#, .unsupported),
  ]

  @Test(arguments: answers) func answersAreReadOrRefused(_ answer: String, _ expected: ServerError.Code?) {
    #expect(code { _ = try connected(list([("b", "")]), answer: answer) } == expected, "\(answer)")
  }

  @Test func aServerThatReadsOtherTokensIsRefused() {
    let answer = #"{"choices": [{"logprobs": {"top_logprobs": [{"token_id:3": -1}]}}], "usage": {"prompt_tokens": 9}}"#
    let error = #expect(throws: ServerError.self) { try connected(list([("b", "")]), texts: true, answer: answer) }
    #expect(error?.problem.contains("2 tokens were sent, but the server says that the prompt has 9") == true)
  }

  @Test func modelfilesAreRead() throws {
    func parts(_ text: String) throws -> OllamaServer.Parts {
      try OllamaServer.parts(json(JSONValue.object([.init("modelfile", .string(text))]).serialized()))
    }
    #expect(
      try parts("# FROM x\n\nFROM /a b\nADAPTER /c\nADAPTER /d\nPARAMETER stop x")
        == .init(base: "/a b", adapters: ["/c", "/d"]))
    #expect(try parts("FROM a\nSYSTEM \"\"\"\nADAPTER z\n\"\"\"") == .init(base: "a"))
    #expect(try parts("") == .init())
  }

  @Test(arguments: [
    #"{"logprobs": []}"#, #"{"logprobs": null}"#, #"{}"#, #"{"response": "", "prompt_eval_count": 2}"#,
  ]) func ollamaMayGiveNoProbabilities(_ text: String) throws { #expect(try OllamaServer.answer(json(text)).0 == nil) }

  @Test(arguments: [
    #"{"logprobs": 3}"#, #"{"logprobs": [{}]}"#, #"{"logprobs": [{"top_logprobs": [{"token": 4, "logprob": -1}]}]}"#,
    #"{"logprobs": [{"top_logprobs": [{"token": "x", "logprob": 2}]}]}"#,
  ]) func whatOllamaNeverSaysIsRefused(_ text: String) {
    #expect(throws: JSONError.self) { try OllamaServer.answer(json(text)) }
  }

  @Test func aServerOfNoProtocolIsNotGuessed() throws {
    let cases: [(FakeServer.Reply, ServerError.Code)] = [
      (.init(status: "404 Not Found", json: "{}"), .unsupported), (.init(json: "{"), .malformedResponse),
      (.init(json: "{}"), .malformedResponse), (.init(text: ""), .connectionLost),
    ]
    for (reply, expected) in cases {
      let server = try FakeServer { _ in reply }
      let address = try ServerAddress(server.url)
      #expect(code { _ = try EngineProtocol.detected(at: address, timeout: 600) } == expected)
      withExtendedLifetime(server) {}
    }
    #expect(throws: ServerError.self) { try OllamaServer(address: ServerAddress("http://h"), texts: nil) }
  }
}
