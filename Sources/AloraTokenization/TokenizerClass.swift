/// The classes of transformers 5 that build their own tokenizer from a vocabulary and its merges.
///
/// All other classes, `PreTrainedTokenizerFast` and `TokenizersBackend` among them, load tokenizer.json as it is.
/// Source: `models/*/tokenization_*.py` of transformers 5.24.0.
enum TokenizerClass: String, CaseIterable, Sendable {
  case llama = "LlamaTokenizer"
  case codeLlama = "CodeLlamaTokenizer"
  case gemma = "GemmaTokenizer"
  case gpt2 = "GPT2Tokenizer"
  case codeGen = "CodeGenTokenizer"
  case gptNeoX = "GPTNeoXTokenizer"
  case qwen2 = "Qwen2Tokenizer"
  case qwen3_5 = "Qwen3_5Tokenizer"
  case cohere = "CohereTokenizer"

  /// SentencePiece's way: characters that aren't in the vocabulary become bytes, and unknown ones are one token.
  var isSentencePiece: Bool { self == .llama || self == .codeLlama || self == .gemma }

  var addsPrefixSpace: Bool { self == .llama || self == .codeLlama }

  /// Whether it replaces the post-processor of tokenizer.json.
  var writesPostProcessor: Bool { self == .codeLlama || self == .gptNeoX || self == .cohere }

  /// The unknown token of its model, unless tokenizer_config.json names another.
  var unknownToken: String? { self == .gemma || self == .codeLlama ? "<unk>" : nil }

  /// Its special tokens, unless tokenizer_config.json names others.
  var defaultTokens: [String: String] {
    switch self {
    case .llama, .codeLlama: ["bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"]
    case .gemma: ["bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"]
    case .gpt2, .codeGen, .gptNeoX:
      ["bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"]
    case .qwen2, .qwen3_5:
      ["eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"]
    case .cohere: ["bos_token": "<BOS_TOKEN>", "eos_token": "<|END_OF_TURN_TOKEN|>", "unk_token": "<UNK>"]
    }
  }

  /// Those that transformers 5 has besides.
  var furtherDefaultTokens: [String: String] {
    switch self {
    case .gemma: ["mask_token": "<mask>"]
    case .gptNeoX: ["pad_token": "<|padding|>"]
    case .cohere:
      ["pad_token": "<PAD>", "cls_token": "<CLS>", "sep_token": "<SEP>", "mask_token": "<MASK_TOKEN>"]
    default: [:]
    }
  }

  /// Extra special tokens that it adds.
  var extraTokens: [String] {
    self == .codeLlama ? ["\u{2581}<PRE>", "\u{2581}<MID>", "\u{2581}<SUF>", "\u{2581}<EOT>", "<FILL_ME>"] : []
  }

  func normalizers() throws(TokenizationError) -> [Normalizer] {
    switch self {
    case .llama, .codeLlama, .gpt2, .codeGen: []
    case .gemma: [.replace(.literal([UInt8(ascii: " ")]), with: PreTokenizer.spaceMark)]
    case .gptNeoX, .qwen2, .qwen3_5, .cohere: [.compose(CanonicalComposition())]
    }
  }

  func preTokenizers(addsPrefixSpace: Bool, isLegacy: Bool) throws(TokenizationError) -> [PreTokenizer] {
    func byteLevel(_ pattern: String? = PreTokenizer.byteLevelPattern) throws(TokenizationError) -> PreTokenizer {
      .byteLevel(
        addsPrefixSpace: addsPrefixSpace,
        try pattern.map { text throws(TokenizationError) in
          try SplitPattern.expression(text)
        })
    }
    func split(_ pattern: String) throws(TokenizationError) -> PreTokenizer {
      .split(try SplitPattern.expression(pattern), .isolated, isInverted: false)
    }
    switch self {
    case .llama, .codeLlama:
      let scheme: PreTokenizer.PrependScheme =
        !addsPrefixSpace ? .never : isLegacy && self == .llama ? .always : .first
      return [.metaspace(replacement: PreTokenizer.spaceMark, scheme, splits: false)]
    case .gemma: return [.split(.literal([UInt8(ascii: " ")]), .mergedWithPrevious, isInverted: false)]
    case .gpt2, .codeGen, .gptNeoX: return [try byteLevel()]
    case .qwen2: return [try split(Self.qwenPattern), try byteLevel(nil)]
    case .qwen3_5: return [try split(Self.qwenPatternWithMarks), try byteLevel(nil)]
    case .cohere: return [try split(PreTokenizer.digitsPattern), try byteLevel()]
    }
  }

  private static let qwenPattern =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  private static let qwenPatternWithMarks =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
}

extension TokenizerSettings {
  /// The class that tokenizer_config.json names, if it is one that builds its own tokenizer.
  var builtClass: TokenizerClass? { className.flatMap { TokenizerClass(rawValue: Self.plain($0)) } }

  /// The class that the files name, or else the one for their `model_type`.
  var namedClass: TokenizerClass? {
    guard className == nil else { return builtClass }
    if case .built(let registered, _)? = modelType.flatMap({ ClassRegistration.byModelType[$0] }) { return registered }
    return nil
  }

  private static func plain(_ name: String) -> String { name.hasSuffix("Fast") ? String(name.dropLast(4)) : name }

  /// The class that `AutoTokenizer` loads, if it builds its own tokenizer.
  ///
  /// Source: `AutoTokenizer.from_pretrained` of transformers 5.24.0.
  /// - Parameter usesByteLevel: whether tokenizer.json names ByteLevel.
  func loadedClass(usesByteLevel: Bool) -> TokenizerClass? {
    let registration = modelType.flatMap { ClassRegistration.byModelType[$0] }
    guard className != nil else { return namedClass }
    let isMisnamed = registration?.overrulesFiles ?? false
    let isMistral = modelType.map(ClassRegistration.mistral.contains) ?? false
    if builtClass == .llama, !isMisnamed, !isMistral, usesByteLevel { return nil }
    switch registration {
    case nil, .other: return isMisnamed ? nil : builtClass
    case .file: return nil
    case .built(let registered, let overrulesFiles): return overrulesFiles ? registered : builtClass
    }
  }
}

/// What transformers 5 loads for a `model_type`.
enum ClassRegistration: Hashable, Sendable {
  /// tokenizer.json, whatever class the files name.
  case file
  /// A class that builds its own tokenizer; the one that the files name, unless that is known to be wrong.
  case built(TokenizerClass, overrulesFiles: Bool)
  /// A class for other kinds of tokenizers.
  case other

  var overrulesFiles: Bool { if case .built(_, true) = self { true } else { false } }

  static let mistral: Set<String> = Set(
    "ministral ministral3 mistral mistral3 mistral_large4 mixtral pixtral voxtral voxtral_realtime".split(
      separator: " "
    )
    .map(String.init))

  /// Source: `TOKENIZER_MAPPING_NAMES` and `MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS` of transformers 5.24.0.
  static let byModelType: [String: ClassRegistration] = {
    let names: [(ClassRegistration, String)] = [
      (
        .file,
        """
        EvollaModel arctic aria beam bigbird_pegasus chatlm ernie4_5 ernie4_5_moe flex_olmo fuyu glm glm4 glm4_moe \
        glm4_moe_lite glm4v glm4v_moe glm_image got_ocr2 gpt_bigcode granite granitemoe granitemoehybrid \
        granitemoeshared h2ovl_chat hyperclovax hyperclovax_vlm internlm2 internlm3 iquestcoder jamba kimi_k25 \
        kimi_linear llava llava_next mimo_v2_flash minicpm3 minicpm_ocr minicpmv minicpmv4_6 minicpmv4_7 minimax_m2 \
        ministral ministral3 mistral mistral3 mistral_large4 mixtral modernbert molmo molmo2 nemotron nvfp4 olmo2 olmo3 \
        olmo_hybrid opencua openvla paddleocr_vl persimmon phi3 phi3_v phimoe pixtral smolvlm stablelm step3_vl umt5 \
        vipllava voxtral voxtral_realtime
        """
      ),
      (
        .built(.qwen2, overrulesFiles: false),
        """
        audioflamingo3 colqwen2 hunyuan_vl internvl ovis2 qianfan_ocr qwen2_5_omni qwen2_5_vl qwen2_audio qwen2_moe \
        qwen2_vl qwen3 qwen3_moe qwen3_next qwen3_omni_moe qwen3_vl qwen3_vl_moe lighton_ocr vibevoice
        """
      ),
      (.built(.qwen2, overrulesFiles: true), "qwen2"),
      (.built(.qwen3_5, overrulesFiles: true), "qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen4_exp"),
      (.built(.qwen3_5, overrulesFiles: false), "qwen3_5_text"),
      (.built(.cohere, overrulesFiles: false), "aya_vision cohere cohere2"),
      (
        .built(.gpt2, overrulesFiles: false),
        "blip-2 codegen dbrx emu3 gpt2 gpt_neo gptj instructblip jais2 opt phi starcoder2"
      ),
      (.built(.gpt2, overrulesFiles: true), "hyperclovax_vision_v2"),
      (.built(.codeLlama, overrulesFiles: false), "code_llama"),
      (
        .built(.gemma, overrulesFiles: false),
        "diffusion_gemma gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text recurrent_gemma shieldgemma2 t5gemma zaya"
      ),
      (.built(.gptNeoX, overrulesFiles: false), "falcon_mamba gpt_neox mamba mamba2 mpt olmo olmoe rwkv xlstm"),
      (.built(.llama, overrulesFiles: false), "idefics idefics2"),
    ]
    var table: [String: ClassRegistration] = [:]
    for (registration, types) in names {
      for type in types.split(whereSeparator: \.isWhitespace) { table[String(type)] = registration }
    }
    return table
  }()
}
