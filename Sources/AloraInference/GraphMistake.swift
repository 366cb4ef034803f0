internal import AloraModels

/// A mistake that engines are known to make in a model's graph, with or without an adapter.
package enum GraphMistake: Hashable, Sendable {
  /// Attention without its sinks.
  case sinksLeftOut
  /// Windows or chunks this many tokens longer.
  case windowsChanged(by: Int)
  case windowsLeftOut
  /// Gate and up of feed-forward networks have each other's weights.
  case gateAndUpExchanged
  /// Activations without their limits.
  case clampLeftOut
  case routerBiasLeftOut
  /// The weights of the chosen experts sum to 1 although they shouldn't, or the reverse.
  case routingWeightsChanged
  /// The experts have each other's weights.
  case expertOrder(LayerOrder)
  /// One in recurrent layers.
  case recurrent(RecurrentMistake)
}

extension Model {
  /// How many experts its layers have; 0 for a model without any.
  package var expertCount: Int { blockSizes.expertCount }

  /// The same weights in a graph with a mistake; nil if the model has nothing to get wrong.
  package func with(_ mistake: GraphMistake) -> Model? {
    var isChanged = false
    let changed = layers.map { layer in
      Layer(
        blocks: layer.blocks.map { block in
          guard let operation = block.operation.with(mistake) else { return block }
          isChanged = true
          var changed = block
          changed.operation = operation
          return changed
        })
    }
    return isChanged ? Model(self, layers: changed) : nil
  }
}

extension Model.Block.Operation where Matrix == WeightMatrix, Vector == FloatBuffer {
  /// Nil if it stays as it is.
  fileprivate func with(_ mistake: GraphMistake) -> Self? {
    switch self {
    case .mixer(.attention(let attention)): attention.with(mistake).map { .mixer(.attention($0)) }
    case .mixer(.mamba2(let mamba)): mamba.with(mistake).map { .mixer(.mamba2($0)) }
    case .mixer(.shortConvolution(let mixer)): mixer.with(mistake).map { .mixer(.shortConvolution($0)) }
    case .mixer(.gatedDelta(let delta)): delta.with(mistake).map { .mixer(.gatedDelta($0)) }
    case .feedForward(.ungated), .feedForward(.layerInput), .feedForward(.bottleneck), .streams: nil
    case .feedForward(.gated(let network)): network.with(mistake).map { .feedForward(.gated($0)) }
    case .feedForward(.experts(let mixture)): mixture.with(mistake).map { .feedForward(.experts($0)) }
    }
  }
}

extension Attention where Matrix == WeightMatrix, Vector == FloatBuffer {
  fileprivate func with(_ mistake: GraphMistake) -> Self? {
    var changed = self
    switch mistake {
    case .sinksLeftOut:
      guard sinks != nil else { return nil }
      changed.sinks = nil
    case .windowsChanged(let count):
      guard let length = shape.window ?? shape.chunk, length + count > 0 else { return nil }
      changed.shape.window = shape.window.map { $0 + count }
      changed.shape.chunk = shape.chunk.map { $0 + count }
    case .windowsLeftOut:
      guard shape.window != nil || shape.chunk != nil else { return nil }
      (changed.shape.window, changed.shape.chunk) = (nil, nil)
    case .recurrent(.gateLeftOut):
      guard outputGate != nil else { return nil }
      changed.outputGate = nil
    default: return nil
    }
    return changed
  }
}

extension GatedNetwork where Matrix == WeightMatrix {
  fileprivate func with(_ mistake: GraphMistake) -> Self? {
    var changed = self
    switch mistake {
    case .gateAndUpExchanged: (changed.gate, changed.up) = (up, gate)
    case .clampLeftOut:
      guard case .clampedSwish(let slope, let limit) = activation, limit < .infinity else { return nil }
      changed.activation = .clampedSwish(slope: slope, limit: .infinity)
    default: return nil
    }
    return changed
  }
}

extension ExpertMixture where Matrix == WeightMatrix, Vector == FloatBuffer {
  fileprivate func with(_ mistake: GraphMistake) -> Self? {
    var changed = self
    switch mistake {
    case .gateAndUpExchanged, .clampLeftOut:
      // The network that all tokens share has names of its own in files, so it isn't exchanged along with the experts.
      let networks = experts.compactMap { $0.with(mistake) }
      guard networks.count == experts.count else { return nil }
      changed.experts = networks
    case .routerBiasLeftOut:
      guard router.bias != nil else { return nil }
      changed.router = WeightMatrix(withoutBias: router)
    case .routingWeightsChanged:
      switch routing.weights {
      case .softmaxOfAll: changed.routing.weights = .softmaxOfChosen
      case .softmaxOfChosen: changed.routing.weights = .softmaxOfAll
      case .sigmoidOnInput: return nil
      case .scores(var scores):
        scores.normalization = scores.normalization == nil ? ExpertScores.usualSum : nil
        changed.routing.weights = .scores(scores)
      }
    case .expertOrder(let name):
      guard let found = LayerOrder.orders(of: experts.count).first(where: { $0.name == name }) else { return nil }
      changed.experts = found.order.map { experts[$0] }
    default: return nil
    }
    return changed
  }
}
