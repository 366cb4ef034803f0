internal import AloraInference
package import AloraJSON
internal import AloraVerification

/// A verification as JSON.
///
/// Schema: schemas/verify.schema.json. Numbers that aren't finite are null.
extension VerificationReport {
  package var json: JSONValue {
    [
      "model": .string(model), "adapter": .string(adapter), "adapter_sha256": .string(adapterDigest),
      "golden": golden.map { .string($0) } ?? .null, "passed": .boolean(result.passed),
      "proofs": .array(verdicts.map(json)), "cases": .array(cases.map(json)),
    ]
  }

  private func json(_ verdict: Verdict) -> JSONValue {
    let texts = texts(of: verdict.failures)
    return [
      "proof": .string(verdict.proof.rawValue), "passed": .boolean(verdict.passed),
      "outcome": .string(verdict.outcome.rawValue), "detail": .string(verdict.detail),
      "figures": verdict.figures.json, "failures": .array(texts.map { .string($0.line) }),
      "findings": .array(
        zip(verdict.failures, texts).map { failure, text in
          .members([
            "case": failure.caseIndex.map { .integer($0) } ?? .null, "text": .string(text.finding),
            "finding": failure.finding.json,
            "cause": failure.cause.map { cause in
              ["text": .string(text.cause ?? ""), "cause": cause.json]
            },
          ])
        }),
    ]
  }

  private func json(_ item: CaseReport) -> JSONValue {
    [
      "name": .string(item.name), "tokens": .array(item.tokens.map { .integer($0) }),
      "pieces": piece.map { piece in
        .array(item.tokens.map { token in piece(token).map { .string($0) } ?? .null })
      } ?? .null,
      "activation_start": item.activationStart.map { .integer($0) } ?? .null,
      "tolerance": item.tolerance.map { .number($0.limit) } ?? .null,
      "tolerance_source": item.tolerance.map { .string($0.source.rawValue) } ?? .null,
      "positions": .array(item.positions.map(\.json)), "top_tokens": .array(item.tops.map(\.json)),
      "cache": .array(
        item.provenance.map { block in
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
  var json: JSONValue {
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
