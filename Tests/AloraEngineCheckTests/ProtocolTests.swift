import AloraInference
import AloraTestSupport
import Foundation
import Testing

@testable import AloraEngineCheck

/// The same engine, with the same faults, through every protocol.
@Suite struct ProtocolTests {
  private static let model = Result {
    try FaultyEngineTests.Loaded("llama")
  }
  private static let other = [20, 21]

  static let texts = TokenTexts(
    vocabularySize: 64, decode: { $0.map(FakeEngine.text).joined() }, encode: { FakeEngine.tokens(of: $0) })

  private func engine(
    _ dialect: FakeEngine.Dialect, _ fault: FakeEngine.Fault, adapterCount: Int = 2, noise: Double = 0
  ) throws -> FakeEngine {
    let loaded = try Self.model.get()
    return FakeEngine(
      dialect, model: loaded.model, adapter: loaded.adapter, fault: fault, noise: noise, adapterCount: adapterCount,
      other: adapterCount > 1 ? (adapter: loaded.adapter.scaled(by: -1), invocation: Self.other) : nil)
  }

  private func client(_ dialect: FakeEngine.Dialect, _ server: FakeServer) throws -> any InferenceServer {
    let address = try ServerAddress(server.url)
    #expect(
      try EngineProtocol.detected(at: address, timeout: 600)
        == [.llamaServer: .llamaServer, .vLLM: .openAI, .texts: .openAI, .ollama: .ollama][dialect])
    return switch dialect {
    case .llamaServer: LlamaServer(address: address, timeout: 600)
    case .vLLM: try OpenAIServer(address: address, timeout: 600, texts: nil, trial: [1, 2])
    case .texts: try OpenAIServer(address: address, timeout: 600, base: "base", texts: Self.texts, trial: [1, 2])
    case .ollama: try OllamaServer(address: address, timeout: 600, texts: Self.texts)
    }
  }

  /// The name of one of the fake engine's adapters.
  private func name(_ number: Int, _ dialect: FakeEngine.Dialect) -> ServerAdapter.Identifier {
    switch dialect {
    case .llamaServer: .number(number)
    case .vLLM, .texts: .name("a\(number)")
    case .ollama: .name("a\(number):latest")
    }
  }

  private func report(_ dialect: FakeEngine.Dialect, _ engine: FakeEngine, knowsOther: Bool = true) throws
    -> ServerCheck.Report
  {
    let loaded = try Self.model.get()
    let server = try engine.serve()
    return try ServerCheck(
      server: client(dialect, server),
      evaluator: Evaluator(model: loaded.model, pool: ThreadPool(threadCount: 1)), adapter: loaded.adapter,
      contexts: ServerContexts(texts: [], invocation: loaded.adapter.invocationTokens, vocabularySize: 64),
      invocations: knowsOther ? [name(1, dialect): Self.other] : [:]
    ).run(adapter: name(0, dialect))
  }

  private func failed(_ report: ServerCheck.Report) -> [ServerCheckPlan.Kind: ServerVerdict] {
    Dictionary(
      uniqueKeysWithValues: report.verdicts.filter { $0.outcome == .failed || $0.outcome == .undecided }.map {
        ($0.kind, $0)
      })
  }

  @Test(arguments: FakeEngine.Dialect.allCases) func aRightEnginePassesThroughEveryProtocol(
    _ dialect: FakeEngine.Dialect
  ) throws {
    let report = try report(dialect, engine(dialect, .none))
    #expect(report.passed, "\(failed(report))")
    #expect(report.noise < 0.003)
    let skipped = Set(report.verdicts.filter { $0.outcome == .skipped }.map(\.kind))
    let cannotScale: Set<ServerCheckPlan.Kind> = [
      .halfScale, .adapterThenOther, .openAI, .defaultScale,
    ]
    #expect(skipped == (dialect == .llamaServer ? [] : cannotScale))
    #expect(report.verdicts.first { $0.kind == .otherThenAdapter }?.outcome == .passed)
    #expect(report.hasCacheControl == (dialect == .llamaServer || dialect == .vLLM))
    let said = [
      FakeEngine.Dialect.llamaServer: "fake", .vLLM: "0.0.1", .texts: "0.0.2", .ollama: "0.0.3",
    ]
    #expect(report.properties.build == said[dialect])
  }

  @Test(arguments: FakeEngine.Dialect.allCases, [0.0, 0.05]) func oneTokenLateIsFoundThroughEveryProtocol(
    _ dialect: FakeEngine.Dialect, _ noise: Double
  ) throws {
    let report = try report(dialect, engine(dialect, .late, noise: noise))
    #expect(failed(report)[.middle]?.compatible == [EngineHypothesis(.shifted(1))], "\(failed(report))")
    #expect(failed(report)[.base] == nil && failed(report)[.none] == nil)
  }

  @Test(arguments: FakeEngine.Dialect.allCases) func anotherAdaptersCacheIsFoundThroughEveryProtocol(
    _ dialect: FakeEngine.Dialect
  ) throws {
    let found = try failed(report(dialect, engine(dialect, .keepsOthers)))
    #expect(Set(found.keys) == [.otherThenAdapter], "\(found)")
    #expect(found[.otherThenAdapter]?.notes.contains(.otherAdapterMayBeKept) == true)
  }

  @Test(arguments: FakeEngine.Dialect.allCases, [FakeEngine.Fault.off, .everywhere, .early, .halfScale, .missed])
  func otherFaultsAreNamedThroughEveryProtocol(_ dialect: FakeEngine.Dialect, _ fault: FakeEngine.Fault) throws {
    let expected: [FakeEngine.Fault: EngineHypothesis] = [
      .off: .init(.off), .everywhere: .init(.everywhere), .early: .init(.shifted(-1)),
      .halfScale: .init(.shifted(0), factor: 0.5), .missed: .init(.off),
    ]
    let kind: ServerCheckPlan.Kind = fault == .missed ? .ownLastToken : .middle
    let found = try failed(report(dialect, engine(dialect, fault)))
    #expect(found[kind]?.compatible == expected[fault].map { [$0] }, "\(found)")
  }

  @Test(arguments: FakeEngine.Dialect.allCases) func keptKeysAndValuesAreFoundThroughEveryProtocol(
    _ dialect: FakeEngine.Dialect
  ) throws {
    let found = try failed(report(dialect, engine(dialect, .keepsCache)))
    #expect(found[.adapterThenBase] != nil && found[.base] == nil, "\(found)")
  }

  @Test(arguments: FakeEngine.Dialect.allCases) func aRefusalOfAPlainPromptIsNoFault(
    _ dialect: FakeEngine.Dialect
  ) throws {
    let report = try report(dialect, engine(dialect, .refusesPlain))
    #expect(report.passed, "\(failed(report))")
    #expect(report.verdicts.first { $0.kind == .none }?.conclusion == .refused)
  }

  @Test func withoutTheOthersInvocationNothingIsClaimed() throws {
    for dialect in [FakeEngine.Dialect.vLLM, .texts, .ollama] {
      let report = try report(dialect, engine(dialect, .keepsOthers), knowsOther: false)
      let verdict = report.verdicts.first { $0.kind == .otherThenAdapter }
      #expect(verdict?.conclusion == .skipped(.otherInvocationsUnknown))
    }
  }

  /// Ollama gives no probabilities of a part of a character, and can't be made to.
  @Test func promptsWithoutProbabilitiesAreLeftOut() throws {
    let report = try report(.ollama, engine(.ollama, .cutsText))
    #expect(report.passed, "\(failed(report))")
    let error = #expect(throws: ServerError.self) { try self.report(.ollama, engine(.ollama, .saysNothing)) }
    #expect(error?.code == .malformedResponse)
  }

  @Test func requestsOfDifferentProbesHaveDifferentSalts() throws {
    let engine = try engine(.vLLM, .none)
    _ = try report(.vLLM, engine)
    func salt(_ body: String) -> String? { body.firstMatch(of: #/"cache_salt":"([^"]+)"/#).map { String($0.1) } }
    let salts = engine.bodies.compactMap(salt)
    #expect(salts.count == engine.bodies.count)
    // A request and the one before it share theirs; no third one does.
    let counts = Dictionary(grouping: salts) { $0 }.mapValues(\.count)
    #expect(counts.values.max() == 2 && counts.count > salts.count / 2)
  }

  @Test func theAdapterIsFoundByItsFile() throws {
    let engine = try engine(.ollama, .none, adapterCount: 1)
    let loaded = try Self.model.get()
    let server = try engine.serve()
    let check = ServerCheck(
      server: try client(.ollama, server),
      evaluator: Evaluator(model: loaded.model, pool: ThreadPool(threadCount: 1)), adapter: loaded.adapter,
      contexts: ServerContexts(texts: [], invocation: nil, vocabularySize: 64))
    func unknown(_ name: String, _ path: String) -> ServerAdapter {
      ServerAdapter(identifier: .name(name), path: path, invocationTokens: nil, knowsInvocation: false)
    }
    #expect(try check.choose([unknown("a", "x")], identifier: nil).identifier == .name("a"))
    let two = [unknown("a", "/m/x"), unknown("b", "/n/adapter")]
    #expect(try check.choose(two, identifier: nil).identifier == .name("b"))
    let error = #expect(throws: ServerError.self) {
      try check.choose([unknown("a", "x"), unknown("b", "y")], identifier: nil)
    }
    #expect(error?.code == .ambiguousAdapter)
  }
}
