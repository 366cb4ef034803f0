/// The half of a layer that acts on each position alone. The evaluator has one file for each kind.
package enum FeedForward<Matrix> {
  case gated(GatedNetwork<Matrix>)
  case experts(ExpertMixture<Matrix>)
  case ungated(UngatedNetwork<Matrix>)

  func map<NewMatrix>(_ matrix: (Matrix) throws -> NewMatrix) rethrows -> FeedForward<NewMatrix> {
    switch self {
    case .gated(let network): .gated(try network.map(matrix))
    case .experts(let mixture): .experts(try mixture.map(matrix))
    case .ungated(let network): .ungated(try network.map(matrix))
    }
  }
}

/// down · (activation (gateMultiplier · (gate · x)) * (up · x))
package struct GatedNetwork<Matrix> {
  package var gate: Matrix
  package var up: Matrix
  package var down: Matrix
  package var activation: GateActivation
  package var gateMultiplier: Float = 1

  package init(gate: Matrix, up: Matrix, down: Matrix, activation: GateActivation, gateMultiplier: Float = 1) {
    self.gate = gate
    self.up = up
    self.down = down
    self.activation = activation
    self.gateMultiplier = gateMultiplier
  }

  func map<NewMatrix>(_ matrix: (Matrix) throws -> NewMatrix) rethrows -> GatedNetwork<NewMatrix> {
    GatedNetwork<NewMatrix>(
      gate: try matrix(gate), up: try matrix(up), down: try matrix(down), activation: activation,
      gateMultiplier: gateMultiplier)
  }
}

/// down · (r * r), r = max (up · x, 0)
package struct UngatedNetwork<Matrix> {
  package var up: Matrix
  package var down: Matrix

  func map<NewMatrix>(_ matrix: (Matrix) throws -> NewMatrix) rethrows -> UngatedNetwork<NewMatrix> {
    UngatedNetwork<NewMatrix>(up: try matrix(up), down: try matrix(down))
  }
}

/// The function on the gate of a feed-forward network.
package enum GateActivation: Hashable, Sendable {
  case silu
  /// GELU in its tanh form.
  case geluTanh
  /// gate · σ(slope · gate) · (up + 1), with the gate at most `limit` and `up` within ± `limit`.
  case clampedSwish(slope: Float, limit: Float)
}

/// A router that chooses a few of many networks for each token, and maybe a network that all tokens share.
package struct ExpertMixture<Matrix> {
  package var router: Matrix
  package var experts: [GatedNetwork<Matrix>]
  package var shared: GatedNetwork<Matrix>?
  /// One row, whose sigmoid the shared network's output is multiplied by; nil for 1.
  package var sharedGate: Matrix?
  package var routing: ExpertRouting

  package init(
    router: Matrix, experts: [GatedNetwork<Matrix>], shared: GatedNetwork<Matrix>?, sharedGate: Matrix? = nil,
    routing: ExpertRouting
  ) {
    self.router = router
    self.experts = experts
    self.shared = shared
    self.sharedGate = sharedGate
    self.routing = routing
  }

  func map<NewMatrix>(_ matrix: (Matrix) throws -> NewMatrix) rethrows -> ExpertMixture<NewMatrix> {
    ExpertMixture<NewMatrix>(
      router: try matrix(router), experts: try experts.map { try $0.map(matrix) }, shared: try shared?.map(matrix),
      sharedGate: try sharedGate.map(matrix), routing: routing)
  }
}

/// How a router's logits become the experts of a token: the best few, with their weights.
package struct ExpertRouting: Hashable, Sendable {
  /// What the contributions of the chosen experts are multiplied by.
  package enum Weights: Hashable, Sendable {
    /// The softmax of the chosen logits: they sum to 1.
    case softmaxOfChosen
    /// Their part of the softmax of all logits.
    case softmaxOfAll
    /// The sigmoid of their logits, which is what an expert's input is multiplied by, and not its output.
    case sigmoidOnInput
  }
  package var expertsPerToken: Int
  package var weights = Weights.softmaxOfChosen
}

extension FeedForward: Sendable where Matrix: Sendable {}
extension GatedNetwork: Sendable where Matrix: Sendable {}
extension UngatedNetwork: Sendable where Matrix: Sendable {}
extension ExpertMixture: Sendable where Matrix: Sendable {}
