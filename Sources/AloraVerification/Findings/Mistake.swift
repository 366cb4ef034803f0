package import AloraInference

/// A known mistake of files and engines, as ``Diagnosis`` and the proof of sensitivity try it.
package enum Mistake: Hashable, Sendable {
  case adapterOff
  /// Every factor pair is applied with a scaling of 1.
  case scalingLeftOut
  /// The first adapted token is this many tokens after the invocation's start; before it if negative.
  case activationShifted(Int)
  /// The invocation doesn't occur, and the adapter is active from this position on.
  case activeAt(Int)
  case activeFromFirstToken
  case scaling(ScalingMistake)
  /// The scaling of one kind of module is multiplied.
  case scalingOfKind(ModuleKind, factor: Double)
  case factors(AdapterVariants.Change, ModuleGroup)
  /// Two kinds of modules have each other's factors.
  case exchangedKinds(ModuleKind, ModuleKind)
  case layerOrder(LayerOrder)
  /// The adapter's experts have each other's updates.
  case expertOrder(LayerOrder)
  /// The golden was computed with another graph, whatever the adapter.
  case graph(GraphMistake)
  /// The golden was computed without the update of these modules.
  case updateLeftOut(ModuleGroup)
}

/// The golden was made with the adapter's scaling times a factor.
package struct ScalingMistake: Hashable, Sendable {
  /// A possible origin of the factor.
  package enum Origin: String, Sendable {
    case unknown
    /// The factor is the square root of the rank: perhaps the adapter lost rank-stabilized scaling.
    case rankStabilizedLeftOut = "rank-stabilized-left-out"
    /// The factor is one over it: the adapter has rank-stabilized scaling, the golden doesn't.
    case rankStabilizedAdded = "rank-stabilized-added"
  }

  package let factor: Double
  package let origin: Origin

  init(factor: Double, largestRank: Int) {
    self.factor = factor
    let root = Double(largestRank).squareRoot()
    origin =
      largestRank <= 1
      ? .unknown
      : abs(factor / root - 1) < 5e-3
        ? .rankStabilizedLeftOut : abs(factor * root - 1) < 5e-3 ? .rankStabilizedAdded : .unknown
  }
}

/// Modules that share a mistake.
package enum ModuleGroup: Hashable, Sendable {
  case all
  case kinds([ModuleKind])
  case layer(Int)
  case module(layer: Int, ModuleKind)
}

extension Mistake {
  /// The mistakes that the proof of sensitivity tries, in the order of reports.
  static let provable: [Mistake] = [
    .adapterOff, .scalingLeftOut, .activationShifted(1), .activationShifted(-1), .activeFromFirstToken,
  ]
}
