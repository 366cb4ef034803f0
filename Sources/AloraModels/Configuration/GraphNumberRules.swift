/// Where the numbers of an architecture's graph are written, in its configuration and in its GGUF.
struct GraphNumberRules: Sendable {
  /// Which layers see only a window of positions.
  enum Window: Sendable {
    case none
    /// `sliding_window` applies to every layer; the number is what a missing field means.
    case everyLayer(fallback: Int?)
    /// Only if `use_sliding_window` says so, from layer `max_window_layers` on.
    case fromLayer
    /// Every layer, if `use_sliding_window` says so.
    case ifUsed
    /// If `use_sliding_window` says so, layers 0, 2, … before layer `max_window_layers`, or those that `layer_types` names.
    case evenLayersIfUsed
    /// If `use_sliding_window` says so, the layers without positions, or those that `layer_types` names. GGUFs don't state
    /// this window.
    case withoutPositionsIfUsed
    /// Every layer but each `period`th, unless `layer_types` says otherwise. `windowOfGGUF` is what a GGUF without one
    /// means, `fallback` a configuration without one.
    case allButEvery(period: Int, windowOfGGUF: Int?, fallback: Int = 4096)
    /// Every layer but each `period`th and the last, unless `layer_types` says otherwise of the others. `fallback` is what a
    /// configuration without a window means.
    case allButEveryAndLast(period: Int, fallback: Int)
  }

  /// Which queries grow with the position.
  enum Temperature: Sendable {
    case none
    /// All, by `llama_4_scaling_beta` of the rotary embedding's description.
    case ofRotary
    /// Those of layers without positions, by `attn_scale` and `floor_scale`, or like this.
    case ofLayersWithoutPositions(AttentionTemperature)
  }

  /// Factor of attention scores.
  enum AttentionScale: Sendable {
    /// 1 / √(head dimension)
    case headDimension
    case one
    /// `attention_multiplier`.
    case multiplier
    /// 1 / √`query_pre_attn_scalar`. A GGUF doesn't say it: the published models with this many layers divide the hidden
    /// size by the heads, all others take the head dimension.
    case queryScalar(layerCountOfLargest: Int)
  }

  /// Where the rotary embedding is described.
  enum Positions: Sendable {
    case plain
    /// With `partial_rotary_factor`.
    case partial
    /// With `partial_rotary_factor`, and old names of longrope.
    case partialOrLong
    /// One description for layers with a window and one for the others. The numbers are `rope_theta` if it's missing; a
    /// GGUF without one for windows means its other one if both numbers are the same.
    case perLayerKind(full: Double, windowed: Double)
    /// Only layers with a window. `isPlainWithoutWindow`: all layers of a model that has none.
    case windowed(isPlainWithoutWindow: Bool)
    /// Every layer but each `period`th, unless `no_rope_layers` says otherwise.
    case allButEvery(period: Int)
    /// Only if `position_embedding_type` is `rope`.
    case switched
    case none
  }

  /// Which linear modules have biases.
  enum Biases: Sendable {
    case none
    case queryKeyValue
    /// All four of attention if `attention_bias` says so, the feed-forward network's if `mlp_bias` does.
    case asConfigured
    /// Query, key and value, as this key says.
    case queryKeyValueAsConfigured(by: String, fallback: Bool = true)
    /// All of attention and the feed-forward networks but those of experts, if `use_bias` says so.
    case allIfUsed
    /// All four of attention, unless `attention_bias` says no.
    case attention
    /// As configured, but attention's output has its own `attention_out_bias`, and a missing `attention_bias` means true.
    case outputApart
    /// Only the feed-forward network's, if `mlp_bias` says so.
    case feedForwardAsConfigured
  }

  /// What the chosen experts are weighted by.
  enum Routing: Sendable {
    /// The softmax of their logits.
    case softmaxOfChosen
    /// The same if `norm_topk_prob` says so, else their part of the softmax of all logits. A GGUF doesn't say it.
    case asConfigured(isNormalizedInGGUF: Bool, isNormalizedByDefault: Bool = false)
    /// The sigmoid of their logits, on an expert's input.
    case sigmoidOnInput
    /// Their sigmoids, or their part of the softmax of all logits, by which experts are chosen after a correction.
    case scores(ExpertScores.Function)
  }

  var activation = GateActivation.silu
  var window = Window.none
  var attentionScale = AttentionScale.headDimension
  var positions = Positions.plain
  /// Which elements of a head are rotated together.
  var rotaryLayout = RotaryEmbedding.Layout.halves
  var temperature = Temperature.none
  /// What a missing `attention_chunk_size` means: the chunks of layers with positions, unless `layer_types` names others. Nil
  /// for an architecture without chunks.
  var chunk: Int?
  /// For an architecture whose heads of queries and keys have a norm after their rotation, unless `use_qk_norm` says no: which
  /// models in GGUF have it, because the files don't say it.
  var rotatedNormsOfGGUF: (@Sendable (Hyperparameters) -> Bool)?
  /// Whether `clip_qkv` limits queries, keys and values.
  var hasLimit = false
  var biases = Biases.none
  var routing = Routing.softmaxOfChosen
  /// Whether YaRN's borders are whole numbers in a GGUF, which doesn't say it.
  var truncatesYarnOfGGUF = true
  /// `layer_norm_eps` is the epsilon of a layer norm, `rms_norm_eps` that of a root-mean-square norm.
  var norm = NormKind.rootMeanSquare
  /// What a configuration calls the epsilon, if it isn't one of these.
  var epsilonName: String?
  /// What Hugging Face's norm weights lack: Gemma stores the weight less one.
  var normOffset: Float = 0
  /// Embeddings are multiplied by the root of their width.
  var scalesEmbeddingByWidth = false
  /// `embedding_multiplier`, `residual_multiplier` and `logits_scaling`.
  var hasMultipliers = false
  /// Only the first of them.
  var hasEmbeddingMultiplier = false
  /// What `logit_scale` is if it's missing: logits are multiplied by it. Nil for an architecture without.
  var logitFactor: Double?
  /// What a configuration calls it.
  var logitFactorName = "logit_scale"
  /// Soft caps if `attn_logit_softcapping` and `final_logit_softcapping` are missing; nil for an architecture without any.
  var softCaps: (attention: Double?, logits: Double?)?
  /// Whether `attn_logit_softcapping` counts: Gemma 3 has the field and doesn't use it.
  var capsAttention = true
  /// The norm after the last layer, in Hugging Face's files.
  var finalNorm = "model.norm"
  /// The same in a GGUF.
  var finalNormOfGGUF = "output_norm"
}
