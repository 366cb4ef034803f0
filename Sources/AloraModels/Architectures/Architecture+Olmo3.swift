extension Architecture {
  /// OLMo 3: OLMo 2 with a sliding window in three layers of four. Scaled rotary embeddings are only for the fourth.
  ///
  /// Source: transformers `models/olmo3/modeling_olmo3.py`, llama.cpp `conversion/olmo.py` (`Olmo2Model`).
  static let olmo3 = Architecture(
    Names(gguf: "olmo2", family: "Olmo3", modelTypes: ["olmo3"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 50304, contextLength: 2048, normEpsilon: 1e-5, ropeTheta: olmo3Theta),
    objection: { reader in
      if try reader.positive("rope_theta", default: olmo3Theta) == olmo3Theta { return nil }
      if try reader.states("rope_parameters", "sliding_attention") { return nil }
      return "transformers 5 applies rope_theta to layers without a window only, transformers 4 to all; "
        + "rope_parameters can state both"
    },
    numbers: GraphNumberRules(
      window: .allButEvery(period: 4, windowOfGGUF: nil),
      positions: .perLayerKind(full: olmo3Theta, windowed: olmo3Theta), biases: .asConfigured),
    modules: { h in LayerModule.attention(h, isPermuted: false) + LayerModule.gatedFeedForward(h) },
    layer: { layer in try layer.postNorm(layer.attention(headNorms: .wholeRow), layer.gated()) })

  private static let olmo3Theta = 500_000.0
}
