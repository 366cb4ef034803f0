extension Architecture {
  /// Mixtral: Mistral's attention and a mixture of experts. GGUF calls it `llama`.
  ///
  /// transformers 5 has its experts in two parameters of `mlp`; files of version 4 have `block_sparse_moe` with modules.
  /// Source: transformers `models/mixtral/modeling_mixtral.py`, `conversion_mapping.py`, llama.cpp `conversion/llama.py`.
  static let mixtral = Architecture(
    Names(gguf: "llama", family: "Mixtral", modelTypes: ["mixtral"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 32000, feedForwardSize: 14336, keyValueHeadCount: 8, contextLength: 131_072, normEpsilon: 1e-5,
      ropeTheta: 1_000_000, experts: .init(count: 8, perToken: 2)),
    describes: { $0.expertCount > 0 },
    numbers: GraphNumberRules(window: .everyLayer(fallback: nil)),
    modules: { h in
      LayerModule.attention(h, isPermuted: true) + [
        .linear("mlp.gate", h.hiddenSize, h.expertCount, "ffn_gate_inp")
      ]
    },
    layer: { layer in
      try layer.preNorm(
        layer.attention(),
        layer.mixture(
          ExpertFiles(
            projections: ("block_sparse_moe", .init(gate: "w1", up: "w3", down: "w2")),
            otherRouter: "block_sparse_moe.gate")))
    })
}
