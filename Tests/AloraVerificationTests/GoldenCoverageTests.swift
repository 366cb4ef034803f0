import AloraInference
import AloraNPZ
import AloraTensors
import AloraTestSupport
import Testing

@testable import AloraVerification

/// Goldens with too few rows prove nothing; rows elsewhere than at a prompt's end may prove more.
@Suite struct GoldenCoverageTests {
  /// What of the second case of the llama fixture's goldens, whose activation starts at 8, is written as case 0.
  struct Part: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// The fixture's name of an array by the name that is written.
    var names: [String: String] = [:]
    /// How many rows are kept, from the first on; nil for all.
    var rowCount: Int?
    let failed: [Verdict.Proof]

    static let all: [Part] = [
      .init(testDescription: "tokens alone", failed: [.afterActivation, .sensitivity]),
      .init(
        testDescription: "base rows", names: ["base_logits": "base_logits"],
        failed: [.afterActivation, .sensitivity]),
      .init(
        testDescription: "a misspelt name", names: ["base_logits": "base_logits", "adapted_logit": "adapted_logits"],
        failed: [.afterActivation, .sensitivity]),
      .init(
        testDescription: "rows before the activation",
        names: ["base_logits": "base_logits", "adapted_logits": "adapted_logits"], rowCount: 8,
        failed: [.afterActivation, .sensitivity]),
      .init(testDescription: "adapted rows", names: ["adapted_logits": "adapted_logits"], failed: []),
    ]
  }

  @Test(arguments: Part.all) func goldensHaveRowsOfTheActiveAdapter(_ part: Part) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/g.npz"
      try write(path, part)
      let result = try Verifying().result(golden: path)
      #expect(result.failedProofs == part.failed, "\(result.failures)")
      #expect(result.failures.map(\.finding).contains(.noGoldenRowOfActiveAdapter) == !part.failed.isEmpty)
    }
  }

  /// A case after a gap would never be read.
  @Test(arguments: [2, 7]) func gapsInTheNumbersAreRefused(_ second: Int) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/g.npz"
      let item = try GoldenCase(testData("inference/llama/golden.npz"), 1)
      let writer = try NPZWriter(path: path, replacesExisting: true, compression: .stored)
      for index in [0, second] {
        try writer.add("tokens_\(index)", integers: item.tokens, shape: #require(Shape([item.tokens.count])))
      }
      try writer.finish()
      let error = #expect(throws: NPZError.self) { try GoldenFile(path: path, vocabularySize: 96) }
      #expect(error?.code == .missingArray && error?.name == "tokens_1")
      try GoldenCase.write([item, item], path)
      #expect(try Verifying().result(golden: path).passed)
    }
  }

  /// A window or a long prompt makes the last row forget where the activation was. Rows beside the activation still show it.
  @Test func rowsBesideTheActivationShowWhereItIs() throws {
    try withTemporaryDirectory { directory in
      let tokens = (0..<10).map { 20 + $0 % 3 } + [7, 9, 7] + (0..<47).map { 10 + $0 * 5 % 50 }
      let verifying = try Verifying("mistral-window")
      let verification = verifying.verification
      func failures(_ selection: GoldenRecorder.Selection) throws -> [Finding] {
        let path = "\(directory)/\(selection.rawValue).npz"
        let recorder = GoldenRecorder(
          model: verification.model, adapter: verification.adapter, evaluator: verification.evaluator)
        let writer = try NPZWriter(path: path, replacesExisting: false, compression: .stored)
        _ = try recorder.record(.init(name: "p", tokens: tokens), index: 0, keeping: selection, to: writer)
        try writer.finish()
        return try verifying.result(golden: path).failures.map(\.finding)
      }
      #expect(try failures(.all) == [])
      #expect(try failures(.last).contains(.mistakeNotShown(.activationShifted(-1))))
    }
  }

  /// A tolerance that hides everything hides the scaling, too.
  @Test func everyKnownMistakeIsComparedWithTheTolerance() throws {
    let result = try Verifying(tolerance: 0.999999).result(golden: testData("inference/llama/golden.npz"))
    #expect(result.failures.map(\.finding).contains(.mistakeNotShown(.scalingLeftOut)))
    guard case .sensitivity(true, let effects) = result.figures(.sensitivity) else {
      Issue.record("no figures")
      return
    }
    #expect(effects.map(\.mistake) == Mistake.provable && effects.contains { !$0.isShown })
  }

  /// The shortest prompt tries an adapter that is active from the first token. Others do only if that one doesn't show it.
  @Test(arguments: [1e-4, 0.99] as [Float]) func onePromptThatShowsAnEarlyAdapterIsEnough(_ tolerance: Float) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/g.npz"
      let long = try GoldenCase(longestOf: testData("inference/llama/golden.npz"))
      let (tokens, start) = (long.tokens, try #require(long.start))
      var short = long
      short.tokens = Array(tokens[1...])
      short.start = start - 1
      (short.base, short.adapted) = (nil, nil)
      let verifying = try Verifying()
      // Its rows are the engine's own, because the fixture has no such prompt.
      let runs = try verifying.verification.runs(short.tokens, start: start - 1, keeping: Set(0..<short.tokens.count))
      short.adapted = (0..<short.tokens.count).map { runs.adapted.rows[$0] ?? [] }
      short.tolerance = tolerance
      try GoldenCase.write([long, short], path)
      let result = try verifying.result(golden: path)
      #expect(result.passed, "\(result.failures)")
      guard case .sensitivity(true, let effects) = result.figures(.sensitivity) else {
        Issue.record("no figures")
        return
      }
      let shown = try #require(effects.first { $0.mistake == .activeFromFirstToken })
      #expect(shown.isShown && shown.effect > 1e-3)
    }
  }

  /// A plain LoRA has no tokens before its activation: nothing is proved about them.
  @Test func whatDoesNotApplyIsNotPassed() throws {
    for golden in [try testData("inference/llama-lora/golden.npz"), nil] {
      let result = try Verifying("llama-lora").result(golden: golden)
      let outcomes = result.verdicts.map(\.outcome)
      #expect(outcomes == [.passed, .notApplicable, .passed, .passed, .passed] && result.passed)
      #expect(
        result.figures(.beforeActivation) == .beforeActivation(positionCount: 0, cacheEntryCount: 0, isActivated: false)
      )
    }
    #expect(try Verifying().result(golden: nil).verdicts.allSatisfy { $0.outcome == .passed })
  }

  private func write(_ path: String, _ part: Part) throws {
    let source = try NPZFile(path: testData("inference/llama/golden.npz"))
    let writer = try NPZWriter(path: path, replacesExisting: true, compression: .stored)
    let tokens = try source.integers(named: "tokens_1")
    try writer.add("tokens_0", integers: tokens, shape: source.array(named: "tokens_1").shape)
    let count = part.rowCount ?? tokens.count
    if part.rowCount != nil {
      try writer.add("positions_0", integers: Array(0..<count), shape: #require(Shape([count])))
    }
    for (name, original) in part.names.sorted(by: { $0.key < $1.key }) {
      let values = try source.floats(named: original + "_1")
      let width = values.count / tokens.count
      try writer.add("\(name)_0", floats: Array(values[..<(count * width)]), shape: #require(Shape([count, width])))
    }
    try writer.finish()
  }
}
