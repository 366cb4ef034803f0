import AloraTensors
@testable import AloraInference
@testable import AloraVerification
@testable import AloraReports

/// Findings as a verification would make them, small and of every kind.
enum Fixture {
  static let invocation = [7, 9]
  static let pieces = [
    0: "Hello", 1: " wörld", 2: "\n", 3: "</script>", 4: "\u{202E}abc", 5: "\u{0301}", 6: "", 7: "<|go|>", 9: "שלום",
  ]

  /// Golden rows that the adapter's don't match.
  static let miss = GoldenMiss(
    weights: .adapted, position: 8, row: row([1, 8, -2], moved: 2), failingCount: 2, rowCount: 4, firstFailing: 7,
    tolerance: .standard)

  static func row(_ values: [Float], moved by: Float) -> RowComparison {
    RowComparison(expected: values, found: values.map { $0 + by })
  }

  /// A prompt with golden rows at its last two positions.
  static func item(
    _ name: String, tokens: [Int] = [0, 1, 2, 3, 7, 9, 4, 5, 6], start: Int? = 4, golden: Float? = 1e-6,
    effect: Double = 4
  ) -> CaseReport {
    let positions = tokens.indices.map { position in
      let isAdapted = start.map { position >= $0 } ?? false
      let row = position >= tokens.count - 2 ? golden.map { Self.row([1, 8, -2], moved: $0) } : nil
      return PositionReport(
        position: position, effect: isAdapted ? effect / Double(position) : 0, base: isAdapted ? nil : row, adapted: row
      )
    }
    let top = [TopTokens.Entry(token: 3, logit: 8, probability: 0.99), .init(token: 4, logit: 1, probability: 0.001)]
    let parts = [
      (0..<min(start ?? tokens.count, tokens.count), false),
      (min(start ?? tokens.count, tokens.count)..<tokens.count, true),
    ]
    return CaseReport(
      name: name, tokens: tokens, activationStart: start, positions: positions,
      tops: [
        TopTokens(position: tokens.count - 1, base: top, adapted: top.reversed(), golden: golden == nil ? nil : top)
      ],
      provenance: parts.filter { !$0.0.isEmpty }.map { range, isAdapted in
        KVProvenance(
          positions: range, tokens: Array(tokens[range]), adapterDigest: isAdapted ? Digest(floats: [1]) : nil,
          activationStart: isAdapted ? start : nil)
      })
  }

  static func report(
    _ cases: [CaseReport], failures: [Verdict.Proof: [Verdict.Failure]] = [:], model: String = "base.gguf",
    adapter: String = "adapters/check.gguf", baselineIsRecorded: Bool? = nil
  ) -> VerificationReport {
    var figures: [ProofFigures] = [
      .structure(moduleCount: 14, invocation: invocation),
      .beforeActivation(positionCount: 8, cacheEntryCount: 32, isActivated: true),
      .cacheReuse(continuationCount: 8, promptCount: cases.count),
      .afterActivation(
        largestEffect: 0.5,
        golden: GoldenFigures(
          rowCount: 4, activeRowCount: 2, largestDifference: 3.78e-6, largestDivergence: 1.25e-9, sameTopCount: 4)),
      .sensitivity(
        isActivated: true,
        effects: [
          MistakeEffect(mistake: .adapterOff, effect: 0.7, isShown: true),
          MistakeEffect(mistake: .activationShifted(-1), effect: 0.0524, isShown: true),
        ]),
    ]
    if let baselineIsRecorded {
      figures.append(.baseline(positionCount: 8, promptCount: cases.count, isRecorded: baselineIsRecorded))
    }
    let verdicts = figures.map { Verdict($0, failures: failures[$0.proof] ?? []) }
    return VerificationReport(
      model: model, adapter: adapter, golden: "golden.npz", adapterDigest: "abc",
      result: VerificationResult(verdicts: verdicts, cases: cases), piece: { pieces[$0] })
  }

  static func page(_ report: VerificationReport, golden: Bool = true, command: [String] = ["alora", "verify"]) -> String
  {
    let digest = Digest(floats: [2])
    return HTMLReport(
      report,
      context: ReportContext(
        model: .init(path: report.model, digest: digest, digestName: "sha256"),
        adapter: .init(path: report.adapter, digest: digest, digestName: "sha256"),
        golden: golden ? .init(path: "golden.npz", digest: digest, digestName: "sha256") : nil, invocation: invocation,
        tolerance: 1e-4,
        version: "1.2.3", command: command)
    ).text
  }
}
