internal import AloraJSON

extension Architecture {
  /// Falcon-H1: attention and Mamba 2 side by side in every layer, with numbers that activations are multiplied by.
  ///
  /// Source: transformers `models/falcon_h1/modeling_falcon_h1.py`, llama.cpp `conversion/falcon_h1.py`,
  /// `src/models/falcon-h1.cpp`.
  static let falconH1 = Architecture(
    Names(gguf: "falcon-h1", family: "FalconH1", modelTypes: ["falcon_h1"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 128_000, feedForwardSize: 14336, keyValueHeadCount: 8, contextLength: 8192, normEpsilon: 1e-5),
    recurrence: { reader, h in
      let shape = try falconMamba(reader, h)
      try reader.check(shape.objection(layerCount: h.layerCount))
      return both(h.layerCount, shape)
    },
    recurrenceOfGGUF: { reader, layerCount in
      var shape = try reader.mamba2(layerCount: layerCount)
      shape.hasNorm = reader.hasTensor("blk.0.ssm_norm.weight")
      return both(layerCount, shape)
    },
    configure: { reader, h in h.multipliers = try falconMultipliers(reader) },
    numbers: GraphNumberRules(
      biases: .asConfigured, hasEmbeddingMultiplier: true, logitFactor: 1, logitFactorName: "lm_head_multiplier",
      finalNorm: "model.final_layernorm"),
    modules: falconModules,
    layer: { layer in
      guard case .mamba2(let shape)? = layer.h.recurrence?.mixer else { preconditionFailure("a layer without Mamba 2") }
      let multipliers = layer.h.multipliers
      var second = layer.norm("ffn_norm", "pre_ff_layernorm")
      // The one norm that llama.cpp names without `.weight`.
      second.weight = second.weight.map {
        GraphVector(
          ggufName: String($0.ggufName.dropLast(".weight".count)), huggingFaceName: $0.huggingFaceName,
          count: $0.count)
      }
      var blocks = [
        layer.block(.stream(layer.norm("attn_norm", "input_layernorm")), try layer.mamba2(shape)),
        layer.block(.sameAsPrevious, try layer.attention()),
        layer.block(.stream(second), try layer.gated()),
      ]
      blocks[0].residualScale = Float(multipliers?.mambaOutput ?? 1)
      blocks[1].residualScale = Float(multipliers?.attentionOutput ?? 1)
      blocks[2].residualScale = Float(multipliers?.down ?? 1)
      return GraphLayer(blocks: blocks)
    })

  private static func both(_ layerCount: Int, _ shape: Mamba2Shape) -> Hyperparameters.Recurrence {
    let layers = Set(0..<layerCount)
    return Hyperparameters.Recurrence(layers: layers, attentionLayers: layers, .mamba2(shape))
  }

  private static func falconMamba(_ reader: ConfigurationReader, _ h: Hyperparameters) throws -> Mamba2Shape {
    let heads = try reader.integer("mamba_n_heads", default: 128)
    let expanded = h.hiddenSize * (try reader.integer("mamba_expand", default: 2))
    let inner =
      reader.has("mamba_d_ssm")
      ? try reader.json[optional: "mamba_d_ssm"]?.integer(in: Hyperparameters.extent) ?? expanded : 1024
    var dimension = heads > 0 ? inner / heads : 0
    if let stated = try reader.json[optional: "mamba_d_head"], (try? stated.string()) != "auto" {
      dimension = try stated.integer(in: Hyperparameters.extent)
    }
    guard heads > 0, heads * dimension == inner else {
      throw reader.json.error(.outOfRange, "\(heads) Mamba heads of \(dimension) are not \(inner) channels")
    }
    return Mamba2Shape(
      headCount: heads, headDimension: dimension, groupCount: try reader.integer("mamba_n_groups", default: 1),
      stateSize: try reader.integer("mamba_d_state", default: 256),
      kernelSize: try reader.integer("mamba_d_conv", default: 4), stepLimits: try Mamba2Shape.stepLimits(reader),
      hasConvolutionBias: try reader.boolean("mamba_conv_bias", default: true),
      hasProjectionBias: try reader.boolean("mamba_proj_bias", default: false),
      hasOutputBias: try reader.boolean("projectors_bias", default: false),
      hasNorm: try reader.boolean("mamba_rms_norm", default: false),
      normsBeforeGate: try reader.boolean("mamba_norm_before_gate", default: true),
      multipliers: h.multipliers?.mamba2)
  }

  private static func falconMultipliers(_ reader: ConfigurationReader) throws -> Hyperparameters.Multipliers {
    let network = try reader.numbers("mlp_multipliers", count: 2) ?? [1, 1]
    return Hyperparameters.Multipliers(
      embedding: try reader.number("embedding_multiplier", default: 1),
      output: try reader.number("lm_head_multiplier", default: 1),
      attentionInput: try reader.number("attention_in_multiplier", default: 1),
      key: try reader.number("key_multiplier", default: 1),
      attentionOutput: try reader.number("attention_out_multiplier", default: 1),
      mambaInput: try reader.number("ssm_in_multiplier", default: 1),
      mambaParts: try reader.numbers("ssm_multipliers", count: 5) ?? [1, 1, 1, 1, 1],
      mambaOutput: try reader.number("ssm_out_multiplier", default: 1), gate: network[0], down: network[1])
  }

  @Sendable private static func falconModules(_ h: Hyperparameters) -> [LayerModule] {
    let multipliers = h.multipliers
    func multiplied(_ module: LayerModule, by factor: Double?) -> LayerModule {
      var module = module
      module.targets[0].factors = .uniform(factor, rowCount: module.outputCount)
      return module
    }
    var mamba = LayerModule.mamba2(h)
    if case .mamba2(let shape)? = h.recurrence?.mixer, let multipliers {
      let group = shape.groupCount * shape.stateSize
      let counts = [shape.innerCount, shape.innerCount, group, group, shape.headCount]
      let factors = zip(counts, multipliers.mambaParts).map {
        WeightTarget.RowFactor(rowCount: $0, value: multipliers.mambaInput * $1)
      }
      if factors.contains(where: { $0.value != 1 }) { mamba[0].targets[0].factors = factors }
      mamba[1] = multiplied(mamba[1], by: multipliers.mambaOutput)
    }
    let attention = zip(
      LayerModule.attention(h, isPermuted: false),
      [
        multipliers?.attentionInput, multipliers.map { $0.key * $0.attentionInput }, multipliers?.attentionInput,
        multipliers?.attentionOutput,
      ]
    ).map { multiplied($0, by: $1) }
    return mamba + attention + [
      multiplied(
        .linear("feed_forward.gate_proj", h.hiddenSize, h.feedForwardSize, "ffn_gate"), by: multipliers?.gate),
      .linear("feed_forward.up_proj", h.hiddenSize, h.feedForwardSize, "ffn_up"),
      multiplied(
        .linear("feed_forward.down_proj", h.feedForwardSize, h.hiddenSize, "ffn_down"), by: multipliers?.down),
    ]
  }
}
