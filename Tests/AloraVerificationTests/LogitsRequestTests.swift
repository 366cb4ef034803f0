import AloraAdapters
import AloraGeneration
import AloraInference
import AloraSwitch
import AloraSystem
import AloraTestSupport
import Testing

@testable import AloraVerification

@Suite struct LogitsRequestTests {
  @Test func theActivationIsARuleOrGiven() {
    let tokens = [1, 7, 9, 7, 2]
    #expect(ActivationChoice.rule(.peft).start(in: tokens, invocation: [7, 9, 7]) == 1)
    #expect(ActivationChoice.rule(.legacy).start(in: tokens, invocation: [7, 9, 7]) == 2)
    #expect(ActivationChoice.given(4).start(in: tokens, invocation: [7, 9, 7]) == 4)
    #expect(ActivationChoice.given(nil).start(in: tokens, invocation: nil) == nil)
    #expect(ActivationChoice.given(4).rule == nil && ActivationChoice.rule(.legacy).rule == .legacy)
  }

  private func request(
    _ texts: [[Int]], _ positions: String = "all", _ activation: ActivationChoice = .rule(.peft)
  ) throws -> LogitsRequest {
    try LogitsRequest(
      listed: texts, listPath: "ids.json", conversation: nil, model: "unused",
      positions: #require(PositionSelection(positions)), activation: activation)
  }

  private func loaded(adapter: String?) throws -> LoadedModel {
    try LoadedModel(
      .init(path: testData("inference/llama/base")),
      adapters: adapter.map { [NamedPath(name: "adapter", path: try testData("inference/\($0)/adapter"))] } ?? [],
      pool: ThreadPool(threadCount: 1))
  }

  @Test func onePassIsOneTextThatFitsIntoAChunk() throws {
    #expect(try request([[1, 2, 3]]).isOnePass(chunk: 3) && !request([[1, 2, 3]]).isOnePass(chunk: 2))
    #expect(try !request([[1], [2]]).isOnePass(chunk: 9) && !request([]).isOnePass(chunk: 9))
    #expect(try !request([[1]]).listsPositions && request([[1]], "last").listsPositions)
  }

  @Test func textsHaveTheirActivationAndPositions() throws {
    let loaded = try loaded(adapter: "llama")
    let invocation = try #require(loaded.adapter?.invocationTokens)
    let texts = [[1, 2] + invocation + [3], [4, 5]]
    let found = try request(texts, "activated").texts(loaded, .none)
    #expect(found.map(\.activationStart) == [2, nil])
    #expect(found.map(\.positions) == [Array(2..<3 + invocation.count), [1]])
    let given = try request(texts, "0,-1", .given(1)).texts(loaded, .none)
    #expect(given.map(\.activationStart) == [1, 1] && given.map(\.positions) == [[0, 2 + invocation.count], [0, 1]])
    // Without an adapter, nothing is active.
    #expect(try request(texts).texts(self.loaded(adapter: nil), .none).map(\.activationStart) == [nil, nil])
    #expect(throws: InferenceError.self) { try request(texts, "9").texts(loaded, .none) }
  }

  @Test func aTextBeyondTheContextIsNamed() throws {
    let loaded = try loaded(adapter: nil)
    let limit = ContextLimit(loaded.model)
    let long = Array(repeating: 1, count: (limit.length ?? 0) + 1)
    let error = #expect(throws: InferenceError.self) { try request([[1], long]).texts(loaded, limit) }
    #expect(error?.code == .tooLong && error?.path == "ids.json")
    let prompt = #expect(throws: InferenceError.self) {
      try limit.check([NamedPrompt(name: "a", tokens: [1]), NamedPrompt(name: "b", tokens: long)], path: "p")
    }
    #expect(prompt?.problem.hasPrefix("b ") == true)
  }
}
