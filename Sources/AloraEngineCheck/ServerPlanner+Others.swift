/// Checks whether the adapter reuses what another one left in the cache.
extension ServerPlanner {
  /// The server's other adapters that are asked before this one: the first two with an invocation, and the first without.
  ///
  /// - Parameter vocabularySize: an invocation with a token beyond is left out, because the reference can't compute it.
  func others(vocabularySize: Int) -> [ServerAdapter] {
    let others = adapters.filter { $0.identifier != identifier && $0.knowsInvocation }
    let invoked = others.filter { other in
      other.invocationTokens.map { tokens in tokens.allSatisfy { $0 < vocabularySize } } ?? false
    }
    return Array(invoked.prefix(2)) + others.filter { $0.invocationTokens == nil }.prefix(1)
  }

  /// - Parameter prompts: for an ordinary LoRA, which is active in every prompt.
  func otherPlans(_ prompts: [[Int]], vocabularySize: Int) -> [ServerCheckPlan] {
    let others = others(vocabularySize: vocabularySize)
    guard !others.isEmpty else {
      var plan = plan(.otherThenAdapter, [], whenOn)
      let areKnown = adapters.allSatisfy { $0.identifier == identifier || $0.knowsInvocation }
      plan.skipReason =
        adapters.count == 1
        ? .onlyOneAdapter : areKnown ? .otherInvocationsOutsideVocabulary : .otherInvocationsUnknown
      return [plan]
    }
    let kinds: [ServerCheckPlan.Kind] = [.otherThenAdapter, .secondOtherThenAdapter, .thirdOtherThenAdapter]
    return zip(kinds, others).map { kind, other in
      let texts = other.invocationTokens.map { contexts.behind($0, invocation ?? []) } ?? prompts
      var made = plan(kind, texts.map { probe($0, after: other) }, whenOn)
      made.other = other
      return made
    }
  }

  /// Its weights are unknown here, except that they aren't this adapter's.
  private func probe(_ tokens: [Int], after other: ServerAdapter) -> ServerProbe {
    // The other is active from its last invocation on. If both have the same invocation, it must not be this adapter's.
    let own = EngineHypothesis.occurrences(of: invocation ?? [], in: tokens).last
    let count = other.invocationTokens == nil ? tokens.count : own ?? tokens.count
    let before = request(Array(tokens.prefix(count)), 1, of: other.identifier)
    return ServerProbe(before: [before], request: request(tokens, 1, reuses: true))
  }
}
