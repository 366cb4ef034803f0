/// Something about the slots of a Granite Switch that one should know before relying on it.
///
/// A value, not a sentence: AloraReports has the words.
package enum SwitchFinding: Hashable, Sendable {
  /// No embedding has this number, so that no text can have the token.
  case controlTokenOutsideVocabulary(slot: Int, token: Int, vocabularySize: Int)
  case substituteOutsideVocabulary(slot: Int, token: Int, vocabularySize: Int)
  /// What is read in the control token's place is a control token's embedding, which nobody trained.
  case substituteIsControlToken(slot: Int, token: Int)
  /// A token of ordinary text, which switches the slot on wherever it occurs.
  case controlTokenIsOrdinary(slot: Int, token: Int, text: String)
  /// Every factor is 0.
  case emptySlot(Int)
  /// The weights have another rank than the configuration gives the slot.
  case otherRank(slot: Int, declared: Int, found: Int)
  case repeatedName(String, slots: [Int])
  /// A GGUF's slot 0, the base, changes these modules.
  case changedBase(siteCount: Int)
  /// The file says that it has more layers than there are slots' weights for, or fewer.
  case otherLayerCount(declared: Int, found: Int)
  /// Two control tokens in one text switch a third slot on.
  case average(first: Int, second: Int, active: Int)
}

extension SwitchDescription {
  /// What the tokens and names of the slots show by themselves.
  ///
  /// - Parameters:
  ///   - vocabularySize: how many embeddings there are; nil if that isn't known.
  ///   - ordinaryText: the text of a token that isn't one of the tokenizer's special ones.
  func findings(vocabularySize: Int?, ordinaryText: (Int) -> String?) -> [SwitchFinding] {
    var findings: [SwitchFinding] = []
    let control = Set(slots.map(\.controlToken) + (resetToken.map { [$0.control] } ?? []))
    for slot in slots {
      let (token, substitute) = (slot.controlToken, slot.substituteToken)
      if let size = vocabularySize {
        if token >= size {
          findings.append(.controlTokenOutsideVocabulary(slot: slot.number, token: token, vocabularySize: size))
        }
        if substitute >= size {
          findings.append(.substituteOutsideVocabulary(slot: slot.number, token: substitute, vocabularySize: size))
        }
      }
      if control.contains(substitute) {
        findings.append(.substituteIsControlToken(slot: slot.number, token: substitute))
      }
      if let text = ordinaryText(token) {
        findings.append(.controlTokenIsOrdinary(slot: slot.number, token: token, text: text))
      }
    }
    let names = Dictionary(grouping: slots.filter { $0.name != nil }, by: { Array(($0.name ?? "").utf8) })
    for (_, namesakes) in names.sorted(by: { $0.value[0].number < $1.value[0].number }) where namesakes.count > 1 {
      findings.append(.repeatedName(namesakes[0].name ?? "", slots: namesakes.map(\.number)))
    }
    return findings + averageFindings
  }

  /// One example of two control tokens that switch a third slot on, if there is one.
  package var averageFindings: [SwitchFinding] {
    averages && slots.count > 2 ? [.average(first: 1, second: 3, active: 2)] : []
  }
}
