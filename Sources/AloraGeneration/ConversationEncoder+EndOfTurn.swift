internal import AloraAdapters
package import AloraModels
internal import AloraTokenization

extension ConversationEncoder {
  /// The tokens that end an answer: the model's own and, in a chat, the one that the template writes after a turn.
  ///
  /// - Throws: as ``ModelSource/endTokens()``.
  package func endTokens(of source: ModelSource, isChat: Bool) throws -> Set<Int> {
    var tokens = try source.endTokens()
    if isChat, let end = endOfTurn() { tokens.insert(end) }
    return tokens
  }

  /// The special token that the chat template writes after an assistant's turn; nil if it writes none.
  ///
  /// A model that was trained on the template ends its answers with it, whatever its files call the end. Found by
  /// rendering a conversation and looking at what follows the answer.
  package func endOfTurn() -> Int? {
    let marker = "Paris-7f3a"
    let messages = [
      ChatMessages.message("user", "Hi"), ChatMessages.message("assistant", marker), ChatMessages.message("user", "Hi"),
    ]
    // A template may refuse such a conversation: then its end is not known.
    for count in [messages.count, messages.count - 1] {
      guard let text = try? text(of: Array(messages.prefix(count)), addsGenerationPrompt: false),
        let tail = Self.text(after: marker, in: text),
        let tokens = try? tokenizer.encode(tail, addsSpecialTokens: false)
      else { continue }
      let isBlank = { (token: Int) in (tokenizer.piece(of: token) ?? "x").allSatisfy { $0 == "▁" || $0 == " " } }
      if let first = tokens.first(where: { !isBlank($0) }), tokenizer.isSpecial(first) { return first }
    }
    return nil
  }

  /// What follows the last occurrence, without the white space in between.
  private static func text(after marker: String, in text: String) -> String? {
    let bytes = Array(text.utf8)
    guard let start = InvocationSearch.lastOccurrence(of: marker.utf8.map(Int.init), in: bytes.map(Int.init)) else {
      return nil
    }
    let tail = bytes[(start + marker.utf8.count)...].drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
    return tail.isEmpty ? nil : String(decoding: tail, as: UTF8.self)
  }
}
