package import AloraInference
package import AloraModels
internal import AloraSystem

extension ControlTokens {
  /// The slot whose token a text contains; nil if it contains none.
  ///
  /// - Throws: `severalControlTokens` if the text switches the adapter again, which a text of one adapter can't.
  package func slot(of tokens: [Int]) throws(GenerationError) -> Slot? {
    var found: Slot?
    for (index, token) in tokens.enumerated() where substitutes[token] != nil {
      guard let slot = slots.first(where: { $0.token == token }) else {
        // Before any slot's token, a return to the base changes nothing.
        guard let found else { continue }
        throw GenerationError(
          .severalControlTokens, path: nil, place: "token \(index)",
          problem:
            "\(token) returns to the base after '\(found.name)' was switched on, and alora runs one adapter in a text",
          remedy: "leave one of the two control tokens out")
      }
      guard found == nil || found?.token == token else {
        throw GenerationError(
          .severalControlTokens, path: nil, place: "token \(index)",
          problem:
            "the text contains the control tokens of '\(found?.name ?? "")' and '\(slot.name)', and alora runs one adapter in a text",
          remedy: "leave one of the two control tokens out")
      }
      found = slot
    }
    return found
  }

  /// The adapter of a text: the one that its control token switches on, or if it has none, the one that was asked for.
  ///
  /// - Parameters:
  ///   - asked: nil: none by name.
  ///   - name: of `asked`.
  /// - Throws: as ``slot(of:)``; `severalControlTokens` if the text switches on another one than was asked for.
  package func adapter(
    of tokens: [Int], asked: Adapter?, name: String?, among adapters: [(name: String, adapter: Adapter)]
  ) throws(GenerationError) -> (name: String, adapter: Adapter)? {
    guard let slot = try slot(of: tokens) else { return asked.map { (name ?? "", $0) } }
    if name != nil, asked?.controlToken != slot.token {
      throw GenerationError(
        .severalControlTokens, path: nil, place: nil,
        problem: "the text switches '\(slot.name)' on, and '\(name ?? "base")' was asked for",
        remedy: "ask for \(slot.name), or leave the control token out")
    }
    if let asked { return (name ?? "", asked) }
    guard let found = adapters.first(where: { $0.adapter.controlToken == slot.token }) else {
      throw GenerationError(
        .unknownAdapter, path: nil, place: nil,
        problem: "the text switches '\(slot.name)' on, which isn't loaded", remedy: "load \(slot.name)")
    }
    return found
  }

  /// The tokens that end an adapter's answer, because the model would switch to another one after them.
  ///
  /// - Parameter adapter: nil: the base.
  package func endTokens(of adapter: Adapter?) -> Set<Int> {
    tokens.subtracting(adapter?.controlToken.map { [$0] } ?? [])
  }
}
