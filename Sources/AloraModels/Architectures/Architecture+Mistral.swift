extension Architecture {
  /// Mistral 7B and its relatives: Llama's weights, with a sliding window. GGUF calls it `llama`.
  ///
  /// Source: transformers `models/mistral/modeling_mistral.py`, llama.cpp `conversion/llama.py`.
  static let mistral = mistral(Names(gguf: "llama", family: "Mistral", modelTypes: ["mistral"]))

  /// The text part of Mistral Small 3.1 and 3.2, which is a Mistral.
  ///
  /// Source: llama.cpp `conversion/mistral3.py`.
  static let mistral3 = mistral(
    Names(gguf: "mistral3", family: "Mistral3", modelTypes: ["mistral"], wrappers: ["Mistral3ForConditionalGeneration"])
  )

  private static func mistral(_ names: Names) -> Architecture {
    Architecture(
      names,
      defaults: ConfigurationDefaults(
        vocabularySize: 32000, feedForwardSize: 14336, keyValueHeadCount: 8, contextLength: 131_072),
      describes: { $0.expertCount == 0 },
      numbers: GraphNumberRules(window: .everyLayer(fallback: 4096)),
      modules: { h in LayerModule.attention(h, isPermuted: true) + LayerModule.gatedFeedForward(h) },
      layer: { layer in try layer.preNorm(layer.attention(), layer.gated()) })
  }
}
