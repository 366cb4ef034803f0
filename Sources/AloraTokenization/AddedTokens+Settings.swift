extension TokenizerSettings {
  /// The two ways of reading the files.
  enum Version {
    /// The special tokens of the class count, and `image_token` and the like don't.
    case four
    /// The special tokens of a class count only if it builds the tokenizer.
    case five(TokenizerClass?)
  }

  /// The tokens that transformers adds, in its order, to a tokenizer that already has `known`.
  ///
  /// - Parameters:
  ///   - known: the contents of the added tokens of tokenizer.json.
  ///   - file: those tokens themselves, which count again if there is no `added_tokens_decoder`.
  func additions(known: Set<[UInt8]>, file: [AddedToken], _ version: Version) -> [Addition] {
    let (builder, isFive) = if case .five(let builder) = version { (builder, true) } else { (namedClass, false) }
    var defaults = builder?.defaultTokens ?? [:]
    if isFive { defaults.merge(builder?.furtherDefaultTokens ?? [:]) { first, _ in first } }
    var named: [Addition] = []
    for name in Self.names {
      let token: Addition? =
        if let given = self.named[name] { given } else { defaults[name].map { Addition(content: Array($0.utf8)) } }
      if let token, !token.content.isEmpty { named.append(token) }
    }
    let own = builder?.extraTokens.map { Addition(content: Array($0.utf8)) } ?? []
    let special = named + (isFive ? own + modelSpecific : []) + extraByName
    let extra = extra + (isFive ? [] : own)
    let specialContents = Set(special.map(\.content))
    var additions: [Addition]
    if let decoder {
      additions = decoder
    } else {
      var byID = legacyAdditions
      for token in file { byID[Int(token.id)] = Addition(token) }
      additions = byID.sorted { $0.key < $1.key }.map(\.value)
    }
    for index in additions.indices where specialContents.contains(additions[index].content) {
      additions[index].isSpecial = true
    }
    var contents = known.union(additions.map(\.content))
    for token in special + extra where contents.insert(token.content).inserted { additions.append(token) }
    // This class ends by adding the special tokens once more, without their flags.
    if isFive, builder == .qwen2 {
      additions += (special + extra).map { Addition(content: $0.content, isSpecial: true) }
    }
    return additions.filter { !$0.content.isEmpty }
  }
}

extension TokenizerSettings.Addition {
  init(_ token: AddedToken) {
    self.init(
      content: token.content, isSingleWord: token.isSingleWord, stripsLeft: token.stripsLeft,
      stripsRight: token.stripsRight, isNormalized: token.texts.contains(.normalized), isSpecial: token.isSpecial)
  }
}

extension AddedToken {
  private init(_ addition: TokenizerSettings.Addition, id: UInt32) {
    self.init(
      id: id, content: addition.content, isSingleWord: addition.isSingleWord, stripsLeft: addition.stripsLeft,
      stripsRight: addition.stripsRight, texts: addition.isNormalized ? .normalized : .original,
      isSpecial: addition.isSpecial)
  }

  /// The added tokens once `additions` have been made to `tokens`.
  ///
  /// A token that is there already keeps its id and gets the flags of the addition. A new token gets the id of the same
  /// piece in the vocabulary, and otherwise the next free one.
  /// Source: `add_tokens` in `tokenizer/added_vocabulary.rs` of Hugging Face's tokenizers.
  /// - Parameter keepsTexts: true for tokenizers 0.22 (transformers 4) and older: a token that was special is still searched
  ///   for only where it was, any other in both texts.
  static func adding(
    _ additions: [TokenizerSettings.Addition], to tokens: [AddedToken], vocabulary: Vocabulary, keepsTexts: Bool
  ) throws(TokenizationError) -> [AddedToken] {
    var tokens = tokens
    var indices: [[UInt8]: Int] = [:]
    for (index, token) in tokens.enumerated() { indices[token.content] = index }
    var nextID = max(vocabulary.count, (tokens.map { Int($0.id) }.max() ?? -1) + 1)
    for addition in additions {
      if let index = indices[addition.content] {
        let old = tokens[index]
        tokens[index] = AddedToken(addition, id: old.id)
        if keepsTexts { tokens[index].texts = old.isSpecial ? old.texts : old.texts.union(tokens[index].texts) }
        continue
      }
      let id = vocabulary.id(of: addition.content) ?? UInt32(nextID)
      guard Int(id) <= Vocabulary.largestID else {
        throw TokenizationError(.tooLarge, place: "added tokens", problem: "the vocabulary has too many tokens")
      }
      nextID = max(nextID, Int(id) + 1)
      indices[addition.content] = tokens.count
      tokens.append(AddedToken(addition, id: id))
    }
    return tokens
  }
}
