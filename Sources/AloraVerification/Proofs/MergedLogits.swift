package import AloraInference
package import AloraMerge
internal import AloraModels

/// How the logits of a merged model compare with those of the base with the adapter beside it.
///
/// The two are computed in different ways, so agreement shows that the merged weights mean what the adapter means.
package struct MergedLogits: Hashable, Sendable {
  package let rowCount: Int
  /// The largest difference of merged and adapted logits, relative to the row's largest.
  package let largestDifference: Double
  /// The same of adapted and base logits: what the adapter does.
  package let largestEffect: Double
  /// Root of the mean square of merged − adapted logits, and of merged − base.
  package let distanceToAdapted: Double
  package let distanceToBase: Double
  /// The largest difference that the rounding of the weights explains.
  package let limit: Double

  /// Rounding errors are independent of the effect, so even large ones leave the merged model nearer to the adapted one. An
  /// effect far below them can't be seen.
  package var passed: Bool {
    largestDifference <= limit && (distanceToAdapted < distanceToBase || largestEffect <= limit / 16)
  }

  /// - Parameters:
  ///   - evaluator: of the base.
  ///   - merged: of the merged model.
  ///   - weightError: the largest relative error of a merged tensor, of its norm.
  /// - Throws: ``InferenceError``, ``FileError``.
  package init(evaluator: Evaluator, adapter: Adapter, merged: Evaluator, weightError: Double) throws {
    var (count, largest, effect, toAdapted, toBase, size) = (0, 0.0, 0.0, 0.0, 0.0, 0)
    let prompts = NamedPrompt.standard(invocation: nil, vocabularySize: evaluator.model.vocabularySize)
    for prompt in prompts {
      func rows(_ evaluator: Evaluator, _ adapter: Adapter?) throws -> [[Float]] {
        let sequence = TokenSequence(
          model: evaluator.model, adapter: adapter, activationStart: adapter == nil ? nil : 0,
          declaredLength: prompt.tokens.count)
        let work = Work(sequence, tokens: prompt.tokens, logits: .rows(0..<prompt.tokens.count))
        let logits = try evaluator.evaluate([work])[0]
        return logits.positions.map { Array(logits[$0]) }
      }
      let (base, adapted, found) = (
        try rows(evaluator, nil), try rows(evaluator, adapter), try rows(merged, nil)
      )
      for ((base, adapted), found) in zip(zip(base, adapted), found) {
        largest = max(largest, RowComparison.relative(expected: adapted, found: found))
        effect = max(effect, RowComparison.relative(expected: adapted, found: base))
        for (index, value) in found.enumerated() {
          toAdapted += (Double(value) - Double(adapted[index])) * (Double(value) - Double(adapted[index]))
          toBase += (Double(value) - Double(base[index])) * (Double(value) - Double(base[index]))
        }
        size += found.count
        count += 1
      }
    }
    rowCount = count
    largestDifference = largest
    largestEffect = effect
    distanceToAdapted = (toAdapted / Double(max(1, size))).squareRoot()
    distanceToBase = (toBase / Double(max(1, size))).squareRoot()
    limit = Self.limit(weightError: weightError)
  }

  /// Errors of many tensors add up along the layers: 32 times the weights' relative error, and no less than the engine's own
  /// tolerance.
  static func limit(weightError: Double) -> Double { max(Tolerance.standard.limit, 32 * weightError) }
}

extension MergedLogits {
  /// Why logits aren't compared.
  package enum Skipped: Error {
    /// DoRA can't be computed beside the base.
    case isDoRA
    /// An architecture that can't be run.
    case cannotRun
    case tensorsAreMissing
    case vocabulariesDiffer
  }

  /// Compares a merged model's logits, if they can be compared.
  ///
  /// - Parameters:
  ///   - plan: of the same merge.
  ///   - weights: the check of the merged weights.
  ///   - load: opens the base with its adapter.
  /// - Throws: what loading and computing throw.
  package static func compared(
    _ plan: MergePlan, _ weights: MergeCheck, mergedPath: String, load: () throws -> (LoadedModel, Adapter)
  ) throws -> Result<MergedLogits, Skipped> {
    if plan.isDoRA { return .failure(.isDoRA) }
    guard (try? plan.model.graph()) != nil else { return .failure(.cannotRun) }
    guard !weights.tensors.contains(where: { $0.outcome == .missing }) else { return .failure(.tensorsAreMissing) }
    let (base, adapter) = try load()
    let (model, evaluator) = (base.model, base.evaluator)
    let merged = try Model(path: mergedPath, backend: model.backend, keepsWeights: true, pool: evaluator.pool)
    guard merged.vocabularySize == model.vocabularySize else { return .failure(.vocabulariesDiffer) }
    return .success(
      try MergedLogits(
        evaluator: evaluator, adapter: adapter,
        merged: Evaluator(model: merged, pool: evaluator.pool, instructionSet: evaluator.instructionSet),
        weightError: weights.largestError))
  }
}
