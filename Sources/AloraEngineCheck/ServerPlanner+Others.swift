internal import AloraSystem

/// Whether the adapter is given what another one has left in the cache.
extension ServerPlanner {
  /// Those of the server's other adapters that are asked before this one: the first two with an invocation, and the
  /// first without.
  ///
  /// - Parameter vocabularySize: an invocation with a token beyond is left out; the reference cannot compute it.
  func others(vocabularySize: Int) -> [ServerAdapter] {
    let others = adapters.filter { $0.identifier != identifier }
    let invoked = others.filter { other in
      other.invocationTokens.map { tokens in tokens.allSatisfy { $0 < vocabularySize } } ?? false
    }
    return Array(invoked.prefix(2)) + others.filter { $0.invocationTokens == nil }.prefix(1)
  }

  /// - Parameter prompts: for an ordinary LoRA, which is active whatever they hold.
  func otherPlans(_ prompts: [[Int]], vocabularySize: Int) -> [ServerCheckPlan] {
    let others = others(vocabularySize: vocabularySize)
    guard !others.isEmpty else {
      var plan = plan(.otherThenAdapter, [], whenOn)
      plan.skipReason =
        adapters.count == 1
        ? "the server has one adapter only" : "the base lacks tokens of the other adapters' invocations"
      return [plan]
    }
    let kinds: [ServerCheckPlan.Kind] = [.otherThenAdapter, .secondOtherThenAdapter, .thirdOtherThenAdapter]
    return zip(kinds, others).map { kind, other in
      let texts = other.invocationTokens.map { contexts.behind($0, invocation ?? []) } ?? prompts
      var made = plan(kind, texts.map { probe($0, behind: other) }, whenOn)
      let name = other.path.split(separator: "/").last.map { ", \($0.prefix(100))" } ?? ""
      made.other = "adapter \(other.identifier)\(name)".escapingControlCharacters()
      return made
    }
  }

  /// Its weights are not known here, only that they are not this adapter's.
  private func probe(_ tokens: [Int], behind other: ServerAdapter) -> ServerProbe {
    // The other is active from its last invocation on. Where that is the same tokens as this adapter's, it must not be
    // this adapter's itself.
    let own = EngineHypothesis.occurrences(of: invocation ?? [], in: tokens).last
    let count = other.invocationTokens == nil ? tokens.count : own ?? tokens.count
    let before = request(Array(tokens.prefix(count)), 1, of: other.identifier)
    return ServerProbe(before: [before], request: request(tokens, 1, reuses: true))
  }
}
