import AloraInference
import AloraTestSupport
import Testing

@testable import AloraVerification

/// Goldens that were computed with a mistake in the model's graph, whatever the adapter.
@Suite struct GraphMistakeTests {
  struct Planted: CustomTestStringConvertible, Sendable {
    let fixture: String
    let mistake: GraphMistake
    var testDescription: String { "\(fixture): \(mistake)" }
  }

  static let planted: [Planted] =
    [
      .init(fixture: "gpt-oss", mistake: .sinksLeftOut),
      .init(fixture: "gpt-oss-layers", mistake: .clampLeftOut),
      .init(fixture: "gpt-oss", mistake: .routerBiasLeftOut),
      .init(fixture: "gpt-oss-experts", mistake: .gateAndUpExchanged),
      .init(fixture: "gpt-oss", mistake: .windowsChanged(by: 1)),
      .init(fixture: "mixtral-window", mistake: .windowsChanged(by: -1)),
      .init(fixture: "mixtral-window", mistake: .windowsLeftOut),
      .init(fixture: "qwen3-moe", mistake: .expertOrder(.reversed)),
      .init(fixture: "qwen3-moe-dense", mistake: .routingWeightsChanged),
      .init(fixture: "llama", mistake: .gateAndUpExchanged),
      .init(fixture: "olmo3", mistake: .windowsChanged(by: 1)),
      .init(fixture: "olmo3-layers", mistake: .windowsLeftOut),
      .init(fixture: "ministral3-window", mistake: .windowsChanged(by: -1)),
      .init(fixture: "exaone4", mistake: .windowsLeftOut),
      .init(fixture: "cohere2", mistake: .windowsChanged(by: 1)),
      .init(fixture: "gemma4", mistake: .windowsChanged(by: -1)),
      .init(fixture: "glm4", mistake: .gateAndUpExchanged),
      .init(fixture: "llama4", mistake: .windowsChanged(by: 1)),
      .init(fixture: "llama4-dense", mistake: .windowsLeftOut),
      .init(fixture: "llama4-experts", mistake: .gateAndUpExchanged),
      .init(fixture: "llama4-experts", mistake: .expertOrder(.oneLate)),
      .init(fixture: "phi4-mini", mistake: .gateAndUpExchanged),
    ] + recurrent

  /// Each mistake in every kind of mixer that can have it.
  static let recurrent: [Planted] = [
    ("granite-hybrid", RecurrentMistake.allCases.filter { $0 != .valueHeadsReordered }),
    ("falcon-h1", [.convolutionLate, .stateNotCarried, .decayLeftOut, .gateLeftOut, .skipLeftOut]),
    ("falcon-h1-norm", [.normMoved]),
    ("nemotron-h", [.convolutionReversed, .stateNotCarried, .decayLeftOut, .gateLeftOut]),
    ("lfm2", [.convolutionLate, .convolutionReversed, .stateNotCarried, .gateLeftOut]),
    ("lfm2-bias", [.convolutionBiasLeftOut]),
    ("qwen35", RecurrentMistake.allCases.filter { ![.convolutionBiasLeftOut, .skipLeftOut].contains($0) }),
    ("qwen3-next", [.stateNotCarried, .decayLeftOut, .gateLeftOut, .valueHeadsReordered]),
  ].flatMap { fixture, mistakes in mistakes.map { Planted(fixture: fixture, mistake: .recurrent($0)) } }

  @Test(arguments: planted, [true, false])
  func aMistakeInTheGraphIsNamed(_ planted: Planted, hasBaseRows: Bool) throws {
    try withTemporaryDirectory { directory in
      let verifying = try Verifying(planted.fixture)
      let pool = ThreadPool(threadCount: 1)
      let model = try #require(verifying.model.with(planted.mistake))
      let evaluator = Evaluator(model: model, pool: pool)
      // Longer than the windows.
      var item = try GoldenCase(longestOf: testData("inference/\(planted.fixture)/golden.npz"))
      func rows(_ adapter: Adapter?) throws -> [[Float]] {
        let sequence = TokenSequence(
          model: model, adapter: adapter, activationStart: item.start, declaredLength: item.tokens.count)
        let logits = try evaluator.evaluate([Work(sequence, tokens: item.tokens, logits: .all)])[0]
        return logits.positions.map { Array(logits[$0]) }
      }
      item.base = hasBaseRows ? try rows(nil) : nil
      item.adapted = try rows(verifying.verification.adapter)
      let path = directory + "/golden.npz"
      try item.write(path)
      let result = try verifying.result(golden: path)
      #expect(result.failedProofs == [.afterActivation])
      #expect(!result.causes.isEmpty && Set(result.causes) == [.mistake(.graph(planted.mistake))])
    }
  }

  @Test func ordersAreThoseOfTheirNames() {
    #expect(LayerOrder.orders(of: 1).isEmpty)
    let orders = Dictionary(uniqueKeysWithValues: LayerOrder.orders(of: 6).map { ($0.name, $0.order) })
    #expect(
      orders == [.oneLate: [1, 2, 3, 4, 5, 0], .oneEarly: [5, 0, 1, 2, 3, 4], .reversed: [5, 4, 3, 2, 1, 0]])
    let longer = Dictionary(uniqueKeysWithValues: LayerOrder.orders(of: 12).map { ($0.name, $0.order) })
    #expect(longer[.unsortedAsText] == [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9])
    #expect(longer[.sortedAsText] == [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3])
  }

  @Test func updatesOfOtherExpertsAreNamed() throws {
    try withTemporaryDirectory { directory in
      let verifying = try Verifying("gpt-oss-experts")
      let verification = verifying.verification
      let variants = try AdapterVariants(of: verification.adapter, model: verifying.model)
      let other = try #require(variants.adapter(expertOrder: [1, 2, 3, 0]))
      var item = try GoldenCase(testData("inference/gpt-oss-experts/golden.npz"), 8)
      let sequence = TokenSequence(
        model: verifying.model, adapter: other, activationStart: 0, declaredLength: item.tokens.count)
      let logits = try verification.evaluator.evaluate([Work(sequence, tokens: item.tokens, logits: .all)])[0]
      item.adapted = logits.positions.map { Array(logits[$0]) }
      let path = directory + "/golden.npz"
      try item.write(path)
      let result = try verifying.result(golden: path)
      #expect(result.causes == [.mistake(.expertOrder(.oneLate))])
    }
  }
}
