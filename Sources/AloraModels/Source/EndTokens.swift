internal import AloraGGUF

/// The tokens that end an answer of a GGUF model.
enum EndTokens {
  /// Those that the file's keys name, and those that llama.cpp knows by their text.
  ///
  /// - Throws: ``GGUFError``.
  static func ofGGUF(_ metadata: GGUFMetadata) throws -> Set<Int> {
    let pieces = try metadata.byteStrings(ifPresent: "tokenizer.ggml.tokens") ?? []
    var named: [String: Int] = [:]
    for name in ["eos", "eot", "eom", "fim_pad", "fim_rep", "fim_sep"] {
      guard let id = try metadata.integer(ifPresent: "tokenizer.ggml.\(name)_token_id") else { continue }
      if pieces.isEmpty || pieces.indices.contains(id) { named[name] = id }
    }
    return ofVocabulary(pieces, named: named)
  }

  /// The end-of-generation set that llama.cpp makes: the tokens that a GGUF's keys name, and those that it knows by their
  /// text.
  ///
  /// Some texts end an answer in one family and not in another: `<|end|>` ends a message, not the answer, if the vocabulary
  /// has `<|call|>` and `<|return|>` or `<|flush|>`, and `</s>` is an ordinary token beside Gemma 4's and PLaMo's ends.
  /// llama.cpp's default numbers for files without `eos_token_id` are left out.
  ///
  /// Source: llama.cpp `src/llama-vocab.cpp` (`llama_vocab::impl::load`), build 11434.
  /// - Parameter named: ids by the names of their keys: `eos`, `fim_pad`.
  static func ofVocabulary(_ pieces: [[UInt8]], named: [String: Int]) -> Set<Int> {
    var known = endTexts
    for (key, texts) in fillTexts where named[key] == nil { known.formUnion(texts) }
    let firstBytes = Set(known.compactMap(\.utf8.first))
    var found: [String: Set<Int>] = [:]
    for (index, piece) in pieces.enumerated() where piece.count <= longestText {
      guard let first = piece.first, firstBytes.contains(first) else { continue }
      let text = String(decoding: piece, as: UTF8.self)
      if known.contains(text) || text == "<|plamo:eos|>" { found[text, default: []].insert(index) }
    }
    var tokens = Set(named.values)
    for (text, indices) in found where known.contains(text) { tokens.formUnion(indices) }
    func has(_ texts: String...) -> Bool { texts.contains { !(found[$0] ?? []).isDisjoint(with: tokens) } }
    if has("<|call|>", "<|calls|>"), has("<|return|>", "<|flush|>") { tokens.subtract(found["<|end|>"] ?? []) }
    if has("<|tool_response>", "<|plamo:eos|>") { tokens.subtract(found["</s>"] ?? []) }
    return tokens
  }

  /// Texts that end an answer, whatever the keys say.
  private static let endTexts: Set<String> = [
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>",
    "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>",
    "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "<｜end▁of▁sentence｜>", "[e~[",
  ]
  /// Texts of tokens of fill-in-the-middle models that end an answer too, if no key names such a token.
  private static let fillTexts: [String: Set<String>] = [
    "fim_pad": ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"],
    "fim_rep": ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
    "fim_sep": ["<|file_sep|>"],
  ]
  private static let longestText = 40
}
