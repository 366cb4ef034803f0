internal import AloraInference
internal import AloraMerge
internal import AloraModels
internal import AloraReports
internal import AloraVerification
internal import ArgumentParser

extension VerifyCommand {
  /// `alora verify --merged`: a merged model is the sum of the base and the adapter.
  func verifyMerged(_ path: String) throws {
    guard let adapter = inference.adapter else { throw ExitStatus.usage }
    let (model, merged) = (try ModelSource(path: inference.model), try ModelSource(path: path))
    let plan = try MergePlan(model: model, adapterPath: adapter)
    let weights = try common.withProgress("comparing weights", of: plan.dataByteCount) { update in
      try plan.check(merged, division: inference.threading.pool.division, progress: update)
    }
    let logits = try MergedLogits.compared(plan, weights, mergedPath: path) { try inference.loadWithAdapter(common) }
    try common.publish(
      MergedReport(model: inference.model, adapter: adapter, merged: path, weights: weights, logits: logits),
      to: reports)
  }
}
