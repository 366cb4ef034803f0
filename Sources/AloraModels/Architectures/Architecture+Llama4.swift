extension Architecture {
  /// The text part of Llama 4: neighbours are rotated, and heads normed after that; layers with positions see chunks, those
  /// without see everything with queries that grow; an expert's input is multiplied by the sigmoid of its logit, and all
  /// tokens share one more network.
  ///
  /// Source: transformers `models/llama4/modeling_llama4.py`, llama.cpp `conversion/llama.py` (`Llama4Model`),
  /// `src/models/llama4.cpp`.
  static let llama4 = Architecture(
    Names(
      gguf: "llama4", family: "Llama4", modelTypes: ["llama4_text"], wrappers: ["Llama4ForConditionalGeneration"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 202_048, hiddenSize: 5120, feedForwardSize: 8192, layerCount: 48, headCount: 40,
      keyValueHeadCount: 8, headDimension: 128, contextLength: 131_072, normEpsilon: 1e-5, ropeTheta: 500_000,
      experts: .init(count: 16, perToken: 1, denseLayers: .interleaved(feedForwardSize: 16384))),
    numbers: GraphNumberRules(
      positions: .allButEvery(period: 4), rotaryLayout: .interleaved,
      temperature: .ofLayersWithoutPositions(AttentionTemperature(slope: 0.1, length: 8192, offset: 1)), chunk: 8192,
      rotatedNormsOfGGUF: { $0.expertCount != 128 }, biases: .asConfigured, routing: .sigmoidOnInput),
    modules: { h in
      LayerModule.attention(h, isPermuted: false) + [
        .linear("feed_forward.router", h.hiddenSize, h.expertCount, "ffn_gate_inp").inLayers(.withExperts)
      ]
        + LayerModule.gatedNetwork("feed_forward.shared_expert", h, h.sharedFeedForwardSize, "_shexp").map {
          $0.inLayers(.withExperts)
        } + LayerModule.gatedNetwork("feed_forward", h, h.denseFeedForwardSize).map { $0.inLayers(.dense) }
    },
    layer: { layer in
      try layer.preNorm(
        layer.attention(),
        layer.h.denseLayers.contains(layer.index)
          ? layer.gated()
          : layer.mixture(ExpertFiles(module: "feed_forward", parameters: .init(layout: .columns))))
    })
}
