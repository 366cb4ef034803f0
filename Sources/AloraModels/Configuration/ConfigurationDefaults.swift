/// The values of fields that config.json omits, as a configuration class of transformers defines them.
struct ConfigurationDefaults: Sendable {
  var vocabularySize: Int
  var hiddenSize = 4096
  var feedForwardSize = 11008
  var layerCount = 32
  var headCount = 32
  /// Nil: as many as heads.
  var keyValueHeadCount: Int?
  /// Nil: the hidden size divided by the heads.
  var headDimension: Int?
  var contextLength: Int
  var normEpsilon = 1e-6
  var ropeTheta = 10000.0
  var partialRotaryFactor = 1.0
  var tiesEmbeddings = false
  /// What a configuration without `rope_parameters` and `rope_scaling` means; nil: no scaling.
  var yarn: RotaryDescription.Yarn?
  var yarnOriginalLength = 0
  /// What a configuration may call the width of the feed-forward network.
  var feedForwardNames = ["intermediate_size"]
  /// Whether that may be a list with the width of each layer's network, which the architecture reads.
  var listsFeedForwardSizes = false
  /// What a configuration may call whether the output layer is the embedding.
  var tieName = "tie_word_embeddings"
  /// For a mixture of experts.
  var experts: ExpertDefaults?

  /// What a configuration class means by missing fields of its experts.
  struct ExpertDefaults: Sendable {
    /// What a configuration may call the number of experts.
    var countNames = ["num_local_experts", "num_experts"]
    var count: Int
    /// What a configuration may call how many a token chooses.
    var perTokenNames = ["num_experts_per_tok"]
    var perToken: Int
    /// `moe_intermediate_size`; nil for a class whose experts are as wide as `intermediate_size` says.
    var feedForwardSize: Int?
    /// `shared_expert_intermediate_size`; nil for a class without a shared expert.
    var sharedFeedForwardSize: Int?
    /// How many experts' width the shared network has, if that is how the configuration states it.
    var sharedCount: (name: String, usual: Int)?
    var denseLayers = DenseLayers.none
  }

  /// Which layers of a mixture of experts have one network.
  enum DenseLayers: Sendable {
    case none
    /// As `decoder_sparse_step` and `mlp_only_layers` say.
    case sparse
    /// As `interleave_moe_layer_step` and `moe_layers` say. `intermediate_size_mlp` is their width, with this default;
    /// a shared network is as wide as an expert.
    case interleaved(feedForwardSize: Int)
    /// The first ones, as `first_k_dense_replace` says; this many if it's missing.
    case leading(usual: Int)
    /// All but each `moe_layer_interval`th from `moe_layer_start_index` to `moe_layer_end_index`.
    case outside
  }
}
