package import AloraSwitch
internal import AloraSystem

extension NoteText {
  package init(_ finding: SwitchFinding) {
    self =
      switch finding {
      case .controlTokenOutsideVocabulary(let slot, let token, let size):
        Self("slot \(slot)", "the control token \(token) is not in the vocabulary, which has \(size) tokens")
      case .substituteOutsideVocabulary(let slot, let token, let size):
        Self("slot \(slot)", "the substitute \(token) is not in the vocabulary, which has \(size) tokens")
      case .substituteIsControlToken(let slot, let token):
        Self("slot \(slot)", "the substitute \(token) is itself a control token, whose embedding isn't trained")
      case .controlTokenIsOrdinary(let slot, let token, let text):
        Self(
          "slot \(slot)",
          "the control token \(token), \"\(text)\", is ordinary text: the slot switches on wherever a text contains it")
      case .emptySlot(let slot): Self("slot \(slot)", "it is empty: every factor is 0")
      case .otherRank(let slot, let declared, let found):
        Self("slot \(slot)", "the configuration gives it rank \(declared), and its weights have rank \(found)")
      case .repeatedName(let name, let slots):
        Self(nil, "slots \(slots.map(String.init).joined(separator: ", ")) are all named '\(name)'")
      case .changedBase(let count):
        Self("slot 0", "it is the base, and its factors aren't 0 in \(counted(count, "module"))")
      case .otherLayerCount(let declared, let found):
        Self(
          nil,
          "the file says that it has \(counted(declared, "layer")), and the slots' weights are for \(found)")
      case .average(let first, let second, let active):
        Self(
          nil,
          "two control tokens in one text average to another slot: those of slots \(first) and \(second) switch "
            + "slot \(active) on")
      }
  }
}

extension SwitchFinding {
  /// The finding's name in JSON.
  var code: String {
    switch self {
    case .controlTokenOutsideVocabulary: "control-token-outside-vocabulary"
    case .substituteOutsideVocabulary: "substitute-outside-vocabulary"
    case .substituteIsControlToken: "substitute-is-control-token"
    case .controlTokenIsOrdinary: "control-token-is-ordinary"
    case .emptySlot: "empty-slot"
    case .otherRank: "other-rank"
    case .repeatedName: "repeated-name"
    case .changedBase: "changed-base"
    case .otherLayerCount: "other-layer-count"
    case .average: "average"
    }
  }

  /// The slots that it is about.
  var slots: [Int] {
    switch self {
    case .controlTokenOutsideVocabulary(let slot, _, _), .substituteOutsideVocabulary(let slot, _, _),
      .substituteIsControlToken(let slot, _), .controlTokenIsOrdinary(let slot, _, _), .emptySlot(let slot),
      .otherRank(let slot, _, _):
      [slot]
    case .repeatedName(_, let slots): slots
    case .changedBase: [0]
    case .otherLayerCount: []
    case .average(let first, let second, let active): [first, second, active]
    }
  }
}
