extension Architecture {
  /// Phi 3 and 4-mini: q, k, v in one weight and gate, up in another, in GGUF too.
  ///
  /// Source: transformers `models/phi3/modeling_phi3.py`, llama.cpp `conversion/phi.py` (`Phi3MiniModel`).
  static let phi3 = Architecture(
    Names(gguf: "phi3", family: "Phi3", modelTypes: ["phi3"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 32064, hiddenSize: 3072, feedForwardSize: 8192, contextLength: 4096, normEpsilon: 1e-5),
    numbers: GraphNumberRules(window: .everyLayer(fallback: nil), positions: .partialOrLong),
    modules: { h in
      [
        .linear("self_attn.qkv_proj", h.hiddenSize, h.queryRowCount + 2 * h.keyValueRowCount, "attn_qkv"),
        .linear("self_attn.o_proj", h.queryRowCount, h.hiddenSize, "attn_output"),
        .linear("mlp.gate_up_proj", h.hiddenSize, 2 * h.feedForwardSize, "ffn_up"),
        .linear("mlp.down_proj", h.feedForwardSize, h.hiddenSize, "ffn_down"),
      ]
    },
    layer: { layer in try layer.preNorm(layer.attention(isFused: true), layer.gated(isFused: true)) })
}
