import AloraInference
import AloraJSON
import AloraNPZ
import AloraTestSupport
import Testing

@testable import AloraEngineCheck
@testable import AloraReports
@testable import AloraVerification

/// Every finding and cause in words and as JSON.
@Suite struct WordsTests {
  static let mistakes: [Mistake] =
    [
      .adapterOff, .scalingLeftOut, .activationShifted(1), .activationShifted(-3), .activeAt(5), .activeFromFirstToken,
      .scaling(ScalingMistake(factor: 0.3, largestRank: 8)),
      .scaling(ScalingMistake(factor: 8.0.squareRoot(), largestRank: 8)),
      .scaling(ScalingMistake(factor: 1 / 8.0.squareRoot(), largestRank: 8)), .scalingOfKind(.value, factor: 2),
      .factors(.exchanged, .module(layer: 3, .query)), .factors(.transposedA, .all),
      .factors(.transposedB, .kinds([.down])),
      .factors(.transposed, .kinds([.down])), .factors(.unpermuted, .kinds([.query, .key])),
      .factors(.permutedTwice, .kinds([.query, .key])), .factors(.truncated, .all), .exchangedKinds(.gate, .up),
      .updateLeftOut(.layer(20)), .expertOrder(.reversed), .graph(.sinksLeftOut), .graph(.windowsChanged(by: -1)),
      .graph(.windowsLeftOut), .graph(.gateAndUpExchanged), .graph(.clampLeftOut), .graph(.routerBiasLeftOut),
      .graph(.routingWeightsChanged), .graph(.expertOrder(.sortedAsText)),
    ] + RecurrentMistake.allCases.map { .graph(.recurrent($0)) }

  static let causes: [Cause] =
    mistakes.map { .mistake($0) } + LayerOrder.allCases.map { .mistake(.layerOrder($0)) } + [
      .adapterWasActive, .unexplained(.init(triedCount: 152, isCutShort: false, nearest: nil)),
      .unexplained(
        .init(triedCount: 40, isCutShort: true, nearest: .init(mistake: .adapterOff, remainder: 0.2))),
      .idleModules([.layer(7)]), .idleModules((0..<5).map { .module(layer: $0, .output) }), .adapterChangesNothing,
      .baseDiffers(.init(correlation: 0.99991, largest: 0.0193)),
      .baseDiffers(.init(correlation: 0.61794, largest: 1.43)),
      .differsBeforeActivation(position: 4, .init(correlation: 0.2, largest: 1)), .baseRowsDiffer, .unexplainedBefore,
      .golden(.notFinite(position: 3)), .golden(.logProbabilities), .golden(.probabilities),
      .golden(.offset(position: 0, amount: -7.25)), .golden(.multiplied(by: 0.5)),
      .golden(.otherPosition(golden: 39, computed: 45)), .golden(.toleranceBelowFloat32(toleranceThatFits: 3.78e-6)),
      .golden(.padding(.init(side: .left, token: 0, count: 4))),
      .golden(.padding(.init(side: .right, token: 2, count: 1))),
    ]
    + GoldenMistake.PrecisionLoss.Format.allCases.flatMap { format in
      [(false, false), (true, true)].map { isStored, isRoundingOnly in
        .golden(
          .precision(
            .init(
              format: format, isStored: isStored, isRoundingOnly: isRoundingOnly, largest: 0.0193,
              toleranceThatFits: 0.0276)))
      }
    }

  static let findings: [Finding] =
    [
      .invocationTokenOutsideVocabulary(token: 11247, vocabularySize: 96),
      .activationStartDisagrees(golden: 39, adapter: 40), .activationStartDisagrees(golden: nil, adapter: 4),
      .promptTooLong(tokenCount: 600, limit: 512), .logitsDifferBefore(position: 2, activationStart: 4),
      .cacheDiffersBefore(position: 2, layer: 1, head: 0), .stateDiffersBefore(activationStart: 2, layer: 1),
      .foreignCacheAccepted, .noPromptActivates,
      .adapterChangesNothing, .noGoldenRowOfActiveAdapter, .bitsNotComparable(nil), .bitsNotComparable(.noDigests),
      .bitsNotComparable(.otherVersion(9)), .bitsNotComparable(.otherModel), .bitsNotComparable(.otherAdapter),
      .goldenRowsUnreadable(NPZError(.checksumMismatch, path: "g.npz", name: "adapted_logits_0", problem: "damaged")),
      .goldenMissed(Fixture.miss), .goldenFileChanged(.base, position: 2), .recordedBitsDiffer(.adapted, position: 5),
      .recordedBitsDiffer(.adapted, position: nil), .mistakeNotShown(.activationShifted(-1)),
      .activationNotShown(.noPromptActivates), .activationNotShown(.noAdaptedGoldenRows),
      .baselineFileChanged(.model, now: String(repeating: "a", count: 64), recorded: String(repeating: "b", count: 64)),
      .baselineFileChanged(
        .adapter, now: String(repeating: "a", count: 64), recorded: String(repeating: "b", count: 64)),
      .baselinePromptsChanged, .baselineNotRecorded,
    ] + ReuseOrder.allCases.map { .reuseDiffers($0, position: 7) }
    + Baseline.Subject.allCases.map {
      .baselineBitsChanged(.init(subject: $0, firstPosition: 4, token: 7, changedCount: 5, positionCount: 9))
    }

  @Test func causesInWords() throws {
    let item = Fixture.item("case 0")
    try expectSnapshot("causes.txt", Self.causes.map { $0.text(item) + "\n" }.joined())
  }

  @Test func findingsInWords() throws {
    let item = Fixture.item("case 0")
    try expectSnapshot("findings.txt", Self.findings.map { $0.text(item, { Fixture.pieces[$0] }) + "\n" }.joined())
  }

  /// No two causes read alike, and none mentions a flag of the command.
  @Test func everyCauseHasWordsOfItsOwn() {
    let texts = Self.causes.map { $0.text(nil) }
    #expect(Set(texts).count >= texts.count - 1)
    #expect((texts + Self.findings.map { $0.text(nil, nil) }).allSatisfy { !$0.contains("--") && !$0.hasSuffix(".") })
  }

  @Test func textReportsAreSnapshots() throws {
    let failing = Fixture.report(
      [Fixture.item("case 0"), Fixture.item("case 1")],
      failures: [
        .afterActivation: [
          .init(.goldenMissed(Fixture.miss), caseIndex: 1, cause: .mistake(.activationShifted(1))),
          .init(.noGoldenRowOfActiveAdapter),
        ]
      ])
    try expectSnapshot(
      "verify.txt",
      TextReport().text(Fixture.report([Fixture.item("case 0")])) + "\n" + TextReport().text(failing))
  }

  @Test func theJSONConformsToItsSchema() throws {
    let validator = try SchemaValidator(path: testData("../schemas/verify.schema.json"))
    let failures =
      zip(Self.findings, Self.causes + Self.causes).map { finding, cause in
        Verdict.Failure(finding, caseIndex: 0, cause: cause)
      } + Self.causes.map { Verdict.Failure(.goldenMissed(Fixture.miss), caseIndex: 0, cause: $0) }
    let report = Fixture.report([Fixture.item("case 0")], failures: [.afterActivation: failures])
    let json = try parseJSON(report.json.serialized())
    #expect(try validator.violations(in: json) == [])
    #expect(try json["proofs"].elements()[3]["findings"].elements().count == failures.count)
  }

  // MARK: Servers

  static let verdicts: [ServerVerdict] = {
    let expected = EngineHypothesis(.shifted(0))
    func fit(_ residuals: [(EngineHypothesis, Double)]) -> EngineFit {
      EngineFit(residuals.map { .init($0.0, residuals: [$0.1]) }, noise: 0.1)
    }
    let early = EngineHypothesis(.shifted(-1))
    let other = ServerAdapter(identifier: 1, path: "/a/b\u{7}.gguf", invocationTokens: nil)
    let hypotheses: [EngineHypothesis] = [
      .init(.shifted(2)), .init(.firstOccurrence(0)), .init(.firstOccurrence(-1)), .init(.everywhere),
      .init(.lastTokenOnly), .init(.afterKept(0)), .init(.afterKept(-1)), .init(.off), .init(.shifted(0), factor: 0.5),
    ]
    let skips: [ServerCheckPlan.SkipReason] = [
      .adapterNotApplied, .engineLacks(.scales), .engineLacks(.secondEndpoint), .engineLacks(.defaultScales),
      .defaultScaleOutOfRange(-1), .otherDefaultScale(1), .noDefaultScales, .onlyOneAdapter,
      .otherInvocationsOutsideVocabulary, .otherInvocationsUnknown, .promptsNotSendable, .noProbabilities,
      .endpointRefuses("status 400: at\nmost 20"),
    ]
    return [
      ServerVerdict(.middle, expected: expected, fit: fit([(expected, 0.1), (early, 1)])),
      ServerVerdict(
        .ownLastToken, expected: expected, fit: fit([(expected, 1), (early, 0.1)]),
        notes: [.invocationMissedBeforeItsLastToken]),
      ServerVerdict(
        .otherThenAdapter, expected: expected, fit: fit([(expected, 0.12), (early, 0.1)]),
        notes: [.reusedTokens([.init(cachedCount: 7, tokenCount: 13), .init(cachedCount: 8, tokenCount: 9)])],
        other: other),
      ServerVerdict(
        .otherThenAdapter, expected: expected, fit: fit([(expected, 1), (early, 0.9)]),
        notes: [.otherAdapterMayBeKept], other: other),
      ServerVerdict(
        .adapterTwice, expected: expected, fit: fit([(expected, 1), (early, 0.1)]), notes: [.sameWithoutCache]),
      ServerVerdict(
        .adapterTwice, expected: expected, fit: fit([(expected, 0.1), (early, 1)]),
        notes: [.sameWithoutCache, .nothingReused]),
      ServerVerdict(.base, .failed, .otherBase(applied: nil), expected: expected),
      ServerVerdict(.base, .failed, .otherBase(applied: early), expected: expected),
      ServerVerdict(.none, .passed, .refused, expected: EngineHypothesis(.off)),
      ServerVerdict(
        .scaling, .passed,
        .scaling(.init(value: 0.9912, lower: 0.8409, upper: 1.1892, fittingCount: 1, triedCount: 17)),
        expected: expected),
      ServerVerdict(
        .scaling, .undecided,
        .scaling(.init(value: 0.9912, lower: 0.25, upper: 4, fittingCount: 17, triedCount: 17)), expected: expected),
    ] + hypotheses.map { ServerVerdict(.twice, expected: expected, fit: fit([(expected, 1), ($0, 0.1)])) }
      + skips.map { ServerVerdict(.halfScale, .skipped, .skipped($0), expected: expected) }
  }()

  private func server() throws -> ServerCheck.Report {
    ServerCheck.Report(
      engineName: "llama-server", address: try ServerAddress("http://127.0.0.1:8080"),
      properties: ServerProperties(build: "b11434"),
      adapter: ServerAdapter(identifier: 0, path: "a.gguf", invocationTokens: [7, 9], defaultScale: 0), noise: 0.1094,
      verdicts: Self.verdicts, requestCount: 72)
  }

  @Test func serversInWords() throws {
    try expectSnapshot("server.txt", TextReport().text(server()))
  }

  @Test func theServersJSONConformsToItsSchema() throws {
    let validator = try SchemaValidator(path: testData("../schemas/verify-server.schema.json"))
    let json = try server().json(model: "m", adapter: "a", adapterDigest: "0")
    #expect(try validator.violations(in: parseJSON(json.serialized())) == [])
  }
}
