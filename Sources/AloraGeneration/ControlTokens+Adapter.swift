package import AloraInference
package import AloraModels
internal import AloraSystem

extension ControlTokens {
  /// An adapter of a text, and where it becomes active.
  package struct Chosen {
    package let name: String
    package let adapter: Adapter
    /// Nil: the adapter is off.
    package let start: Int?
  }

  /// The slot whose token a text contains, and where it is first; nil if it contains none.
  ///
  /// - Throws: `severalControlTokens` if the text switches the adapter again, which a text of one adapter can't.
  package func slot(of tokens: [Int]) throws(GenerationError) -> (slot: Slot, start: Int)? {
    var found: (slot: Slot, start: Int)?
    // How often the first slot's token has been seen.
    var count = 0
    for (index, token) in tokens.enumerated() where substitutes[token] != nil {
      guard let slot = slots.first(where: { $0.token == token }) else {
        // Before any slot's token, a return to the base changes nothing.
        guard let found else { continue }
        throw Self.several(
          index,
          "\(token) returns to the base after '\(found.slot.name)' was switched on, and alora runs one adapter in a text"
        )
      }
      let first = found ?? (slot, index)
      guard first.slot.token == token else {
        let active = averages ? average(of: first.slot, count: count, and: slot) : nil
        throw Self.several(
          index,
          "the text contains the control tokens of '\(first.slot.name)' and '\(slot.name)', "
            + (active.map { "which average to '\($0.name)', " } ?? "") + "and alora runs one adapter in a text")
      }
      found = first
      count += 1
    }
    return found
  }

  private static func several(_ index: Int, _ problem: String) -> GenerationError {
    GenerationError(
      .severalControlTokens, path: nil, place: "token \(index)", problem: problem,
      remedy: "leave one of the two control tokens out")
  }

  /// The slot whose number is the average of one slot's, `count` times, and another's once; nil if that lies in the middle
  /// between two slots, where rounding errors decide.
  ///
  /// Source: llama.cpp (build 11434), `src/models/granite-switch.cpp`: the average is rounded.
  private func average(of first: Slot, count: Int, and second: Slot) -> Slot? {
    guard let one = slots.firstIndex(of: first), let other = slots.firstIndex(of: second) else { return nil }
    let (sum, total) = (one * count + other, count + 1)
    guard 2 * (sum % total) != total else { return nil }
    return slots[(2 * sum + total) / (2 * total)]
  }

  /// The adapter of a text: the one that its control token switches on, or if it has none, the one that was asked for.
  ///
  /// The text is searched for control tokens once.
  ///
  /// - Parameters:
  ///   - asked: nil: none by name.
  ///   - name: of `asked`.
  /// - Throws: as ``slot(of:)``; `severalControlTokens` if the text switches on another one than was asked for.
  package func adapter(
    of tokens: [Int], asked: Adapter?, name: String?, among adapters: [(name: String, adapter: Adapter)]
  ) throws(GenerationError) -> Chosen? {
    guard let (slot, start) = try slot(of: tokens) else {
      // A slot whose token isn't there is off.
      return asked.map {
        Chosen(
          name: name ?? "", adapter: $0, start: $0.controlToken == nil ? $0.activationStart(in: tokens) : nil)
      }
    }
    if name != nil, asked?.controlToken != slot.token {
      throw GenerationError(
        .severalControlTokens, path: nil, place: nil,
        problem: "the text switches '\(slot.name)' on, and '\(name ?? "base")' was asked for",
        remedy: "ask for \(slot.name), or leave the control token out")
    }
    if let asked { return Chosen(name: name ?? "", adapter: asked, start: start) }
    guard let found = adapters.first(where: { $0.adapter.controlToken == slot.token }) else {
      throw GenerationError(
        .unknownAdapter, path: nil, place: nil,
        problem: "the text switches '\(slot.name)' on, which isn't loaded", remedy: "load \(slot.name)")
    }
    return Chosen(name: found.name, adapter: found.adapter, start: start)
  }

  /// The tokens that end an adapter's answer, because the model would switch to another one after them.
  ///
  /// - Parameter adapter: nil: the base.
  package func endTokens(of adapter: Adapter?) -> Set<Int> {
    tokens.subtracting(adapter?.controlToken.map { [$0] } ?? [])
  }
}
