package import AloraEngineCheck
package import AloraJSON

/// The checks of a server for machines.
///
/// Schema: schemas/verify-server.schema.json.
extension ServerCheck.Report {
  /// - Parameters:
  ///   - model: as the caller named it; `adapter` too.
  ///   - adapterDigest: in hexadecimal.
  package func json(model: String, adapter path: String, adapterDigest: String) -> JSONValue {
    [
      "model": .string(model), "adapter": .string(path), "adapter_sha256": .string(adapterDigest),
      "server": [
        "engine": .string(engineName), "url": .string(address.description),
        "product": properties.product.map { .string($0) } ?? .null,
        "build": properties.build.map { .string($0) } ?? .null,
        "model_path": properties.modelPath.map { .string($0) } ?? .null,
        "context_length": properties.contextLength.map { .integer($0) } ?? .null,
        "adapter_id": adapter.identifier.json, "adapter_path": .string(adapter.path),
        "invocation_tokens": adapter.invocationTokens.map { .array($0.map { .integer($0) }) } ?? .null,
        "default_scale": adapter.defaultScale.map { .number($0) } ?? .null,
      ],
      "passed": .boolean(passed), "noise": .number(noise), "request_count": .integer(requestCount),
      "notes": .array(notes.map { .string($0) }), "checks": .array(verdicts.map(\.json)),
    ]
  }
}

extension ServerAdapter.Identifier {
  fileprivate var json: JSONValue {
    switch self {
    case .number(let number): .integer(number)
    case .name(let name): .string(name)
    }
  }
}

extension ServerVerdict {
  fileprivate var json: JSONValue {
    [
      "check": .string(kind.rawValue), "outcome": .string(outcome.rawValue), "conclusion": .string(conclusion.code),
      "detail": .string(detail), "notes": .array(notes.map { .string($0.code) }),
      "reused": .array(
        notes.flatMap(\.reuses).map {
          ["cached_count": .integer($0.cachedCount), "token_count": .integer($0.tokenCount)]
        }),
      "expected": expected.json,
      "scaling": scaling.map {
        ["value": .number($0.value), "lower": .number($0.lower), "upper": .number($0.upper)]
      } ?? .null,
      "compatible": .array(compatible.map(\.json)),
      "fits": .array(
        (fit?.entries ?? []).map { entry in
          [
            "hypothesis": entry.hypothesis.json, "residual": .number(entry.residual),
            "residuals": .array(entry.residuals.map { .number($0) }),
          ]
        }),
    ]
  }
}

extension ServerVerdict.Conclusion {
  fileprivate var code: String {
    switch self {
    case .expected: "expected"
    case .other: "other"
    case .ambiguous: "ambiguous"
    case .unexplained: "unexplained"
    case .otherBase(nil): "other-base"
    case .otherBase: "adapter-on-base"
    case .scaling: "scaling"
    case .refused: "refused"
    case .differsFromFresh: "differs-from-fresh"
    case .skipped: "skipped"
    }
  }
}

extension ServerVerdict.Note {
  fileprivate var code: String {
    switch self {
    case .invocationMissedBeforeItsLastToken: "invocation-missed-before-its-last-token"
    case .sameWithoutCache: "same-without-cache"
    case .otherAdapterMayBeKept: "other-adapter-may-be-kept"
    case .reusedTokens: "reused-tokens"
    case .nothingReused: "nothing-reused"
    }
  }

  fileprivate var reuses: [Reuse] { if case .reusedTokens(let reuses) = self { reuses } else { [] } }
}

extension EngineHypothesis {
  fileprivate var json: JSONValue {
    let (name, shift): (String, Int?) =
      switch activation {
      case .shifted(let count): ("invocation", count)
      case .firstOccurrence(let count): ("first-occurrence", count)
      case .afterKept(let count): ("behind-kept", count)
      case .everywhere: ("everywhere", nil)
      case .lastTokenOnly: ("last-token-only", nil)
      case .off: ("off", nil)
      }
    return [
      "activation": .string(name), "shift": shift.map { .integer($0) } ?? .null, "factor": .number(factor),
      "text": .string(text),
    ]
  }
}
