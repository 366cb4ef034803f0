/// The tokens that switch the adapters of a Granite Switch on, by the texts that they occur in.
package struct ControlTokens: Sendable {
  /// A slot's token.
  package struct Slot: Hashable, Sendable {
    /// The adapter's name.
    package let name: String
    package let token: Int
    /// Whose embedding is read in the token's place.
    package let substitute: Int

    package init(name: String, token: Int, substitute: Int) {
      self.name = name
      self.token = token
      self.substitute = substitute
    }
  }

  package let slots: [Slot]
  /// The token that returns to the base, if there is one. Its name isn't used.
  package let reset: Slot?
  /// Whether the number of the active slot is the average over the control tokens so far, and not the last one's.
  package let averages: Bool
  /// By the token.
  package let substitutes: [Int: Int]

  /// - Parameter slots: in the order of their numbers, which begin with 1.
  package init(slots: [Slot], reset: Slot?, averages: Bool = false) {
    self.slots = slots
    self.reset = reset
    self.averages = averages
    let all = slots + (reset.map { [$0] } ?? [])
    substitutes = Dictionary(all.map { ($0.token, $0.substitute) }, uniquingKeysWith: { first, _ in first })
  }

  /// All of them.
  package var tokens: Set<Int> { Set(substitutes.keys) }
}
