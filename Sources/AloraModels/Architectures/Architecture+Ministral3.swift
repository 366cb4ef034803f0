extension Architecture {
  /// Ministral 3: Llama's weights with YaRN, and queries that grow with the position. A GGUF of Mistral Small 3.1 has the
  /// same name, and neither.
  ///
  /// Source: transformers `models/ministral3/modeling_ministral3.py`, llama.cpp `conversion/mistral3.py`.
  static let ministral3 = Architecture(
    Names(
      gguf: "mistral3", family: "Ministral3", modelTypes: ["ministral3"], wrappers: ["Mistral3ForConditionalGeneration"]
    ),
    defaults: ConfigurationDefaults(
      vocabularySize: 131_072, feedForwardSize: 14336, layerCount: 34, keyValueHeadCount: 8, headDimension: 128,
      contextLength: 262_144, normEpsilon: 1e-5),
    objection: { reader in
      let isDescribed = try reader.states("rope_parameters") || reader.states("rope_scaling")
      return isDescribed ? nil : "the configuration doesn't describe the rotary embedding (rope_parameters)"
    },
    numbers: GraphNumberRules(window: .everyLayer(fallback: nil), temperature: .ofRotary),
    modules: { h in LayerModule.attention(h, isPermuted: true) + LayerModule.gatedFeedForward(h) },
    layer: { layer in try layer.preNorm(layer.attention(), layer.gated()) })
}
