internal import AloraInference
internal import AloraJSON
internal import AloraVerification

/// A verification for machines.
///
/// Schema: schemas/verify.schema.json. What is no finite number is null.
extension VerificationReport {
  func json(adapterDigest: String, golden: String?) -> JSONValue {
    [
      "model": .string(model), "adapter": .string(adapter), "adapter_sha256": .string(adapterDigest),
      "golden": golden.map { .string($0) } ?? .null, "passed": .boolean(failedCount == 0),
      "proofs": .array(
        verdicts.map { verdict in
          [
            "proof": .string(verdict.proof.rawValue), "passed": .boolean(verdict.passed),
            "detail": .string(verdict.detail), "failures": .array(verdict.failures.map { .string($0.description) }),
          ]
        }),
      "cases": .array(cases.map(\.json)),
    ]
  }
}

extension CaseReport {
  fileprivate var json: JSONValue {
    [
      "name": .string(name), "tokens": .array(tokens.map { .integer($0) }),
      "pieces": pieces.map { .array($0.map { $0.map { .string($0) } ?? .null }) } ?? .null,
      "activation_start": activationStart.map { .integer($0) } ?? .null,
      "tolerance": tolerance.map { .number($0) } ?? .null,
      "positions": .array(positions.map(\.json)), "top_tokens": .array(tops.map(\.json)),
      "cache": .array(
        provenance.map { block in
          [
            "first": .integer(block.positions.lowerBound), "count": .integer(block.positions.count),
            "adapted": .boolean(block.adapterDigest != nil),
          ]
        }),
    ]
  }
}

extension PositionReport {
  fileprivate var json: JSONValue {
    .members([
      "position": .integer(position), "effect": .number(effect), "base": base.map(\.json),
      "adapted": adapted.map(\.json),
    ])
  }
}

extension RowComparison {
  fileprivate var json: JSONValue {
    [
      "largest_delta": .number(largestDelta), "relative_delta": .number(relative), "token": .integer(token),
      "golden": .number(Double(expected)), "found": .number(Double(found)), "divergence_nats": .number(divergence),
      "golden_top": .integer(expectedTop), "rank_of_golden_top": .integer(rankOfExpectedTop),
      "same_top": .boolean(isSameTop),
    ]
  }
}

extension TopTokens {
  fileprivate var json: JSONValue {
    .members([
      "position": .integer(position), "base": Self.json(base), "adapted": Self.json(adapted),
      "golden": golden.map(Self.json),
    ])
  }

  private static func json(_ entries: [Entry]) -> JSONValue {
    .array(
      entries.map { entry in
        [
          "token": .integer(entry.token), "logit": .number(Double(entry.logit)),
          "probability": .number(entry.probability),
        ]
      })
  }
}
