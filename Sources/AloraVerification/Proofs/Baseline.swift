package import AloraTensors
internal import AloraSystem
internal import AloraInference
package import AloraJSON

/// The bits of a verification, for comparison with later ones. A digest of every position's logits, keys and values shows
/// the first position that changed.
///
/// As JSON: schemas/baseline.schema.json. A digest is the first 16 hexadecimal digits of a SHA-256.
package struct Baseline: Hashable, Sendable {
  /// The values that a digest covers. The raw values are member names in the JSON.
  package enum Subject: String, CaseIterable, Sendable {
    case base, adapted
    case baseCache = "base_cache"
    case adaptedCache = "adapted_cache"
  }

  struct Case: Hashable, Sendable {
    let name: String
    let tokens: [Int]
    /// For each ``Subject`` in order, a digest for each token.
    let digests: [[String]]
  }

  private static let formatVersion = 1
  private static let digitCount = 16

  let modelDigest: String
  let adapterDigest: String
  let cases: [Case]

  package init(_ result: VerificationResult, modelDigest: Digest, adapterDigest: Digest) {
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

  /// - Throws: ``JSONError``, ``FileError``: a file that isn't a baseline, or has another exactness version.
  package init(path: String) throws {
    let root = try JSONDocument(path: path).root
    let format = try root["alora_baseline"]
    guard try format.integer() == Self.formatVersion else {
      throw format.error(
        .outOfRange, "this is a baseline of format \(format.excerpt); only format \(Self.formatVersion) can be read")
    }
    let version = try root["exactness_version"]
    guard try version.integer() == exactnessVersion else {
      throw version.error(
        .outOfRange,
        "the bits are of exactness version \(version.excerpt) and can't be compared with version \(exactnessVersion): record "
          + "a new baseline")
    }
    modelDigest = try root["model_sha256"].string()
    adapterDigest = try root["adapter_sha256"].string()
    cases = try root["cases"].elements().map { element in
      let tokens = try element["tokens"].integers(in: 0...Int(Int32.max))
      return Case(
        name: try element["name"].string(), tokens: tokens,
        digests: try Subject.allCases.map { subject in
          let list = try element[subject.rawValue]
          let digests = try list.elements().map { try $0.string() }
          guard digests.count == tokens.count else {
            throw list.error(.outOfRange, "there are \(digests.count) digests for \(tokens.count) tokens")
          }
          return digests
        })
    }
  }

  package var json: JSONValue {
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
                  + zip(Subject.allCases, item.digests).map { subject, digests in
                    .init(subject.rawValue, .array(digests.map { .string($0) }))
                  })
            })),
      ])
  }

  /// Writes the file: complete, or not at all.
  ///
  /// - Throws: ``FileError``.
  package func write(to path: String, replacesExisting: Bool) throws {
    try AtomicFile.write(
      Array((json.serialized(isPretty: false) + "\n").utf8), to: path, replacesExisting: replacesExisting)
  }

  /// Compares with a recorded baseline.
  package func verdict(against recorded: Baseline) -> Verdict {
    var failures: [Verdict.Failure] = []
    for (file, now, then) in [
      (Finding.BaselineFile.model, modelDigest, recorded.modelDigest),
      (.adapter, adapterDigest, recorded.adapterDigest),
    ] where now != then {
      failures.append(.init(.baselineFileChanged(file, now: now, recorded: then)))
    }
    if cases.map(\.tokens) != recorded.cases.map(\.tokens) {
      failures.append(.init(.baselinePromptsChanged))
    } else {
      for (index, (now, then)) in zip(cases, recorded.cases).enumerated() {
        failures += Self.changes(now, then).map { .init(.baselineBitsChanged($0), caseIndex: index) }
      }
    }
    return Verdict(figures(isRecorded: false), failures: failures)
  }

  /// The verdict on a run that is recorded; it isn't if another proof failed.
  package func verdict(recordedAfter result: VerificationResult) -> Verdict {
    Verdict(figures(isRecorded: true), failures: result.passed ? [] : [.init(.baselineNotRecorded)])
  }

  private func figures(isRecorded: Bool) -> ProofFigures {
    .baseline(
      positionCount: cases.reduce(0) { $0 + $1.tokens.count }, promptCount: cases.count, isRecorded: isRecorded)
  }

  private static func changes(_ now: Case, _ then: Case) -> [BaselineChange] {
    zip(Subject.allCases, zip(now.digests, then.digests)).compactMap { subject, digests in
      let changed = zip(digests.0, digests.1).enumerated().filter { $0.element.0 != $0.element.1 }
      guard let first = changed.first?.offset else { return nil }
      return BaselineChange(
        subject: subject, firstPosition: first, token: now.tokens[first], changedCount: changed.count,
        positionCount: now.tokens.count)
    }
  }
}

extension Baseline {
  /// What became of a result's baseline.
  package enum Use: Sendable { case agrees, differs, recorded, notRecorded }

  /// Compares a result with the baseline at a path, or records it if there is none.
  ///
  /// - Parameter accepts: whether the result replaces a baseline instead of being compared.
  /// - Returns: the result with one more verdict.
  /// - Throws: as ``init(path:)`` and ``write(to:replacesExisting:)``.
  package static func check(
    _ result: VerificationResult, path: String, accepts: Bool, modelDigest: Digest, adapterDigest: Digest
  ) throws -> (VerificationResult, Use) {
    let found = Baseline(result, modelDigest: modelDigest, adapterDigest: adapterDigest)
    guard accepts || FileSystem.kind(of: path) == nil else {
      let verdict = found.verdict(against: try Baseline(path: path))
      return (result.adding(verdict), verdict.passed ? .agrees : .differs)
    }
    let verdict = found.verdict(recordedAfter: result)
    guard verdict.passed else { return (result.adding(verdict), .notRecorded) }
    try found.write(to: path, replacesExisting: accepts)
    return (result.adding(verdict), .recorded)
  }
}
