/// A prompt as a model's tokens, and what reports call it.
package struct NamedPrompt: Hashable, Sendable {
  package let name: String
  package let tokens: [Int]

  package init(name: String, tokens: [Int]) {
    self.name = name
    self.tokens = tokens
  }
}
