package import AloraAdapters
internal import AloraSystem
internal import AloraTokenization

extension CompanionFinding {
  /// The finding as a note.
  package var note: NoteText {
    switch self {
    case .tokenizerDiffers(let difference): NoteText("tokenizer", Self.text(difference))
    case .templateDiffers:
      NoteText(
        "chat template",
        "the adapter's own differs from the base's, which is used here: chats may become other prompts than in training"
      )
    case .templateIsMissing:
      NoteText("chat template", "the adapter brings one, and the base has none; it isn't used")
    case .unreadable(let file, let problem):
      NoteText(file, "not compared with the base's: \(problem)")
    }
  }

  private static func text(_ difference: TokenizerDifference) -> String {
    var parts: [String] = []
    if let token = difference.firstAdditional {
      parts.append(
        "\(counted(difference.additionalCount, "token")) that the base doesn't have, the first \(token.id) "
          + token.piece.debugDescription)
    }
    if let token = difference.firstChanged {
      parts.append(
        "\(counted(difference.changedCount, "token")) with another text than the base's, the first \(token.id) "
          + "(\(token.piece.debugDescription) instead of \((token.otherPiece ?? "").debugDescription))")
    }
    if let text = difference.text {
      parts.append("the same vocabulary as the base's, but makes other tokens of \(text.debugDescription)")
    }
    return "the adapter's own has \(parts.joined(separator: ", and ")); "
      + "prompts are made with the base's, so they may not be those of the training"
  }
}
