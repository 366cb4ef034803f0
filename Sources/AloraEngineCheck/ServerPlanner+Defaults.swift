extension ServerPlanner {
  /// Requests that name no adapter, which get the server's default scales.
  func defaultScalePlan(_ prompts: [[Int]]) -> ServerCheckPlan {
    let scale = adapters.first { $0.identifier == identifier }?.defaultScale
    let probes = prompts.map { tokens in
      ServerProbe(request: CompletionRequest(tokens: tokens, scales: [:]), scale: scale ?? 0)
    }
    var plan = plan(.defaultScale, probes, scale == 0 ? .off : whenOn)
    if let scale {
      let other = adapters.first { $0.identifier != identifier && $0.defaultScale != 0 }
      if !(0...100).contains(scale) {
        plan.skipReason = .defaultScaleOutOfRange(scale)
      } else if let other {
        plan.skipReason = .otherDefaultScale(other.identifier)
      }
    } else {
      plan.skipReason = .noDefaultScales
    }
    return plan
  }
}
