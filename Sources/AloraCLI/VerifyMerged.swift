internal import AloraInference
internal import AloraMerge
internal import AloraModels
internal import AloraReports
internal import AloraSystem
internal import AloraVerification
internal import ArgumentParser

/// `alora verify --merged`: a merged model is the sum of the base and the adapter.
struct VerifyMerged {
  let inference: InferenceOptions
  let reports: [ReportTarget]
  let common: CommonOptions

  func run(_ path: String) throws {
    guard let adapterPath = inference.adapter else { throw ExitStatus.usage }
    let (model, merged) = (try ModelSource(path: inference.model), try ModelSource(path: path))
    let plan = try MergePlan(model: model, adapterPath: adapterPath)
    var progress = Progress("comparing weights", total: plan.dataByteCount, isQuiet: common.quiet)
    let weights = try plan.check(merged) { progress.update($0) }
    progress.finish()
    let report = MergedReport(
      model: inference.model, adapter: adapterPath, merged: path, weights: weights,
      logits: try logits(plan, weights, path))
    try ReportTarget.publish(
      reports, report.list, json: report.json, text: report.text(style: common.style),
      passed: report.passed, common
    ) { throw ValidationError("--report html isn't available with --merged") }
  }

  private func logits(
    _ plan: MergePlan, _ weights: MergeCheck, _ path: String
  ) throws -> Result<MergedLogits, MergedReport.Skipped> {
    if plan.isDoRA { return .failure(.isDoRA) }
    guard (try? plan.model.graph()) != nil else { return .failure(.cannotRun) }
    guard !weights.tensors.contains(where: { $0.outcome == .missing }) else { return .failure(.tensorsAreMissing) }
    let loaded = try inference.load(common)
    guard let adapter = loaded.adapter else { throw ExitStatus.usage }
    let pool = ThreadPool(threadCount: inference.threads ?? ThreadPool.processorCount)
    let merged = try Model(path: path, backend: inference.backend, keepsWeights: true, pool: pool)
    guard merged.vocabularySize == loaded.model.vocabularySize else { return .failure(.vocabulariesDiffer) }
    return .success(
      try MergedLogits(
        evaluator: loaded.evaluator, adapter: adapter,
        merged: Evaluator(model: merged, pool: pool, instructionSet: inference.kernels.instructionSet),
        weightError: weights.largestError))
  }
}
