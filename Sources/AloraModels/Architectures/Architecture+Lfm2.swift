internal import AloraJSON

extension Architecture {
  /// Liquid's LFM 2, dense: short convolutions, and a few layers of attention with norms on the heads of q and k.
  ///
  /// Source: transformers `models/lfm2/modeling_lfm2.py`, llama.cpp `conversion/lfm2.py` (`LFM2Model`), `src/models/lfm2.cpp`.
  static let lfm2 = Architecture(
    Names(gguf: "lfm2", family: "Lfm2", modelTypes: ["lfm2"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 65536, hiddenSize: 2560, feedForwardSize: 12288, keyValueHeadCount: 8, contextLength: 128_000,
      normEpsilon: 1e-5, ropeTheta: 1_000_000, tiesEmbeddings: true,
      feedForwardNames: ["block_ff_dim", "intermediate_size"], tieName: "tie_embedding"),
    objectionToGGUF: { reader in
      try reader.boolean("attention.causal", default: true) ? nil : "its attention is to later tokens, too"
    },
    recurrence: { reader, h in
      let layers = try lfm2Convolutions(reader, h)
      let shape = ShortConvolutionShape(
        channelCount: h.hiddenSize, kernelSize: try reader.integer("conv_L_cache", default: 3),
        hasBias: try reader.boolean("conv_bias", default: false))
      try reader.check(shape.objection(layerCount: layers.count))
      return layers.isEmpty ? nil : Hyperparameters.Recurrence(layers: layers, .shortConvolution(shape))
    },
    recurrenceOfGGUF: { reader, layerCount in
      let layers = try reader.layersWithoutKeys(layerCount: layerCount)
      let shape = ShortConvolutionShape(
        channelCount: try reader.integer("embedding_length", default: 0),
        kernelSize: try reader.integer("shortconv.l_cache", default: 0))
      guard !layers.isEmpty else { return nil }
      try reader.check(shape.objection(layerCount: layers.count), "shortconv.l_cache")
      return Hyperparameters.Recurrence(layers: layers, .shortConvolution(shape))
    },
    configure: { reader, h in
      guard try reader.boolean("block_auto_adjust_ff_dim", default: true) else { return }
      let factor =
        try reader.json[optional: "block_ffn_dim_multiplier"]?.number()
        ?? (reader.has("block_ffn_dim_multiplier") ? nil : 1)
      let multiple = try reader.integer("block_multiple_of", default: 256)
      h.feedForwardSize = 2 * h.feedForwardSize / 3
      guard let factor, multiple > 0 else { return }
      let width = factor * Double(h.feedForwardSize)
      guard width >= 1, width < Double(Hyperparameters.extent.upperBound) else {
        throw reader.json.error(.outOfRange, "a feed-forward network of \(width) is not supported")
      }
      h.feedForwardSize = (Int(width) + multiple - 1) / multiple * multiple
    },
    numbers: GraphNumberRules(
      epsilonName: "norm_eps", finalNorm: "model.embedding_norm", finalNormOfGGUF: "token_embd_norm"),
    modules: { h in
      [
        .linear("conv.in_proj", h.hiddenSize, 3 * h.hiddenSize, "shortconv.in_proj").inLayers(.recurrent),
        .linear("conv.out_proj", h.hiddenSize, h.hiddenSize, "shortconv.out_proj").inLayers(.recurrent),
        .linear("self_attn.q_proj", h.hiddenSize, h.queryRowCount, "attn_q").inLayers(.withAttention),
        .linear("self_attn.k_proj", h.hiddenSize, h.keyValueRowCount, "attn_k").inLayers(.withAttention),
        .linear("self_attn.v_proj", h.hiddenSize, h.keyValueRowCount, "attn_v").inLayers(.withAttention),
        .linear("self_attn.out_proj", h.queryRowCount, h.hiddenSize, "attn_output").inLayers(.withAttention),
        .linear("feed_forward.w1", h.hiddenSize, h.feedForwardSize, "ffn_gate"),
        .linear("feed_forward.w3", h.hiddenSize, h.feedForwardSize, "ffn_up"),
        .linear("feed_forward.w2", h.feedForwardSize, h.hiddenSize, "ffn_down"),
      ]
    },
    layer: { layer in
      var mixer =
        try layer.h.hasAttention(layer.index)
        ? layer.attention(headNorms: .perHead, normName: "layernorm") : nil
      if case .shortConvolution(let shape)? = layer.h.recurrence?.mixer, mixer == nil {
        mixer = try layer.shortConvolution(shape)
      }
      guard let mixer else { preconditionFailure("a layer without a mixer") }
      return GraphLayer(blocks: [
        layer.block(.stream(layer.norm("attn_norm", "operator_norm")), mixer),
        layer.block(.stream(layer.norm("ffn_norm", "ffn_norm")), try layer.gated()),
      ])
    })

  /// The layers without attention: as `layer_types` says, or all but `full_attn_idxs`.
  private static func lfm2Convolutions(_ reader: ConfigurationReader, _ h: Hyperparameters) throws -> Set<Int> {
    if let kinds = try reader.layerKinds(h.layerCount) {
      return Set(kinds.indices.filter { kinds[$0] == "conv" })
    }
    guard let attention = try reader.json[optional: "full_attn_idxs"] else { return [] }
    return Set(0..<h.layerCount).subtracting(try attention.integers(in: 0...Hyperparameters.layers.upperBound))
  }
}
