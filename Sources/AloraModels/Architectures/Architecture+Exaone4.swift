extension Architecture {
  /// EXAONE 4: norms after each half of a layer and on the heads of q and k. If three layers of four have a window, only
  /// these have positions.
  ///
  /// Source: transformers `models/exaone4/modeling_exaone4.py`, llama.cpp `conversion/exaone.py` (`Exaone4Model`).
  static let exaone4 = Architecture(
    Names(gguf: "exaone4", family: "Exaone4", modelTypes: ["exaone4"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 102_400, feedForwardSize: 16384, keyValueHeadCount: 32, contextLength: 2048, normEpsilon: 1e-5),
    objectionToGGUF: { reader in
      try reader.integer("nextn_predict_layers", default: 0) > 0 ? "it has layers that predict more tokens" : nil
    },
    numbers: GraphNumberRules(
      window: .allButEvery(period: 4, windowOfGGUF: nil), positions: .windowed(isPlainWithoutWindow: true)),
    modules: { h in LayerModule.attention(h, isPermuted: false) + LayerModule.gatedFeedForward(h) },
    layer: { layer in try layer.postNorm(layer.attention(headNorms: .perHead), layer.gated()) })
}
