/// A tokenizer as transformers 5 builds it. Some of its classes take the vocabulary, the merges and the post-processor of
/// tokenizer.json, and replace the normalizer and the pre-tokenizer by their own. The others load the file, but add other
/// special tokens than transformers 4 does.
///
/// Source: `convert_to_native_format` of transformers' `tokenization_utils_tokenizers.py`, and the classes themselves.
package struct BuiltTokenizer: Sendable {
  /// What is taken from tokenizer.json.
  struct Parts: Sendable {
    let model: BytePairModel
    let tokens: [AddedToken]
    let normalizers: [Normalizer]
    let preTokenizers: [PreTokenizer]
    let postProcessor: PostProcessor
    let decoders: [Decoder]?
  }

  /// transformers' class, such as `LlamaTokenizer`.
  package var className: String { builtClass?.rawValue ?? "TokenizersBackend" }

  /// Nil: the class loads tokenizer.json.
  let builtClass: TokenizerClass?
  let settings: TokenizerSettings
  let parts: Parts

  /// - Returns: nil if transformers 5 gives the tokenizer that transformers 4 gives.
  /// - Throws: ``TokenizationError`` (`tooLarge`).
  init?(_ builtClass: TokenizerClass?, settings: TokenizerSettings, parts: Parts) throws(TokenizationError) {
    self.builtClass = builtClass
    self.settings = settings
    self.parts = parts
    if builtClass == nil, !settings.changesPrefixSpace(of: parts.preTokenizers) {
      guard try addedTokens(.four) != addedTokens(.five(nil)) else { return nil }
    }
  }

  /// The added tokens of tokenizer.json and those that the other files add to them.
  private func addedTokens(_ version: TokenizerSettings.Version) throws(TokenizationError) -> [AddedToken] {
    let additions = settings.additions(known: Set(parts.tokens.map(\.content)), file: parts.tokens, version)
    let keepsTexts = if case .four = version { true } else { false }
    return try AddedToken.adding(
      additions, to: parts.tokens, vocabulary: parts.model.vocabulary, keepsTexts: keepsTexts)
  }

  /// Builds it.
  ///
  /// - Throws: ``TokenizationError`` (`malformed`, `patternFailed`, `tooLarge`).
  /// - Complexity: O(size of the vocabulary).
  package func tokenizer() throws(TokenizationError) -> Tokenizer {
    guard let builtClass else {
      return try Tokenizer(
        model: .bytePair(parts.model), addedTokens: addedTokens(.five(nil)), normalizers: parts.normalizers,
        preTokenizers: parts.preTokenizers, postProcessor: parts.postProcessor, decoders: parts.decoders)
    }
    let additions = settings.additions(known: [], file: parts.tokens, .five(builtClass))
    let tokens = try AddedToken.adding(additions, to: [], vocabulary: parts.model.vocabulary, keepsTexts: false)
    let preTokenizers = try builtClass.preTokenizers(
      addsPrefixSpace: settings.addsPrefixSpace ?? builtClass.addsPrefixSpace, isLegacy: settings.isLegacy ?? false)
    var postProcessor = parts.postProcessor
    if builtClass.writesPostProcessor { postProcessor.templates = [template(tokens)] }
    return try Tokenizer(
      model: .bytePair(model(builtClass, preTokenizers)), addedTokens: tokens, normalizers: builtClass.normalizers(),
      preTokenizers: preTokenizers, postProcessor: postProcessor, decoders: parts.decoders)
  }

  private func model(_ builtClass: TokenizerClass, _ preTokenizers: [PreTokenizer]) -> BytePairModel {
    var model = BytePairModel(vocabulary: parts.model.vocabulary, merges: parts.model.merges)
    model.fusesUnknown = builtClass.isSentencePiece
    if builtClass.isSentencePiece {
      model.byteTokens = (0...255).map { model.vocabulary.id(of: BytePairModel.byteName(UInt8($0))) }
    }
    if let name = builtClass.unknownToken {
      let given = settings.named["unk_token"].map { $0?.content } ?? Array(name.utf8)
      model.unknownToken = given.flatMap { model.vocabulary.id(of: $0) }
    }
    if case .byteLevel? = preTokenizers.last { model.prepareByteLevel() }
    return model
  }

  /// What `update_post_processor` makes of `add_bos_token` and `add_eos_token`: transformers drops what tokenizer_config.json
  /// says about them, because there is a tokenizer.json.
  private func template(_ tokens: [AddedToken]) -> [PostProcessor.Item] {
    guard builtClass == .codeLlama else { return [.sequence] }
    let name: [UInt8]? =
      if let given = settings.named["bos_token"] { given?.content } else { Array("<s>".utf8) }
    guard let id = tokens.first(where: { $0.content == name })?.id else { return [.sequence] }
    return [.special([id]), .sequence]
  }
}

extension TokenizerSettings {
  /// The pre-tokenizers as transformers 4 has them: it sets whether a lone ByteLevel adds a space, to false if
  /// tokenizer_config.json doesn't say; its Cohere class turns it on in every ByteLevel.
  ///
  /// Source: `PreTrainedTokenizerFast.__init__` and `CohereTokenizerFast.__init__` of transformers 4.57.6.
  func preTokenizers(_ preTokenizers: [PreTokenizer]) -> [PreTokenizer] {
    guard !prefixSpaceIsNull else { return preTokenizers }
    let addsSpace = addsPrefixSpace ?? false
    guard preTokenizers.count == 1 || (addsSpace && namedClass == .cohere) else { return preTokenizers }
    return preTokenizers.map { step in
      guard case .byteLevel(_, let pattern) = step else { return step }
      return .byteLevel(addsPrefixSpace: addsSpace, pattern)
    }
  }

  /// Whether ``preTokenizers(_:)`` changes any.
  func changesPrefixSpace(of preTokenizers: [PreTokenizer]) -> Bool {
    func addsSpace(_ step: PreTokenizer) -> Bool { if case .byteLevel(true, _) = step { true } else { false } }
    return preTokenizers.map(addsSpace) != self.preTokenizers(preTokenizers).map(addsSpace)
  }
}
