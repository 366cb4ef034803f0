import AloraInference
import AloraTestSupport
import Foundation
import Testing

@testable import AloraEngineCheck

@Suite struct EngineFitTests {
  private func fit(_ residuals: [(EngineHypothesis.Activation, [Double])], noise: Double) -> EngineFit {
    EngineFit(residuals.map { .init(EngineHypothesis($0.0), residuals: $0.1) }, noise: noise)
  }

  @Test func ofEqualOnesTheFirstIsTheBest() {
    let fit = fit([(.off, [1, 1]), (.shifted(0), [1, 1]), (.everywhere, [0.5, 2])], noise: 1)
    #expect(fit.entries.map(\.hypothesis.activation) == [.off, .shifted(0), .everywhere])
  }

  @Test func whatIsNearTheBestIsNotExcluded() {
    // 9 σ² / n = 9 · 0.01 / 4 = 0.0225 above 0.01: up to 0.18.
    let values = { (x: Double) in [Double](repeating: x, count: 4) }
    for (second, count) in [(0.17, 2), (0.19, 1)] {
      let fit = fit([(.shifted(0), values(0.1)), (.shifted(-1), values(second))], noise: 0.1)
      #expect(fit.compatible.count == count && fit.isExplained)
    }
    #expect(!fit([(.off, values(0.31))], noise: 0.1).isExplained)
  }

  @Test func verdicts() {
    let expected = EngineHypothesis(.shifted(0))
    func verdict(_ zero: Double, _ early: Double, excluded: Set<EngineHypothesis.Activation> = []) -> ServerVerdict {
      ServerVerdict(
        .middle, expected: expected, fit: fit([(.shifted(0), [zero]), (.shifted(-1), [early])], noise: 0.1),
        excluded: excluded)
    }
    #expect(verdict(0.1, 1).outcome == .passed)
    #expect(verdict(1, 0.1).outcome == .failed && verdict(1, 0.1).conclusion == .other)
    #expect(verdict(1, 0.1).compatible == [EngineHypothesis(.shifted(-1))])
    #expect(verdict(0.12, 0.1).outcome == .undecided)
    #expect(verdict(0.12, 0.1, excluded: [.shifted(-1)]).outcome == .passed)
    #expect(verdict(0.12, 0.1, excluded: [.shifted(0)]).outcome == .failed)
    #expect(verdict(0.12, 0.1, excluded: [.shifted(0), .shifted(-1)]).outcome == .undecided)
    #expect(verdict(1, 0.9).outcome == .failed)
    #expect(verdict(1, 0.9).conclusion == .unexplained(nearest: EngineHypothesis(.shifted(-1))))
  }

  @Test func answersThatDependOnWhatCameBeforeAreAFailure() {
    func answer(_ values: [Int: Double]) -> CompletionAnswer {
      CompletionAnswer(
        candidates: values.sorted { $0.key < $1.key }.map { .init(token: $0.key, logProbability: $0.value) },
        cachedTokenCount: nil)
    }
    let fresh = answer([1: -1, 2: -2, 3: -5])
    #expect(fresh.difference(from: fresh) == 0)
    #expect(fresh.difference(from: answer([1: -1.3, 2: -2.4, 9: -1])) > 0.35)
    #expect(fresh.difference(from: answer([9: -1])) == .infinity)
    let expected = EngineHypothesis(.shifted(0))
    let passed = ServerVerdict(
      .otherThenAdapter, expected: expected, fit: fit([(.shifted(0), [0.1]), (.off, [2])], noise: 0.1))
    let failed = passed.differing(by: 0.4)
    #expect(passed.outcome == .passed && failed.outcome == .failed && failed.notes == [.otherAdapterMayBeKept])
    #expect(failed.conclusion == .differsFromFresh(0.4) && failed.fit == passed.fit)
  }

  @Test func theLowestPointOfAParabolaIsFound() {
    let factors = [0.5, 0.8, 1.0, 1.3, 2.0]
    for lowest in [0.9, 1.0, 1.1] {
      let values = factors.map { ($0 - lowest) * ($0 - lowest) * 3 + 1 }
      let least = factors.indices.min { values[$0] < values[$1] } ?? 0
      #expect(abs(ServerSession.vertex(values, at: least, factors) - lowest) < 1e-9)
    }
  }

  @Test func startsOfHypotheses() {
    let tokens = [5, 1, 2, 6, 1, 2, 7]
    let cases: [(EngineHypothesis.Activation, Int?)] = [
      (.off, nil), (.everywhere, 0), (.lastTokenOnly, 6), (.shifted(0), 4), (.shifted(-1), 3), (.shifted(2), 6),
      (.shifted(3), nil), (.shifted(-9), 0), (.firstOccurrence(0), 1), (.firstOccurrence(-1), 0),
    ]
    for (activation, start) in cases {
      #expect(EngineHypothesis(activation).start(in: tokens, invocation: [1, 2]) == start)
    }
    #expect(EngineHypothesis(.shifted(0)).start(in: tokens, invocation: [3]) == nil)
    #expect(EngineHypothesis.occurrences(of: [1, 1], in: [1, 1, 1]) == [0, 1])
  }
}

/// Engines with a fault each, which has to be named.
@Suite struct FaultyEngineTests {
  struct Loaded {
    let model: Model
    let adapter: Adapter
    init(_ name: String = "llama", adapter: String? = nil) throws {
      let pool = ThreadPool(threadCount: 1)
      model = try Model(path: testData("inference/\(name)/base"), pool: pool)
      self.adapter = try Adapter(path: testData("inference/\(adapter ?? name)/adapter"), model: model, pool: pool)
    }
  }

  private func check(
    _ loaded: Loaded, _ engine: FakeEngine, adapter: Adapter? = nil, identifier: ServerAdapter.Identifier? = nil
  ) throws -> ServerCheck.Report {
    let server = try engine.serve()
    let adapter = adapter ?? loaded.adapter
    return try ServerCheck(
      server: LlamaServer(address: try ServerAddress(server.url), timeout: 600),
      evaluator: Evaluator(model: loaded.model, pool: ThreadPool(threadCount: 1)), adapter: adapter,
      contexts: ServerContexts(
        texts: [], invocation: adapter.invocationTokens, vocabularySize: loaded.model.vocabularySize)
    ).run(adapter: identifier)
  }

  private func failures(_ report: ServerCheck.Report) -> [ServerCheckPlan.Kind: ServerVerdict] {
    Dictionary(
      uniqueKeysWithValues: report.verdicts.filter { $0.outcome == .failed || $0.outcome == .undecided }.map {
        ($0.kind, $0)
      })
  }

  /// What failed, and the hypotheses that fit instead.
  private func fitting(_ report: ServerCheck.Report) -> [ServerCheckPlan.Kind: [EngineHypothesis]] {
    failures(report).mapValues { $0.conclusion == .other ? $0.compatible : [] }
  }

  private func isKept(_ verdict: ServerVerdict?) -> Bool {
    guard let verdict, verdict.conclusion == .other else { return false }
    return verdict.compatible.contains { if case .afterKept = $0.activation { true } else { false } }
  }

  @Test(arguments: ["llama", "llama-lora", "gemma2", "qwen3"]) func aRightEnginePasses(_ name: String) throws {
    let loaded = try Loaded(name)
    for count in [1, 2] {
      let report = try check(
        loaded, FakeEngine(model: loaded.model, adapter: loaded.adapter, adapterCount: count), identifier: 0)
      #expect(report.passed, "\(failures(report))")
      #expect((report.verdicts.first { $0.kind == .otherThenAdapter }?.outcome == .skipped) == (count == 1))
      let scaling = report.verdicts.first { $0.kind == .scaling }?.scaling?.value ?? 0
      #expect(abs(scaling - 1) < 0.005, "\(scaling)")
      #expect(report.noise < 0.003)
    }
  }

  @Test(
    arguments: [
      (.early, EngineHypothesis(.shifted(-1))), (.late, EngineHypothesis(.shifted(1))), (.off, EngineHypothesis(.off)),
      (.everywhere, EngineHypothesis(.everywhere)), (.halfScale, EngineHypothesis(.shifted(0), factor: 0.5)),
    ] as [(FakeEngine.Fault, EngineHypothesis)], [0.0, 0.05]) func faultsAreNamed(
      _ fault: (FakeEngine.Fault, EngineHypothesis), _ noise: Double
    ) throws
  {
    let loaded = try Loaded()
    let report = try check(
      loaded, FakeEngine(model: loaded.model, adapter: loaded.adapter, fault: fault.0, noise: noise))
    #expect(!report.passed)
    #expect(fitting(report)[.middle] == [fault.1])
    #expect(failures(report)[.base] == nil)
    if fault.0 == .early { #expect(failures(report)[.atStart] == nil) }
    if fault.0 == .halfScale {
      let scaling = report.verdicts.first { $0.kind == .scaling }
      #expect(scaling?.outcome == .failed)
      #expect(abs((scaling?.scaling?.value ?? 0) - 0.5) < 0.1)
    }
  }

  @Test func aMissedInvocationIsFoundAndNothingElse() throws {
    let loaded = try Loaded()
    let report = try check(loaded, FakeEngine(model: loaded.model, adapter: loaded.adapter, fault: .missed))
    #expect(fitting(report) == [.ownLastToken: [EngineHypothesis(.off)]])
    #expect(failures(report)[.ownLastToken]?.notes == [.invocationMissedBeforeItsLastToken])
  }

  @Test func anIgnoredScaleIsFound() throws {
    let loaded = try Loaded()
    let report = try check(
      loaded, FakeEngine(model: loaded.model, adapter: loaded.adapter, fault: .requestScaleIgnored))
    #expect(Set(failures(report).keys) == [.halfScale, .adapterThenOther])
    #expect(fitting(report)[.halfScale] == [EngineHypothesis(.shifted(0), factor: 2)])
  }

  @Test func oneEndpointIsAnotherThing() throws {
    let loaded = try Loaded()
    let report = try check(loaded, FakeEngine(model: loaded.model, adapter: loaded.adapter, fault: .openAIOff))
    #expect(fitting(report) == [.openAI: [EngineHypothesis(.off)]])
  }

  @Test func anEndpointThatRefusesIsSkipped() throws {
    let loaded = try Loaded()
    let report = try check(loaded, FakeEngine(model: loaded.model, adapter: loaded.adapter, fault: .refusesOpenAI))
    let verdict = report.verdicts.first { $0.kind == .openAI }
    guard case .skipped(.endpointRefuses(let problem)) = verdict?.conclusion else {
      Issue.record("\(String(describing: verdict))")
      return
    }
    #expect(report.passed && problem.contains("nothing invokes"))
  }

  @Test(arguments: ["llama", "llama-lora"]) func keptKeysAndValuesAreFound(_ name: String) throws {
    let loaded = try Loaded(name)
    let report = try check(
      loaded, FakeEngine(model: loaded.model, adapter: loaded.adapter, fault: .keepsCache, adapterCount: 2),
      identifier: 0)
    let found = failures(report)
    #expect(isKept(found[.adapterThenBase]), "\(found)")
    #expect(found[.baseThenAdapter] != nil && isKept(found[.adapterThenOther]), "\(found)")
    #expect(found[.middle] == nil && found[.adapterTwice] == nil && found[.halfScale] == nil)
    if name == "llama" {
      #expect(isKept(found[.adapterFurtherOn]))
      let atStart = found[.baseThenAdapterAtStart]
      #expect(atStart?.compatible.first == EngineHypothesis(.lastTokenOnly), "\(found)")
      #expect(atStart?.notes.contains { if case .reusedTokens = $0 { true } else { false } } == true)
    }
  }

  @Test(arguments: ["llama", "llama-lora"]) func anotherAdaptersKeysAndValuesAreFound(_ name: String) throws {
    let loaded = try Loaded(name)
    let other = (adapter: loaded.adapter.scaled(by: -1), invocation: [20, 21])
    func engine(_ fault: FakeEngine.Fault) -> FakeEngine {
      FakeEngine(model: loaded.model, adapter: loaded.adapter, fault: fault, adapterCount: 3, other: other)
    }
    let right = engine(.none)
    let report = try check(loaded, right, identifier: 0)
    #expect(report.passed, "\(failures(report))")
    let others = report.verdicts.filter { $0.other != nil }
    #expect(others.map(\.kind) == [.otherThenAdapter, .secondOtherThenAdapter])
    #expect(others.first?.other?.identifier == 1 && others.first?.other?.path == "a1.gguf")
    // It was on, and its invocation there.
    #expect(right.bodies.contains { $0.contains("20,21,") && $0.contains(#"{"id":1,"scale":1.0}"#) })
    let found = failures(try check(loaded, engine(.keepsOthers), identifier: 0))
    // An ordinary LoRA is active from the first token on: up to there nothing is kept.
    let expected: Set<ServerCheckPlan.Kind> = name == "llama" ? [.otherThenAdapter] : []
    #expect(Set(found.keys) == expected, "\(found)")
    if name == "llama" { #expect(found[.otherThenAdapter]?.notes.contains(.otherAdapterMayBeKept) == true, "\(found)") }
  }

  @Test func ofTheOthersTwoWithAnInvocationAndOneWithoutAreAsked() {
    let invocations: [[Int]?] = [nil, nil, [1], [7, 8], [64], [1], [9]]
    let planner = ServerPlanner(
      contexts: ServerContexts(texts: [], invocation: [1], vocabularySize: 64), invocation: [1], identifier: 2,
      adapters: invocations.enumerated().map { index, tokens in
        ServerAdapter(identifier: .number(index), path: "", invocationTokens: tokens)
      }, capabilities: [.scales])
    #expect(planner.others(vocabularySize: 64).map(\.identifier) == [3, 5, 0])
    for plan in planner.otherPlans([[2, 1, 3]], vocabularySize: 64).prefix(2) {
      let other = plan.kind == .otherThenAdapter ? [7, 8] : [1]
      for probe in plan.probes {
        let (before, tokens) = (probe.before[0].tokens, probe.request.tokens)
        #expect(tokens.starts(with: before) && tokens.count > before.count && tokens[before.count] == 1)
        // The other has tokens to leave its mark on, and this adapter's invocation is not among them.
        #expect((EngineHypothesis.occurrences(of: other, in: before).last ?? 99) + other.count < before.count)
      }
    }
  }

  @Test(arguments: [0, 0.5, 1]) func requestsThatNameNoAdapterAreAsked(_ scale: Double) throws {
    let loaded = try Loaded()
    func report(_ fault: FakeEngine.Fault) throws -> ServerCheck.Report {
      try check(loaded, FakeEngine(model: loaded.model, adapter: loaded.adapter, fault: fault, defaultScale: scale))
    }
    let right = try report(.none)
    #expect(right.passed, "\(failures(right))")
    #expect(right.verdicts.first { $0.kind == .defaultScale }?.outcome == .passed)
    #expect(right.unusualDefaultScale == (scale == 1 ? nil : scale))
    let expected: [ServerCheckPlan.Kind: [EngineHypothesis]] =
      scale == 0 ? [:] : [.defaultScale: [EngineHypothesis(.off)]]
    #expect(fitting(try report(.defaultIgnored)) == expected)
  }

  @Test func defaultScalesThatSayNothingAreSkipped() {
    func plan(_ scale: Double?, other: Double? = 0) -> ServerCheckPlan {
      ServerPlanner(
        contexts: ServerContexts(texts: [], invocation: [1], vocabularySize: 64), invocation: [1], identifier: 0,
        adapters: [
          ServerAdapter(identifier: 0, path: "", invocationTokens: [1], defaultScale: scale),
          ServerAdapter(identifier: 1, path: "", invocationTokens: nil, defaultScale: other),
        ], capabilities: [.scales]
      ).defaultScalePlan([[2, 1, 3]])
    }
    #expect(plan(1).skipReason == nil && plan(1).expected == .shifted(0) && plan(0).expected == .off)
    #expect(plan(nil).skipReason == .noDefaultScales)
    #expect(plan(-1).skipReason == .defaultScaleOutOfRange(-1))
    for other in [1, nil] as [Double?] {
      #expect(plan(1, other: other).skipReason == .otherDefaultScale(1))
    }
  }

  @Test func aPartOfACharacterIsNoObstacle() throws {
    let loaded = try Loaded()
    let engine = FakeEngine(model: loaded.model, adapter: loaded.adapter, fault: .cutsText)
    let report = try check(loaded, engine)
    #expect(report.passed, "\(failures(report))")
    #expect(engine.bodies.first?.contains("logit_bias") == false)
    #expect(engine.bodies.dropFirst().first?.contains(#""logit_bias":[["#) == true)
    let silent = FakeEngine(model: loaded.model, adapter: loaded.adapter, fault: .saysNothing)
    let error = #expect(throws: ServerError.self) { try check(loaded, silent) }
    #expect(error?.code == .malformedResponse && silent.bodies.count == 5)
  }

  /// An adapter that does next to nothing: nothing is passed that could not have failed.
  @Test func whatCannotBeDecidedIsNotPassed() throws {
    let loaded = try Loaded()
    let weak = loaded.adapter.scaled(by: 1e-5)
    let report = try check(loaded, FakeEngine(model: loaded.model, adapter: weak), adapter: weak)
    let middle = report.verdicts.first { $0.kind == .middle }
    #expect(middle?.outcome == .undecided && !report.passed)
    #expect(middle?.compatible.contains(EngineHypothesis(.off)) == true)
    #expect(report.verdicts.first { $0.kind == .scaling }?.outcome != .passed)
  }

  @Test func anotherBaseIsNotCalledAnActivation() throws {
    let loaded = try Loaded()
    let report = try withTemporaryDirectory { directory in
      let base = directory + "/base"
      try FileManager.default.copyItem(atPath: testData("inference/llama/base"), toPath: base)
      let configuration = URL(fileURLWithPath: base + "/config.json")
      let text = String(decoding: try Data(contentsOf: configuration), as: UTF8.self)
      let changed = text.replacing(#/"rms_norm_eps": [0-9.e+-]+/#, with: #""rms_norm_eps": 50"#)
      try Data(changed.utf8).write(to: configuration)
      let pool = ThreadPool(threadCount: 1)
      let model = try Model(path: base, pool: pool)
      let adapter = try Adapter(path: testData("inference/llama/adapter"), model: model, pool: pool)
      return try check(loaded, FakeEngine(model: model, adapter: adapter))
    }
    let base = report.verdicts.first { $0.kind == .base }
    #expect(base?.fit?.best?.residual ?? 0 > 0.001, "\(String(describing: base?.fit?.entries))")
    #expect(failures(report)[.base]?.conclusion == .otherBase(applied: nil))
    #expect(report.verdicts.first { $0.kind == .middle }?.outcome != .passed)
  }

  @Test func theAdapterIsChosenByItsInvocation() throws {
    let loaded = try Loaded()
    let engine = FakeEngine(model: loaded.model, adapter: loaded.adapter, adapterCount: 2)
    #expect(try check(loaded, engine).adapter.identifier == 0)
    #expect(throws: ServerError.self) { try check(loaded, engine, identifier: 7) }
    #expect(engine.bodies.allSatisfy { $0.contains(#""cache_prompt""#) && $0.contains(#""id_slot":0"#) })
  }

  @Test func ofSeveralAdaptersTheOneMeantIsTaken() throws {
    let loaded = try Loaded()
    let check = ServerCheck(
      server: LlamaServer(address: try ServerAddress("http://h")),
      evaluator: Evaluator(model: loaded.model, pool: ThreadPool(threadCount: 1)), adapter: loaded.adapter,
      contexts: ServerContexts(texts: [], invocation: nil, vocabularySize: 64))
    let own = loaded.adapter.invocationTokens
    func server(_ identifier: ServerAdapter.Identifier, _ path: String, _ tokens: [Int]?) -> ServerAdapter {
      ServerAdapter(identifier: identifier, path: path, invocationTokens: tokens)
    }
    func chosen(_ list: [ServerAdapter], _ identifier: ServerAdapter.Identifier? = nil) -> Result<
      ServerAdapter.Identifier, ServerError
    > {
      Result { () throws(ServerError) in try check.choose(list, identifier: identifier).identifier }
    }
    func code(_ result: Result<ServerAdapter.Identifier, ServerError>) -> ServerError.Code? {
      if case .failure(let error) = result { error.code } else { nil }
    }
    let (plain, mine) = (server(0, "x", nil), server(1, "y", own))
    #expect(chosen([plain, mine]) == .success(1))
    #expect(chosen([plain, mine], 0) == .success(0))
    #expect(code(chosen([])) == .noAdapter)
    #expect(code(chosen([plain])) == .noAdapter)
    #expect(code(chosen([plain, mine], 2)) == .noAdapter)
    #expect(code(chosen([mine, server(2, "z", own)])) == .ambiguousAdapter)
    #expect(chosen([mine, server(2, "/a/b/adapter", own)]) == .success(2))
    #expect(chosen([mine, server(2, "z", own)], 2) == .success(2))
  }
}
