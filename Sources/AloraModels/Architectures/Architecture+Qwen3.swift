extension Architecture {
  /// Qwen 3, dense: norms on the heads of q and k.
  ///
  /// Source: transformers `models/qwen3/modeling_qwen3.py`, llama.cpp `conversion/qwen.py` (`Qwen3Model`).
  static let qwen3 = qwen3(
    Names(gguf: "qwen3", family: "Qwen3", modelTypes: ["qwen3"]), contextLength: 32768, ropeTheta: 10000)

  /// The text part of Qwen 3-VL. Text alone has the same position in all three parts of its rotary embedding.
  ///
  /// Source: transformers `models/qwen3_vl/modeling_qwen3_vl.py`, llama.cpp `conversion/qwen3vl.py`.
  static let qwen3VL = qwen3(
    Names(
      gguf: "qwen3vl", family: "Qwen3VL", modelTypes: ["qwen3_vl", "qwen3_vl_text"],
      wrappers: ["Qwen3VLForConditionalGeneration"]), contextLength: 128_000, ropeTheta: 500_000)

  private static func qwen3(_ names: Names, contextLength: Int, ropeTheta: Double) -> Architecture {
    Architecture(
      names,
      defaults: ConfigurationDefaults(
        vocabularySize: 151_936, feedForwardSize: 22016, keyValueHeadCount: 32, headDimension: 128,
        contextLength: contextLength, ropeTheta: ropeTheta),
      numbers: GraphNumberRules(window: .fromLayer, biases: .asConfigured),
      modules: { h in LayerModule.attention(h, isPermuted: false) + LayerModule.gatedFeedForward(h) },
      layer: { layer in try layer.preNorm(layer.attention(headNorms: .perHead), layer.gated()) })
  }
}
