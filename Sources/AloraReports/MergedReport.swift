package import AloraJSON
package import AloraMerge
internal import AloraSystem
internal import AloraTensors
package import AloraVerification

/// Whether a merged model is the sum of a base and an adapter.
package struct MergedReport: CheckedReport {
  let model: String
  let adapter: String
  let merged: String
  let weights: MergeCheck
  let logits: Result<MergedLogits, MergedLogits.Skipped>

  package init(
    model: String, adapter: String, merged: String, weights: MergeCheck,
    logits: Result<MergedLogits, MergedLogits.Skipped>
  ) {
    self.model = model
    self.adapter = adapter
    self.merged = merged
    self.weights = weights
    self.logits = logits
  }

  package var passed: Bool { weights.passed && ((try? logits.get().passed) ?? true) }

  // MARK: Words

  private var changed: [MergeCheck.Tensor] { weights.tensors.filter(\.isChanged) }

  private var weightsDetail: String {
    let exact = changed.count { $0.outcome == .exact }
    let types = Set(changed.compactMap { $0.type?.name }).sorted().joined(separator: ", ")
    return
      "\(exact) of \(counted(changed.count, "changed tensor")) \(exact == 1 ? "is" : "are") the sum's bytes in \(types); "
      + "the largest rounding error is \(Figure(weights.largestError)) of a tensor's norm"
      + (weights.fit.map { "; the others contain \(Self.share($0)) of the update" } ?? "")
  }

  /// "99.8 % ± 0.3 %"
  private static func share(_ fit: UpdateFit) -> String {
    func percent(_ value: Double) -> String { "\((value * 1000).rounded() / 10) %" }
    return "\(percent(1 + fit.surplus)) ± \(percent(fit.deviation))"
  }

  private var weightFailures: [String] {
    let wrong = weights.tensors.filter { $0.outcome != .exact && $0.outcome != .rounded }
    let shown = wrong.prefix(8).map { tensor in
      let what =
        switch tensor.outcome {
        case .unmerged: "it is the base's, and the adapter changes it"
        case .missing: "the merged model lacks it, or has another shape"
        case .different where !tensor.isChanged: "it differs from the base's, and the adapter doesn't change it"
        case .scaled: "it contains \(tensor.fit.map(Self.share) ?? "another share") of the update"
        case .different, .exact, .rounded:
          "it is \(Figure(tensor.relativeError)) of its norm from the sum, more than \(tensor.type?.name ?? "its type") rounds"
            + (tensor.fit.map { $0.isWrong ? ", and contains \(Self.share($0)) of the update" : "" } ?? "")
        }
      return "tensor \(tensor.name): \(what)"
    }
    let more = wrong.count > shown.count ? ["\(wrong.count - shown.count) more tensors differ"] : []
    guard let fit = weights.fit, fit.isWrong else { return shown + more }
    return shown + more + ["together, the tensors that aren't exact contain \(Self.share(fit)) of the update"]
  }

  private static func detail(_ logits: MergedLogits) -> String {
    "merged and adapted logits differ by \(Figure(logits.largestDifference)) (limit \(Figure(logits.limit))), the adapter "
      + "changes them by \(Figure(logits.largestEffect)); \(counted(logits.rowCount, "row"))"
  }

  private static func failure(_ logits: MergedLogits) -> String {
    logits.largestDifference > logits.limit
      ? "the logits differ by more than the rounding of the weights explains"
      : "the merged model is nearer to the base than to the base with its adapter"
  }

  // MARK: Forms

  package var list: CheckList {
    let weightCheck = CheckList.Check(
      name: "merged weights", outcome: weights.passed ? .passed : .failed, detail: weightsDetail,
      failures: weightFailures)
    let logitCheck =
      switch logits {
      case .success(let logits):
        CheckList.Check(
          name: "merged logits", outcome: logits.passed ? .passed : .failed, detail: Self.detail(logits),
          failures: logits.passed ? [] : [Self.failure(logits)])
      case .failure(let skipped):
        CheckList.Check(name: "merged logits", outcome: .skipped, detail: skipped.reason, failures: [])
      }
    let checks = [weightCheck, logitCheck]
    return CheckList(
      title: "alora verify (merged)", subject: merged, properties: [("base", model), ("adapter", adapter)],
      group: "merged", checks: checks)
  }

  package func text(style: TextStyle) -> String {
    list.text(style: style, nameWidth: 17)
  }

  /// For machines (schemas/verify-merged.schema.json).
  package var json: JSONValue {
    .members([
      "model": .string(model), "adapter": .string(adapter), "merged": .string(merged), "passed": .boolean(passed),
      "weights": .members([
        "passed": .boolean(weights.passed), "largest_error": .number(weights.largestError),
        "update_share": weights.fit.map { .number(1 + $0.surplus) } ?? .null,
        "tensors": .array(
          changed.map { tensor in
            [
              "name": .string(tensor.name), "type": tensor.type.map { .string($0.name) } ?? .null,
              "outcome": .string("\(tensor.outcome)"), "relative_error": .number(tensor.relativeError),
              "update_share": tensor.fit.map { .number(1 + $0.surplus) } ?? .null,
            ]
          }),
        "failures": .array(weightFailures.map { .string($0) }), "others": .array(weights.others.map { .string($0) }),
      ]),
      "logits": logitsJSON,
    ])
  }

  private var logitsJSON: JSONValue {
    switch logits {
    case .failure(let skipped): ["passed": .null, "reason": .string(skipped.reason)]
    case .success(let logits):
      [
        "passed": .boolean(logits.passed), "row_count": .integer(logits.rowCount),
        "largest_difference": .number(logits.largestDifference), "limit": .number(logits.limit),
        "largest_effect": .number(logits.largestEffect), "distance_to_adapted": .number(logits.distanceToAdapted),
        "distance_to_base": .number(logits.distanceToBase),
      ]
    }
  }
}

extension MergedLogits.Skipped {
  fileprivate var reason: String {
    switch self {
    case .isDoRA: "not compared: DoRA can't be computed beside the base, only merged"
    case .cannotRun: "not compared: alora can't run this model"
    case .tensorsAreMissing: "not compared: the merged model lacks tensors"
    case .vocabulariesDiffer: "not compared: the models' vocabularies differ"
    }
  }
}
