public import AloraTensors
internal import AloraSystem
internal import AloraInference
public import AloraJSON

/// The bits of a verification, to hold later ones to: with a digest of every position's logits, keys and values it says
/// where the first of them has changed.
///
/// As JSON: schemas/baseline.schema.json. A digest is the first 16 hexadecimal digits of a SHA-256.
public struct Baseline: Hashable, Sendable {
  struct Case: Hashable, Sendable {
    let name: String
    let tokens: [Int]
    /// For each of ``Baseline/kinds``, a digest for each token.
    let digests: [[String]]
  }

  /// What digests are kept of, as members of the JSON and in words.
  private static let kinds = [
    ("base", "the base's logits"), ("adapted", "the adapted logits"), ("base_cache", "the base's keys and values"),
    ("adapted_cache", "the adapted keys and values"),
  ]
  private static let formatVersion = 1
  private static let digitCount = 16

  let modelDigest: String
  let adapterDigest: String
  let cases: [Case]

  public init(_ result: VerificationResult, modelDigest: Digest, adapterDigest: Digest) {
    self.modelDigest = modelDigest.description
    self.adapterDigest = adapterDigest.description
    cases = result.cases.map { report in
      let digests = report.digests
      return Case(
        name: report.name, tokens: report.tokens,
        digests: [digests.base, digests.adapted, digests.baseCache, digests.adaptedCache].map {
          $0.map { String($0.description.prefix(Self.digitCount)) }
        })
    }
  }

  /// - Throws: ``JSONError``, ``FileError``: a file that is no baseline, or is one of another exactness version.
  public init(path: String) throws {
    let root = try JSONDocument(path: path).root
    let format = try root["alora_baseline"]
    guard try format.integer() == Self.formatVersion else {
      throw format.error(.outOfRange, "it is a baseline of format \(format.excerpt), not \(Self.formatVersion)")
    }
    let version = try root["exactness_version"]
    guard try version.integer() == exactnessVersion else {
      throw version.error(
        .outOfRange,
        "the bits are those of exactness version \(version.excerpt), and this is version \(exactnessVersion): they cannot be "
          + "compared; record them again")
    }
    modelDigest = try root["model_sha256"].string()
    adapterDigest = try root["adapter_sha256"].string()
    cases = try root["cases"].elements().map { element in
      let tokens = try element["tokens"].integers(in: 0...Int(Int32.max))
      return Case(
        name: try element["name"].string(), tokens: tokens,
        digests: try Self.kinds.map { name, _ in
          let list = try element[name]
          let digests = try list.elements().map { try $0.string() }
          guard digests.count == tokens.count else {
            throw list.error(.outOfRange, "there are \(digests.count) digests for \(tokens.count) tokens")
          }
          return digests
        })
    }
  }

  public var json: JSONValue {
    .object(
      [
        .init("alora_baseline", .integer(Self.formatVersion)), .init("exactness_version", .integer(exactnessVersion)),
        .init("model_sha256", .string(modelDigest)), .init("adapter_sha256", .string(adapterDigest)),
        .init(
          "cases",
          .array(
            cases.map { item in
              .object(
                [.init("name", .string(item.name)), .init("tokens", .array(item.tokens.map { .integer($0) }))]
                  + zip(Self.kinds, item.digests).map { kind, digests in
                    .init(kind.0, .array(digests.map { .string($0) }))
                  })
            })),
      ])
  }

  /// Whether all is as it was recorded.
  public func verdict(against recorded: Baseline) -> Verdict {
    var failures: [Verdict.Failure] = []
    for (name, now, then) in [
      ("model's files", modelDigest, recorded.modelDigest), ("adapter", adapterDigest, recorded.adapterDigest),
    ] where now != then {
      failures.append(
        .init(
          caseName: nil, text: "the \(name) changed: SHA-256 \(now.prefix(12))…, recorded \(then.prefix(12))…"))
    }
    if cases.map(\.tokens) != recorded.cases.map(\.tokens) {
      failures.append(.init(caseName: nil, text: "the prompts are not the ones that were recorded"))
    } else {
      for (now, then) in zip(cases, recorded.cases) { failures += Self.changes(now, then) }
    }
    return Verdict(
      proof: .baseline, failures: failures,
      detail: failures.isEmpty
        ? "\(counted(positionCount, "position")) in \(counted(cases.count, "prompt")), logits, keys and values, bit for bit as recorded"
        : "not as recorded; accept the change if it is meant")
  }

  /// What is said of a run that is recorded, or is not because a proof failed.
  public func verdict(recordedAfter result: VerificationResult) -> Verdict {
    Verdict(
      proof: .baseline,
      failures: result.passed ? [] : [.init(caseName: nil, text: "not recorded, for another proof failed")],
      detail: "\(counted(positionCount, "position")) in \(counted(cases.count, "prompt"))"
        + (result.passed ? " recorded now, and compared with nothing" : ""), isRecord: result.passed)
  }

  private var positionCount: Int { cases.reduce(0) { $0 + $1.tokens.count } }

  private static func changes(_ now: Case, _ then: Case) -> [Verdict.Failure] {
    zip(kinds, zip(now.digests, then.digests)).compactMap { kind, digests in
      let changed = zip(digests.0, digests.1).enumerated().filter { $0.element.0 != $0.element.1 }
      guard let first = changed.first?.offset else { return nil }
      return .init(
        caseName: now.name,
        text: "\(kind.1) changed, first at position \(first), token \(now.tokens[first]); "
          + "\(changed.count) of \(now.tokens.count) positions in all")
    }
  }
}
