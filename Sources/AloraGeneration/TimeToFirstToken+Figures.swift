extension TimeToFirstToken {
  /// What is measured.
  package struct Plan: Sendable {
    package var contextCounts: [Int]
    /// How often the Activated LoRA is measured; the median counts.
    package var repeats: Int
    /// The calls of the pipeline; 0: no pipeline.
    package var adapterCount: Int
    package var pipelineContextCount: Int
    /// How many tokens each turn of the pipeline generates.
    package var generatedCount: Int

    package init(
      contextCounts: [Int], repeats: Int, adapterCount: Int, pipelineContextCount: Int, generatedCount: Int
    ) {
      self.contextCounts = contextCounts
      self.repeats = repeats
      self.adapterCount = adapterCount
      self.pipelineContextCount = pipelineContextCount
      self.generatedCount = generatedCount
    }

    /// About how many tokens have to be computed.
    package var tokenCount: Int { 2 * contextCounts.reduce(0, +) + (adapterCount + 2) * pipelineContextCount }
  }

  /// Everything that was measured.
  package struct Figures: Sendable {
    package let repeats: Int
    package let times: [Times]
    package let continuationContextCount: Int
    package let continuations: [Continuation]
    package let pipeline: Pipeline?
  }

  /// Measures what the plan says.
  ///
  /// - Parameter progress: called with the number of tokens done, of ``Plan/tokenCount``.
  /// - Throws: ``InferenceError`` `tooLong` for a context over the limit; as ``Evaluator/evaluate(_:)``.
  package func figures(_ plan: Plan, limit: ContextLimit, progress: (Int) -> Void) throws -> Figures {
    for count in plan.contextCounts + [plan.pipelineContextCount] { try limit.check(count, name: "a context") }
    // Pages and caches are warm after the first call.
    _ = try times(contextCount: 16, repeats: 1)
    var (all, done) = ([Times](), 0)
    for count in plan.contextCounts {
      all.append(try times(contextCount: count, repeats: plan.repeats))
      done += 2 * count
      progress(done)
    }
    let pipeline =
      plan.adapterCount > 0
      ? try pipeline(
        contextCount: plan.pipelineContextCount, adapterCount: plan.adapterCount, generatedCount: plan.generatedCount)
      : nil
    let continuations = try continuations(
      contextCount: plan.pipelineContextCount, newCounts: [1, 4, 16, 64, 256], repeats: plan.repeats)
    return Figures(
      repeats: plan.repeats, times: all, continuationContextCount: plan.pipelineContextCount,
      continuations: continuations, pipeline: pipeline)
  }
}
