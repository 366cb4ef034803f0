/// The numbers that fix the shapes of a model's weights.
package struct Hyperparameters: Hashable, Sendable {
  package var layerCount: Int
  package var hiddenSize: Int
  package var headCount: Int
  package var keyValueHeadCount: Int
  package var headDimension: Int
  /// The width of the feed-forward network, or of each expert.
  package var feedForwardSize: Int
  /// The width of each layer's network, beside the experts if there are any; nil if all layers have the same.
  var networkSizes: [Int]?
  /// The width of the network in the layers without experts; 0 if all layers have experts.
  package var denseFeedForwardSize = 0
  /// The layers of a mixture of experts that have one network.
  package var denseLayers: Set<Int> = []
  /// The width of the shared feed-forward network beside or instead of experts; 0 for none.
  package var sharedFeedForwardSize: Int
  /// 0 for a dense model.
  package var expertCount: Int
  package var expertsPerToken: Int
  package var vocabularySize: Int
  /// Whether the output layer is the token embedding.
  package var tiesEmbeddings: Bool
  /// What differs in layers that see all positions; nil if all layers have the same heads.
  package var globalHeads: GlobalHeads?
  /// False if keys are the values, too.
  package var hasValueProjection = true
  /// Whether heads of queries and keys have norms, for an architecture that has models with and without.
  package var hasHeadNorms = false
  /// How many layers, the last ones, attend to the keys and values of layers before them.
  var sharingLayerCount = 0
  /// What each layer reads of an embedding of its own; nil if layers have none.
  var layerInputs: LayerInputShape?
  /// Nil for a model with one residual stream.
  var streams: StreamShape?
  /// The width of the narrow path beside attention; 0 for none.
  var bottleneckSize = 0
  /// Of each layer's network, if it has one; nil if none has.
  var cutOffs: [Float?]?

  /// The layers with a recurrent mixer; nil if there are none.
  package var recurrence: Recurrence?
  /// What the configuration multiplies some activations by; a GGUF has it in the weights. Nil if there are no such numbers.
  package var multipliers: Multipliers?

  package struct Recurrence: Hashable, Sendable {
    package var layers: Set<Int>
    /// The layers with attention; nil: all others.
    package var attentionLayers: Set<Int>?
    package var mixer: RecurrentMixer

    init(layers: Set<Int>, attentionLayers: Set<Int>? = nil, _ mixer: RecurrentMixer) {
      self.layers = layers
      self.attentionLayers = attentionLayers
      self.mixer = mixer
    }

    /// The layers whose files hold decays, as logarithms in Hugging Face's.
    package var layersWithDecays: Set<Int> {
      switch mixer {
      case .mamba2, .gatedDelta: layers
      case .shortConvolution: []
      }
    }
  }

  /// The recurrent mixer of a model, with its numbers.
  package enum RecurrentMixer: Hashable, Sendable {
    case mamba2(Mamba2Shape)
    case shortConvolution(ShortConvolutionShape)
    case gatedDelta(GatedDeltaShape)
  }

  package func isRecurrent(_ layer: Int) -> Bool { recurrence?.layers.contains(layer) ?? false }

  package func hasAttention(_ layer: Int) -> Bool {
    recurrence?.attentionLayers?.contains(layer) ?? !isRecurrent(layer)
  }

  /// Whether a layer computes keys and values of its own, if it has attention.
  func hasOwnKeysAndValues(_ layer: Int) -> Bool { layer < layerCount - sharingLayerCount }

  package struct GlobalHeads: Hashable, Sendable {
    /// For each layer.
    package var isGlobal: [Bool]
    package var keyValueHeadCount: Int
    package var headDimension: Int
    package var hasValueProjection: Bool
  }

  /// With the heads of layers that see all positions.
  var global: Hyperparameters {
    guard let globalHeads else { return self }
    var h = self
    h.keyValueHeadCount = globalHeads.keyValueHeadCount
    h.headDimension = globalHeads.headDimension
    h.hasValueProjection = globalHeads.hasValueProjection
    return h
  }

  /// With the heads and the width of one layer.
  package func inLayer(_ index: Int) -> Hyperparameters {
    var h = globalHeads?.isGlobal[index] == true ? global : self
    if let width = networkSizes?[index] {
      if expertCount > 0 { h.sharedFeedForwardSize = width } else { h.feedForwardSize = width }
    }
    return h
  }

  /// The rows of the query projection.
  package var queryRowCount: Int { headCount * headDimension }
  /// The rows of the key projection and of the value projection.
  package var keyValueRowCount: Int { keyValueHeadCount * headDimension }

  /// Limits that keep every product of two of these numbers far from overflow.
  static let extent = 1...(1 << 24)
  static let layers = 1...(1 << 14)
}
