/// Where the numbers of an architecture's graph are written, in its configuration and in its GGUF.
struct GraphNumberRules: Sendable {
  /// Which layers see only a window of positions.
  enum Window: Sendable {
    case none
    /// No layer, and a GGUF with a window is another model's.
    case never
    /// `sliding_window` applies to every layer; the number is what a missing field means.
    case everyLayer(fallback: Int?)
    /// Only if `use_sliding_window` says so, from layer `max_window_layers` on.
    case fromLayer
    /// Every layer, if `use_sliding_window` says so.
    case ifUsed
    /// If `use_sliding_window` says so, layers 0, 2, … before layer `max_window_layers`, or those that `layer_types` names.
    case evenLayersIfUsed
    /// Every layer but each `period`th, unless `layer_types` says otherwise. `windowOfGGUF` is what a GGUF without one
    /// means, `fallback` a configuration without one.
    case allButEvery(period: Int, windowOfGGUF: Int?, fallback: Int = 4096)
  }

  /// Factor of attention scores.
  enum AttentionScale: Sendable {
    /// 1 / √(head dimension)
    case headDimension
    /// `attention_multiplier`.
    case multiplier
    /// 1 / √`query_pre_attn_scalar`. A GGUF doesn't say it: the published models with this many layers divide the hidden
    /// size by the heads, all others take the head dimension.
    case queryScalar(layerCountOfLargest: Int)
  }

  /// Where the rotary embedding is described.
  enum Positions: Sendable {
    case plain
    /// With `partial_rotary_factor`, and old names of longrope.
    case partial
    /// One description for layers with a window and one for the others.
    case perLayerKind
    /// Every layer but each `period`th, unless `no_rope_layers` says otherwise.
    case allButEvery(period: Int)
    /// Only if `position_embedding_type` is `rope`.
    case switched
  }

  /// Which linear modules have biases.
  enum Biases: Sendable {
    case none
    case queryKeyValue
    /// All four of attention if `attention_bias` says so, the feed-forward network's if `mlp_bias` does.
    case asConfigured
    /// q, k and v, unless `qkv_bias` says no.
    case queryKeyValueAsConfigured
    /// All four of attention, unless `attention_bias` says no.
    case attention
    /// As configured, but attention's output has its own `attention_out_bias`, and a missing `attention_bias` means true.
    case outputApart
  }

  /// What the chosen experts are weighted by.
  enum Routing: Sendable {
    /// The softmax of their logits.
    case softmaxOfChosen
    /// The same if `norm_topk_prob` says so, else their part of the softmax of all logits. A GGUF doesn't say it.
    case asConfigured(isNormalizedInGGUF: Bool)
  }

  var activation = GateActivation.silu
  var window = Window.none
  var attentionScale = AttentionScale.headDimension
  var positions = Positions.plain
  var biases = Biases.none
  var routing = Routing.softmaxOfChosen
  /// Whether YaRN's borders are whole numbers in a GGUF, which doesn't say it.
  var truncatesYarnOfGGUF = true
  /// What Hugging Face's norm weights lack: Gemma stores the weight less one.
  var normOffset: Float = 0
  /// Embeddings are multiplied by the root of their width.
  var scalesEmbeddingByWidth = false
  /// `embedding_multiplier`, `residual_multiplier` and `logits_scaling`.
  var hasMultipliers = false
  /// Soft caps if `attn_logit_softcapping` and `final_logit_softcapping` are missing; nil for an architecture without any.
  var softCaps: (attention: Double?, logits: Double?)?
}
