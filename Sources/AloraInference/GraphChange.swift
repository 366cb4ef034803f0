internal import AloraModels

/// Something about a model's graph that engines are known to get wrong.
package enum GraphChange: Hashable, Sendable {
  /// Attention without its sinks.
  case sinksLeftOut
  /// Windows this many tokens longer.
  case windowsChanged(by: Int)
  case windowsLeftOut
  /// Gate and up of feed-forward networks have each other's weights.
  case gateAndUpExchanged
  /// Activations without their limits.
  case clampLeftOut
  case routerBiasLeftOut
  /// The weights of the chosen experts sum to 1 where they shouldn't, or the reverse.
  case routingWeightsChanged
  /// Expert i has the weights of expert `order[i]`.
  case experts(order: [Int])
}

extension Model {
  /// How many experts its layers have; 0 for a model without any.
  package var expertCount: Int { blockSizes.expertCount }

  /// The same weights with a change of the graph; nil if the model has nothing to change.
  package func with(_ change: GraphChange) -> Model? {
    var isChanged = false
    let changed = layers.map { layer in
      Layer(
        blocks: layer.blocks.map { block in
          guard let operation = block.operation.with(change) else { return block }
          isChanged = true
          return Block(
            input: block.input, operation: operation, outputNorm: block.outputNorm, residualScale: block.residualScale)
        })
    }
    return isChanged ? Model(self, layers: changed) : nil
  }
}

extension Model.Block.Operation where Matrix == WeightMatrix, Vector == FloatBuffer {
  /// Nil if it stays as it is.
  fileprivate func with(_ change: GraphChange) -> Self? {
    switch self {
    case .mixer(.attention(let attention)): attention.with(change).map { .mixer(.attention($0)) }
    case .feedForward(.gated(let network)): network.with(change).map { .feedForward(.gated($0)) }
    case .feedForward(.experts(let mixture)): mixture.with(change).map { .feedForward(.experts($0)) }
    }
  }
}

extension Attention where Matrix == WeightMatrix, Vector == FloatBuffer {
  fileprivate func with(_ change: GraphChange) -> Self? {
    var changed = self
    switch change {
    case .sinksLeftOut:
      guard sinks != nil else { return nil }
      changed.sinks = nil
    case .windowsChanged(let count):
      guard let window = shape.window, window + count > 0 else { return nil }
      changed.shape.window = window + count
    case .windowsLeftOut:
      guard shape.window != nil else { return nil }
      changed.shape.window = nil
    default: return nil
    }
    return changed
  }
}

extension GatedNetwork where Matrix == WeightMatrix {
  fileprivate func with(_ change: GraphChange) -> Self? {
    var changed = self
    switch change {
    case .gateAndUpExchanged: (changed.gate, changed.up) = (up, gate)
    case .clampLeftOut:
      guard case .clampedSwish(let slope, let limit) = activation, limit < .infinity else { return nil }
      changed.activation = .clampedSwish(slope: slope, limit: .infinity)
    default: return nil
    }
    return changed
  }
}

extension ExpertMixture where Matrix == WeightMatrix {
  fileprivate func with(_ change: GraphChange) -> Self? {
    var changed = self
    switch change {
    case .gateAndUpExchanged, .clampLeftOut:
      let networks = experts.compactMap { $0.with(change) }
      guard networks.count == experts.count else { return nil }
      changed.experts = networks
    // What all tokens share comes from other files' names, and isn't exchanged with it.
    case .routerBiasLeftOut:
      guard router.bias != nil else { return nil }
      changed.router = WeightMatrix(withoutBias: router)
    case .routingWeightsChanged:
      changed.routing.weights = routing.weights == .softmaxOfAll ? .softmaxOfChosen : .softmaxOfAll
    case .experts(let order):
      guard order.count == experts.count, order != Array(experts.indices) else { return nil }
      changed.experts = order.map { experts[$0] }
    default: return nil
    }
    return changed
  }
}
