extension ServerPlanner {
  /// What a request gets that names no adapter.
  ///
  /// Source: `launch_slot_with_task` in tools/server/server-context.cpp, which then takes the scales of
  /// `/lora-adapters`.
  func defaultScalePlan(_ prompts: [[Int]]) -> ServerCheckPlan {
    let scale = adapters.first { $0.identifier == identifier }?.defaultScale
    let probes = prompts.map { tokens in
      ServerProbe(request: CompletionRequest(tokens: tokens, scales: [:]), scale: scale ?? 0)
    }
    var plan = plan(.defaultScale, probes, scale == 0 ? .off : whenOn)
    if let scale {
      let other = adapters.first { $0.identifier != identifier && $0.defaultScale != 0 }
      if !(0...100).contains(scale) {
        plan.skipReason = "the default scale \(scale) is not from 0 to 100"
      } else if let other {
        plan.skipReason = "the default scale of adapter \(other.identifier) is not 0"
      }
    } else {
      plan.skipReason = "the server does not tell its default scales"
    }
    return plan
  }
}
