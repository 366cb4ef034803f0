/// The half of a layer that acts on each position alone. The evaluator has one file for each kind.
package enum FeedForward<Matrix, Vector> {
  case gated(GatedNetwork<Matrix>)
  case experts(ExpertMixture<Matrix, Vector>)
  case ungated(UngatedNetwork<Matrix>)
  case layerInput(LayerInputNetwork<Matrix>)
  case bottleneck(BottleneckNetwork<Matrix, Vector>)

  func map<NewMatrix, NewVector>(
    matrix: (Matrix) throws -> NewMatrix, vector: (Vector) throws -> NewVector
  ) rethrows -> FeedForward<NewMatrix, NewVector> {
    switch self {
    case .gated(let network): .gated(try network.map(matrix))
    case .experts(let mixture): .experts(try mixture.map(matrix: matrix, vector: vector))
    case .ungated(let network): .ungated(try network.map(matrix))
    case .layerInput(let network): .layerInput(try network.map(matrix))
    case .bottleneck(let network): .bottleneck(try network.map(matrix: matrix, vector: vector))
    }
  }
}

/// down · (activation (cut-off (gateMultiplier · (gate · x))) * (up · x))
package struct GatedNetwork<Matrix> {
  package var gate: Matrix
  package var up: Matrix
  package var down: Matrix
  package var activation: GateActivation
  package var gateMultiplier: Float = 1
  /// A number of standard deviations. What of a row lies above its mean by more than that is left, less the limit; the rest
  /// is 0. Nil for no cut-off.
  package var cutOff: Float?

  package init(
    gate: Matrix, up: Matrix, down: Matrix, activation: GateActivation, gateMultiplier: Float = 1, cutOff: Float? = nil
  ) {
    self.gate = gate
    self.up = up
    self.down = down
    self.activation = activation
    self.gateMultiplier = gateMultiplier
    self.cutOff = cutOff
  }

  func map<NewMatrix>(_ matrix: (Matrix) throws -> NewMatrix) rethrows -> GatedNetwork<NewMatrix> {
    GatedNetwork<NewMatrix>(
      gate: try matrix(gate), up: try matrix(up), down: try matrix(down), activation: activation,
      gateMultiplier: gateMultiplier, cutOff: cutOff)
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

/// x + norm (up · (down · x)): a second, narrow path beside another block.
package struct BottleneckNetwork<Matrix, Vector> {
  package var down: Matrix
  package var up: Matrix
  package var norm: Norm<Vector>

  func map<NewMatrix, NewVector>(
    matrix: (Matrix) throws -> NewMatrix, vector: (Vector) throws -> NewVector
  ) rethrows -> BottleneckNetwork<NewMatrix, NewVector> {
    BottleneckNetwork<NewMatrix, NewVector>(
      down: try matrix(down), up: try matrix(up), norm: try norm.map(vector))
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

extension GatedNetwork: Sendable where Matrix: Sendable {}
extension UngatedNetwork: Sendable where Matrix: Sendable {}
extension BottleneckNetwork: Sendable where Matrix: Sendable, Vector: Sendable {}
extension FeedForward: Sendable where Matrix: Sendable, Vector: Sendable {}
