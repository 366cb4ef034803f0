extension Architecture {
  /// Qwen 2 and 2.5: q, k and v with biases; GGUF keeps the rotation of halves, so no row moves.
  ///
  /// Source: transformers `models/qwen2/modeling_qwen2.py`, llama.cpp `conversion/qwen.py` (`Qwen2Model`).
  static let qwen2 = qwen2(
    Names(gguf: "qwen2", family: "Qwen2", modelTypes: ["qwen2"]),
    ConfigurationDefaults(vocabularySize: 151_936, feedForwardSize: 22016, keyValueHeadCount: 32, contextLength: 32768))

  /// The text part of Qwen 2-VL and 2.5-VL. Text alone has the same position in all three parts of their rotary
  /// embedding, which makes it Qwen 2's.
  ///
  /// Source: transformers `models/qwen2_5_vl/modeling_qwen2_5_vl.py`, llama.cpp `conversion/qwen.py`.
  static let qwen2VL = qwen2(
    Names(
      gguf: "qwen2vl", family: "Qwen2VL", modelTypes: ["qwen2_vl", "qwen2_vl_text", "qwen2_5_vl", "qwen2_5_vl_text"],
      wrappers: ["Qwen2VLForConditionalGeneration", "Qwen2_5_VLForConditionalGeneration"]),
    ConfigurationDefaults(
      vocabularySize: 152_064, hiddenSize: 8192, feedForwardSize: 29568, layerCount: 80, headCount: 64,
      keyValueHeadCount: 8, contextLength: 32768, normEpsilon: 1e-5, ropeTheta: 1_000_000))

  private static func qwen2(_ names: Names, _ defaults: ConfigurationDefaults) -> Architecture {
    Architecture(
      names, defaults: defaults, numbers: GraphNumberRules(window: .fromLayer, biases: .queryKeyValue),
      modules: { h in LayerModule.attention(h, isPermuted: false) + LayerModule.gatedFeedForward(h) },
      layer: { layer in try layer.preNorm(layer.attention(), layer.gated()) })
  }
}
