internal import AloraJSON

extension Architecture {
  /// ERNIE 4.5, dense: neighbours are rotated, and all projections may have biases.
  ///
  /// Source: transformers `models/ernie4_5/modeling_ernie4_5.py`, llama.cpp `conversion/ernie.py` (`Ernie4_5Model`).
  static let ernie45 = Architecture(
    Names(gguf: "ernie4_5", family: "Ernie4_5", modelTypes: ["ernie4_5"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 103_424, hiddenSize: 1024, feedForwardSize: 3072, layerCount: 18, headCount: 16,
      keyValueHeadCount: 2, headDimension: 128, contextLength: 131_072, normEpsilon: 1e-5, ropeTheta: 500_000,
      tiesEmbeddings: true),
    numbers: GraphNumberRules(rotaryLayout: .interleaved, biases: .allIfUsed),
    modules: { h in LayerModule.attention(h, isPermuted: false) + LayerModule.gatedFeedForward(h) },
    layer: { layer in try layer.preNorm(layer.attention(), layer.gated()) })

  /// The same with experts, which their part of a softmax and a correction choose, a shared expert, and first layers without
  /// experts.
  ///
  /// Source: transformers `models/ernie4_5_moe/modeling_ernie4_5_moe.py`, llama.cpp `conversion/ernie.py`
  /// (`Ernie4_5MoeModel`), `src/models/ernie4-5-moe.cpp`.
  static let ernie45Moe = Architecture(
    Names(gguf: "ernie4_5-moe", family: "Ernie4_5_Moe", modelTypes: ["ernie4_5_moe"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 103_424, hiddenSize: 2560, feedForwardSize: 12288, layerCount: 28, headCount: 20,
      keyValueHeadCount: 4, contextLength: 131_072, normEpsilon: 1e-5, ropeTheta: 500_000, tiesEmbeddings: true,
      experts: .init(
        countNames: ["moe_num_experts", "num_experts"], count: 64, perTokenNames: ["moe_k", "num_experts_per_tok"],
        perToken: 6, feedForwardSize: 1536, sharedCount: ("moe_num_shared_experts", 2), denseLayers: .outside)),
    objection: { reader in
      try reader.boolean("use_bias", default: false) ? "its output layer has a bias (use_bias)" : nil
    },
    configureByGGUF: { reader, h in try h.readExperts(reader) },
    numbers: GraphNumberRules(rotaryLayout: .interleaved, routing: .scores(.softmax)),
    modules: { h in LayerModule.attention(h, isPermuted: false) + LayerModule.routedAndSharedFeedForward(h) },
    layer: { layer in
      try layer.preNorm(
        layer.attention(),
        layer.routedFeedForward(
          correction: .init(
            name: "mlp.moe_statics.e_score_correction_bias",
            otherNames: ["mlp.gate.moe_statics.e_score_correction_bias"], isOptional: true)))
    })
}
