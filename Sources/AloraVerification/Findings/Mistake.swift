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

/// What engines get wrong about a model, with or without an adapter.
package enum GraphMistake: Hashable, Sendable {
  case sinksLeftOut
  /// Windows are this many tokens longer.
  case windowsChanged(by: Int)
  case windowsLeftOut
  case gateAndUpExchanged
  case clampLeftOut
  case routerBiasLeftOut
  case routingWeightsChanged
  case expertOrder(LayerOrder)
}

/// Modules that share a mistake.
package enum ModuleGroup: Hashable, Sendable {
  case all
  case kinds([ModuleKind])
  case layer(Int)
  case module(layer: Int, ModuleKind)
}

/// An order of layers, or of experts, that isn't the model's.
package enum LayerOrder: String, CaseIterable, Sendable {
  /// What belongs to number i is at i + 1, or at i − 1.
  case oneLate = "one-late"
  case oneEarly = "one-early"
  case reversed
  /// They are sorted by their numbers as text (1, 10, 11, 2), or such an order was undone once too often.
  case sortedAsText = "sorted-as-text"
  case unsortedAsText = "unsorted-as-text"
}

extension Mistake {
  /// The mistakes that the proof of sensitivity tries, in the order of reports.
  static let provable: [Mistake] = [
    .adapterOff, .scalingLeftOut, .activationShifted(1), .activationShifted(-1), .activeFromFirstToken,
  ]
}

extension LayerOrder {
  /// The orders of `count` items that change something: number i gets what `order[i]` has.
  static func orders(of count: Int) -> [(name: LayerOrder, order: [Int])] {
    guard count > 1 else { return [] }
    let numbers = Array(0..<count)
    let asText = numbers.sorted { String($0) < String($1) }
    let places = numbers.map { number in asText.firstIndex(of: number) ?? number }
    return [
      (.oneLate, numbers.map { ($0 + 1) % count }),
      (.oneEarly, numbers.map { ($0 + count - 1) % count }),
      (.reversed, numbers.reversed()),
      (.sortedAsText, places),
      (.unsortedAsText, asText),
    ].filter { $0.1 != numbers }
  }
}
