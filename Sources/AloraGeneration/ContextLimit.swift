package import AloraInference
internal import AloraModels
internal import AloraSystem

/// The longest prompt that is accepted for a model.
///
/// After the positions that a model was made for, its logits mean nothing, and computing them may take hours.
package struct ContextLimit: Sendable {
  /// In tokens; nil if there is none.
  package let length: Int?

  package static let none = ContextLimit(length: nil)

  private init(length: Int?) { self.length = length }

  /// - Parameter isIgnored: whether longer prompts are allowed.
  package init(_ model: Model, isIgnored: Bool = false) {
    length = isIgnored ? nil : model.graph.parameters.contextLength
  }

  /// - Throws: `tooLong`.
  package func check(_ count: Int, name: String, path: String? = nil) throws(InferenceError) {
    guard let length, count > length else { return }
    throw InferenceError(
      .tooLong, path: path, problem: "\(name) has \(count) tokens, and the model's context is \(length)",
      remedy: .exceedContext)
  }

  /// - Parameter path: the file with the prompts.
  /// - Throws: `tooLong` for the first prompt that is.
  package func check(_ prompts: [NamedPrompt], path: String?) throws(InferenceError) {
    for prompt in prompts { try check(prompt.tokens.count, name: prompt.name, path: path) }
  }

  /// The number of tokens that can follow `count` others, at most `wanted`.
  package func room(after count: Int, wanted: Int) -> Int { length.map { min(wanted, max(0, $0 - count)) } ?? wanted }
}
