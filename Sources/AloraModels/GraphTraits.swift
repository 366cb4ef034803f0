/// The function on the gate of a feed-forward network.
public enum GateActivation: Hashable, Sendable {
  case silu
  /// GELU in its tanh form.
  case geluTanh
}

/// How the graph of one architecture differs from Llama's: the switches, and where their numbers are written.
struct GraphTraits: Sendable {
  /// Which layers see only a window of positions.
  enum Window: Sendable {
    case none
    /// `sliding_window` holds for every layer; the number is what a missing field means.
    case everyLayer(fallback: Int?)
    /// Only where `use_sliding_window` says so, from layer `max_window_layers` on.
    case fromLayer
    /// Every layer but each `period`th, unless `layer_types` says otherwise. `windowOfGGUF` is what a GGUF without one
    /// means, where a config.json without one means 4096.
    case allButEvery(period: Int, windowOfGGUF: Int?)
  }

  /// What a score is multiplied by.
  enum AttentionScale: Sendable {
    case headDimension
    /// `attention_multiplier`.
    case multiplier
    /// `query_pre_attn_scalar` to the power -1/2.
    case queryScalar
  }

  /// Where rotary embedding is described.
  enum Positions: Sendable {
    case plain
    /// With `partial_rotary_factor`, and old names of longrope.
    case partial
    /// One description for layers with a window and one for the others.
    case perLayerKind
    /// Only where `position_embedding_type` is `rope`.
    case switched
  }

  /// Which linear modules have biases.
  enum Biases: Sendable {
    case none
    case queryKeyValue
    /// All four of attention where `attention_bias` says so, the feed-forward network's where `mlp_bias` does.
    case asConfigured
  }

  var activation = GateActivation.silu
  var window = Window.none
  var attentionScale = AttentionScale.headDimension
  var positions = Positions.plain
  var biases = Biases.none
  /// Norms after attention and after the feed-forward network, before each is added.
  var hasPostNorms = false
  /// Norms on each head of q and k.
  var hasHeadNorms = false
  /// What Hugging Face's norm weights lack: Gemma stores the weight less one.
  var normOffset: Float = 0
  /// Embeddings are multiplied by the root of their width.
  var scalesEmbeddingByWidth = false
  /// `embedding_multiplier`, `residual_multiplier` and `logits_scaling`.
  var hasMultipliers = false
  /// Soft caps where `attn_logit_softcapping` and `final_logit_softcapping` are missing; nil where there are none at all.
  var softCaps: (attention: Double?, logits: Double?)?
  /// Missing `rms_norm_eps`.
  var normEpsilon = 1e-6
  /// GGUF holds q, k, v in one tensor and gate, up in another.
  var isFused = false
}
