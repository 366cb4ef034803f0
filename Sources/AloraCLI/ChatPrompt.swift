internal import AloraAdapters
internal import AloraTemplates
internal import AloraJSON
internal import AloraTokenization

/// A conversation as tokens, ready for an adapter or the base to answer.
struct ChatPrompt {
  let template: ChatTemplate
  let tokenizer: Tokenizer

  /// An Activated LoRA's invocation stands where the generation prompt would, unless the template's text has it already.
  ///
  /// - Parameter messages: a list of objects with `role` and `content`.
  /// - Throws: what the template and tokenizing throw.
  func tokens(_ messages: JSON, invocation: [Int]?) throws -> [Int] {
    func rendered(_ addsGenerationPrompt: Bool) throws -> [Int] {
      let text = try template.render(
        messages: messages, addsGenerationPrompt: addsGenerationPrompt, date: .now())
      return try tokenizer.encode(text, addsSpecialTokens: false)
    }
    let tokens = try rendered(true)
    guard let invocation, InvocationSearch.lastOccurrence(of: invocation, in: tokens) == nil else { return tokens }
    return try rendered(false) + invocation
  }
}
