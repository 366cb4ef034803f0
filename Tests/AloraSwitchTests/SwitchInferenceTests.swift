import AloraGeneration
import AloraInference
import AloraModels
import AloraNPZ
import AloraSystem
import AloraTestSupport
import Foundation
import Testing

@testable import AloraSwitch

/// A switch runs as a base with adapters.
@Suite struct SwitchInferenceTests {
  struct Loaded {
    let model: Model
    let adapters: [(name: String, adapter: Adapter)]
    let evaluator: Evaluator

    init(path: String) throws {
      let pool = ThreadPool(threadCount: 1)
      let opened = try ModelWithAdapters(path: path)
      let model = try Model(source: opened.source, pool: pool)
      self.model = model
      adapters = try opened.adapters.map { ($0.name, try Adapter($0.adapter, model: model, pool: pool)) }
      evaluator = Evaluator(model: model, pool: pool)
    }

    /// The logits of a text as Granite Switch computes them, chunk by chunk.
    func logits(_ tokens: [Int], chunk: Int = .max) throws -> [Float] {
      let control = try #require(model.source.controlTokens)
      let adapter = try control.adapter(of: tokens, asked: nil, name: nil, among: adapters)?.adapter
      let sequence = TokenSequence(
        model: model, adapter: adapter, activationStart: adapter?.activationStart(in: tokens),
        declaredLength: tokens.count)
      return try stride(from: 0, to: tokens.count, by: min(chunk, tokens.count)).flatMap { first in
        let part = Array(tokens[first..<min(tokens.count, first + min(chunk, tokens.count))])
        return try evaluator.evaluate([Work(sequence, tokens: part, logits: .all)])[0].values
      }
    }
  }

  private func golden() throws -> [(tokens: [Int], logits: [Float])] {
    let file = try NPZFile(path: testData("switch/golden.npz"))
    let count = file.arrays.count { $0.name.hasPrefix("tokens_") }
    try #require(count == 5)
    return try (0..<count).map { (try file.integers(named: "tokens_\($0)"), try file.floats(named: "logits_\($0)")) }
  }

  @Test func theLogitsAreThoseOfGraniteSwitch() throws {
    try withTemporaryDirectory { directory in
      try writeWholeSwitch(to: "\(directory)/model")
      let loaded = try Loaded(path: "\(directory)/model")
      #expect(loaded.adapters.map(\.name) == ["plain", "ranked", "patterned"])
      for (tokens, expected) in try golden() {
        let logits = try loaded.logits(tokens).suffix(expected.count)
        let largest = expected.map(abs).max() ?? 0
        // Two orders of sums in float32.
        let difference = zip(logits, expected).map { abs($0 - $1) }.max() ?? .infinity
        #expect(difference <= 1e-5 * largest, "\(tokens)")
        // Another token in the control token's place is another text.
        #expect(try loaded.logits(tokens) == loaded.logits(tokens, chunk: 2))
      }
    }
  }

  @Test func eachSlotDoesSomethingAndTheSubstituteIsReadInItsTokensPlace() throws {
    try withTemporaryDirectory { directory in
      try writeWholeSwitch(to: "\(directory)/model")
      let loaded = try Loaded(path: "\(directory)/model")
      for (token, substitute) in [(29, 7), (30, 5), (31, 8)] {
        let (switched, plain) = (
          try loaded.logits([3, 1, token, 4, 9]), try loaded.logits([3, 1, substitute, 4, 9])
        )
        // The base's bits before the token, others from it on.
        #expect(switched.prefix(2 * 32) == plain.prefix(2 * 32))
        for row in 2..<5 { #expect(switched[(row * 32)..<(row * 32 + 32)] != plain[(row * 32)..<(row * 32 + 32)]) }
      }
    }
  }

  @Test func aGGUFHasTheBitsOfItsCheckpoint() throws {
    try withTemporaryDirectory { directory in
      try writeWholeSwitch(to: "\(directory)/model")
      try writeSwitch(to: "\(directory)/x.gguf", hasWeights: true)
      let (checkpoint, gguf) = (try Loaded(path: "\(directory)/model"), try Loaded(path: "\(directory)/x.gguf"))
      #expect(gguf.adapters.map(\.name) == ["slot-1", "slot-2", "slot-3"])
      for (tokens, _) in try golden() { #expect(try checkpoint.logits(tokens) == gguf.logits(tokens)) }
    }
  }

  @Test func whatNoSingleAdapterDoesIsRefused() throws {
    let control = ControlTokens(
      slots: [.init(name: "a", token: 29, substitute: 7), .init(name: "b", token: 30, substitute: 5)],
      reset: .init(name: "", token: 28, substitute: 1))
    #expect(try control.slot(of: [1, 2]) == nil)
    let slot = try #require(try control.slot(of: [28, 1, 29, 29]))
    #expect(slot.slot.name == "a" && slot.start == 2)
    for (tokens, words) in [([29, 1, 30], "'a' and 'b'"), ([29, 1, 28], "returns to the base")] {
      let error = #expect(throws: GenerationError.self) { try control.slot(of: tokens) }
      #expect(error?.code == .severalControlTokens && error?.problem.contains(words) == true)
    }
    let error = #expect(throws: GenerationError.self) {
      try control.adapter(of: [29, 1], asked: nil, name: "base", among: [])
    }
    #expect(error?.problem.contains("'base' was asked for") == true)
    #expect(control.endTokens(of: nil) == [28, 29, 30])
  }

  /// llama.cpp rounds the average of the numbers of the slots.
  @Test func twoControlTokensThatAverageToAThirdSlotAreNamed() throws {
    let slots = ["a", "b", "c", "d"].enumerated().map { ControlTokens.Slot(name: $1, token: 10 + $0, substitute: 1) }
    func problem(_ tokens: [Int], averages: Bool = true) -> String {
      let control = ControlTokens(slots: slots, reset: nil, averages: averages)
      let error = #expect(throws: GenerationError.self) { try control.slot(of: tokens) }
      return error?.problem ?? ""
    }
    #expect(problem([10, 1, 12]).contains("of 'a' and 'c', which average to 'b', and alora"))
    #expect(problem([12, 10]).contains("which average to 'b'"))
    // 5 / 3 and 7 / 4 are nearest to 2.
    #expect(problem([10, 10, 12]).contains("to 'b'") && problem([10, 10, 10, 13]).contains("to 'b'"))
    // 1.5 and 2.5 are in the middle.
    #expect(!problem([10, 11]).contains("average") && !problem([13, 10]).contains("average"))
    #expect(!problem([10, 12], averages: false).contains("average"))
  }

  private static let refusals: [(String, String, SwitchErrorCode)] = [
    (#""num_local_experts": 0"#, #""num_local_experts": 4"#, .unsupportedBase),
    (#""num_hidden_layers": 3"#, #""num_hidden_layers": 2"#, .unsupportedBase),
    (#""num_attention_heads": 4"#, #""num_attention_heads": 3"#, .wrongShape),
    (#""adapter_substitute_token_ids": ["#, #""adapter_substitute_token_ids": [7, 5, 99], "x": ["#, .inconsistentSlots),
  ]

  @Test(arguments: refusals) func aSwitchThatCanNotBeRunIsRefused(
    _ old: String, _ new: String, _ code: SwitchErrorCode
  ) throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/model"
      try writeWholeSwitch(to: path)
      try replace(old, with: new, inConfigurationOf: path)
      let error = #expect(throws: SwitchError.self) { try ModelWithAdapters(path: path) }
      #expect(error?.code == code)
    }
  }

  @Test func aBaseThatSlotZeroChangesIsRefused() throws {
    try withTemporaryDirectory { directory in
      try writeSwitch(to: "\(directory)/x.gguf", base: 1, hasWeights: true)
      let error = #expect(throws: SwitchError.self) { try ModelWithAdapters(path: "\(directory)/x.gguf") }
      #expect(error?.code == .unsupportedBase)
    }
  }
}
