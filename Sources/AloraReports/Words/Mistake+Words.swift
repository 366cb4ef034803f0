internal import AloraInference
internal import AloraVerification

extension Mistake {
  /// A noun phrase.
  var name: String {
    switch self {
    case .adapterOff: "adapter off"
    case .scalingLeftOut: "scaling left out"
    case .activationShifted(let count): "activation \(Self.shift(count))"
    case .activeAt(let position): "activation at position \(position)"
    case .activeFromFirstToken: "adapter active from the first token"
    case .scaling(let scaling): "\(Figure(scaling.factor, digits: 4)) × the adapter's scaling"
    case .scalingOfKind(let kind, let factor): "\(Figure(factor)) × the scaling of \(kind.name)"
    case .factors(let change, let group): change.text(group.text)
    case .exchangedKinds(let one, let other): "factors of \(one.name) and \(other.name) exchanged"
    case .layerOrder(let order): order.text
    case .expertOrder(let order): order.textOfExperts
    case .graph(let mistake): mistake.text
    case .updateLeftOut(let group): "update of \(group.text) left out"
    }
  }

  /// The cause to report if a golden shows this mistake.
  ///
  /// - Parameter item: the prompt.
  func cause(_ item: CaseReport?) -> String {
    switch self {
    case .adapterOff: return "the golden was made with the adapter off"
    case .scalingLeftOut: return "the golden was made without the adapter's scaling"
    case .activationShifted(let count):
      let text = "the golden was made with the activation \(Self.shift(count))"
      guard abs(count) > 1, let start = item?.activationStart else { return text }
      return "\(text), at position \(start + count); perhaps with other invocation tokens"
    case .activeAt(let position):
      return "the golden was made with the adapter active from position \(position): other invocation tokens"
    case .activeFromFirstToken: return "the golden was made with the adapter active from the first token"
    case .scaling(let scaling):
      let text = "the golden was made with \(Figure(scaling.factor, digits: 4)) × this adapter's scaling"
      switch scaling.origin {
      case .unknown: return text
      case .rankStabilizedLeftOut:
        return "\(text), which is √rank: perhaps the adapter lost rank-stabilized scaling (use_rslora)"
      case .rankStabilizedAdded:
        return "\(text), which is 1/√rank: perhaps the golden lacks the adapter's rank-stabilized scaling (use_rslora)"
      }
    case .scalingOfKind(let kind, let factor):
      return "the golden was made with \(Figure(factor)) × the scaling of \(kind.name): perhaps the adapter lost an "
        + "alpha_pattern or rank_pattern"
    case .factors(let change, let group): return change.text(group.text)
    case .exchangedKinds(let one, let other): return "the factors of \(one.name) and \(other.name) are exchanged"
    case .layerOrder(let order): return order.text
    case .expertOrder(let order): return "in the adapter, \(order.textOfExperts)"
    case .graph(let mistake): return "the golden was made with another computation of the model: \(mistake.text)"
    case .updateLeftOut(let group): return "the golden was made without the update of \(group.text)"
    }
  }

  private static func shift(_ count: Int) -> String {
    "\(abs(count) == 1 ? "one token" : "\(abs(count)) tokens") \(count > 0 ? "late" : "early")"
  }
}

extension ModuleGroup {
  /// As GGUF names the tensors.
  var text: String {
    switch self {
    case .all: "every module"
    case .kinds(let kinds): kinds.map(\.name).joined(separator: " and ")
    case .layer(let layer): "blk.\(layer)"
    case .module(let layer, let kind): "blk.\(layer).\(kind.name)"
    }
  }
}

extension LayerOrder {
  fileprivate var text: String {
    switch self {
    case .oneLate: "the update of layer i is at layer i + 1"
    case .oneEarly: "the update of layer i is at layer i − 1"
    case .reversed: "the layers are in reverse order"
    case .sortedAsText: "the layers are sorted by their numbers as text (1, 10, 11, 2)"
    case .unsortedAsText: "the layers were sorted by their numbers as text (1, 10, 11, 2) when the golden was made"
    }
  }
}

extension LayerOrder {
  fileprivate var textOfExperts: String {
    switch self {
    case .oneLate: "expert i is used instead of expert i + 1"
    case .oneEarly: "expert i is used instead of expert i − 1"
    case .reversed: "the experts are in reverse order"
    case .sortedAsText: "the experts are sorted by their numbers as text (1, 10, 11, 2)"
    case .unsortedAsText: "the experts were sorted by their numbers as text (1, 10, 11, 2) when the golden was made"
    }
  }
}

extension GraphMistake {
  fileprivate var text: String {
    switch self {
    case .sinksLeftOut: "attention sinks left out"
    case .windowsChanged(let count):
      "sliding windows \(abs(count) == 1 ? "one token" : "\(abs(count)) tokens") \(count > 0 ? "longer" : "shorter")"
    case .windowsLeftOut: "sliding windows left out"
    case .gateAndUpExchanged: "gate and up of the feed-forward networks exchanged"
    case .clampLeftOut: "the limits of the experts' activation left out (swiglu_limit)"
    case .routerBiasLeftOut: "the routers' biases left out"
    case .routingWeightsChanged: "the weights of the chosen experts normalized, or not, against norm_topk_prob"
    case .expertOrder(let order): order.textOfExperts
    case .recurrent(let mistake): mistake.text
    }
  }
}

extension RecurrentMistake {
  fileprivate var text: String {
    switch self {
    case .convolutionLate: "the convolution's window ends one token early"
    case .convolutionReversed: "the convolution's weights in reverse order"
    case .convolutionBiasLeftOut: "the convolution's bias left out"
    case .stateNotCarried: "recurrent states not carried from token to token"
    case .decayLeftOut: "the decay of recurrent states left out"
    case .gateLeftOut: "the gate of the mixers' outputs left out"
    case .skipLeftOut: "the inputs that bypass the state left out (D)"
    case .normMoved: "the mixers' norm on the wrong side of the gate"
    case .valueHeadsReordered: "value heads matched with the wrong key heads (grouped instead of tiled, or the reverse)"
    }
  }
}

extension AdapterVariants.Change {
  fileprivate func text(_ modules: String) -> String {
    switch self {
    case .exchanged: "A and B of \(modules) are exchanged, each transposed"
    case .transposedA: "A of \(modules) is transposed"
    case .transposedB: "B of \(modules) is transposed"
    case .transposed: "A and B of \(modules) are transposed"
    case .unpermuted: "the rows of \(modules) lack GGUF's permutation of attention heads"
    case .permutedTwice: "the rows of \(modules) have GGUF's permutation of attention heads twice"
    case .truncated: "factors were truncated to BF16 instead of rounded"
    }
  }
}
