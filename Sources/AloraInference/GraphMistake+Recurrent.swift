internal import AloraModels

/// A mistake that engines can make in recurrent layers.
package enum RecurrentMistake: String, CaseIterable, Sendable {
  /// The convolution's window ends one token early.
  case convolutionLate = "convolution-late"
  case convolutionReversed = "convolution-reversed"
  case convolutionBiasLeftOut = "convolution-bias-left-out"
  /// Each token begins with an empty state, and sees no token before it.
  case stateNotCarried = "state-not-carried"
  /// States don't fade.
  case decayLeftOut = "decay-left-out"
  /// Outputs without their gate, in the attention layers of such models, too.
  case gateLeftOut = "gate-left-out"
  /// The part of the input that goes straight to the output is missing.
  case skipLeftOut = "skip-left-out"
  /// The norm comes before the gate instead of after it, or the reverse.
  case normMoved = "norm-moved"
  /// Heads of values are taken as grouped by key heads although they aren't, or the reverse.
  case valueHeadsReordered = "value-heads-reordered"
}

extension GraphMistake {
  fileprivate var recurrent: RecurrentMistake? { if case .recurrent(let mistake) = self { mistake } else { nil } }
}

/// A convolution's weights, [kernel][channels].
private struct Convolution {
  var weights: FloatBuffer
  var kernelSize: Int
  let channelCount: Int

  /// With a mistake; nil if it isn't one of a convolution, or changes nothing.
  func with(_ mistake: RecurrentMistake) -> Convolution? {
    let (values, zeros) = (weights.values, [Float](repeating: 0, count: channelCount))
    var changed = self
    switch mistake {
    case .convolutionLate:
      // One tap more, which is the window's last token.
      guard kernelSize < 32 else { return nil }
      changed.weights = FloatBuffer(values + zeros)
      changed.kernelSize += 1
    case .convolutionReversed:
      guard kernelSize > 1 else { return nil }
      let taps = (0..<kernelSize).map { values[($0 * channelCount)..<(($0 + 1) * channelCount)] }
      changed.weights = FloatBuffer(Array(taps.reversed().joined()))
    case .stateNotCarried:
      guard kernelSize > 1 else { return nil }
      let last = values.suffix(channelCount)
      changed.weights = FloatBuffer(Array(repeatElement(zeros, count: kernelSize - 1).joined()) + last)
    default: return nil
    }
    return changed
  }
}

/// Decays of states: what a time step is multiplied by.
private func decays(_ decay: FloatBuffer, with mistake: RecurrentMistake) -> FloatBuffer? {
  switch mistake {
  // e ^ x is 0 then, for every time step.
  case .stateNotCarried: FloatBuffer([Float](repeating: -1e30, count: decay.count))
  case .decayLeftOut: FloatBuffer(count: decay.count, isZeroed: true)
  default: nil
  }
}

extension Mamba2 where Matrix == WeightMatrix, Vector == FloatBuffer {
  func with(_ mistake: GraphMistake) -> Self? {
    guard let mistake = mistake.recurrent else { return nil }
    var changed = self
    let convolution = Convolution(
      weights: convolution, kernelSize: shape.kernelSize, channelCount: shape.channelCount
    ).with(mistake)
    if let convolution {
      (changed.convolution, changed.shape.kernelSize) = (convolution.weights, convolution.kernelSize)
    }
    if let decay = decays(decay, with: mistake) { changed.decay = decay }
    switch mistake {
    case .convolutionLate, .convolutionReversed: return convolution == nil ? nil : changed
    case .stateNotCarried, .decayLeftOut: return changed
    case .convolutionBiasLeftOut:
      guard convolutionBias != nil else { return nil }
      changed.convolutionBias = nil
    case .gateLeftOut: changed.shape.isGated = false
    case .skipLeftOut: changed.skip = FloatBuffer(count: skip.count, isZeroed: true)
    case .normMoved:
      guard norm != nil else { return nil }
      changed.shape.normsBeforeGate.toggle()
    case .valueHeadsReordered: return nil
    }
    return changed
  }
}

extension ShortConvolution where Matrix == WeightMatrix, Vector == FloatBuffer {
  func with(_ mistake: GraphMistake) -> Self? {
    guard let mistake = mistake.recurrent else { return nil }
    var changed = self
    switch mistake {
    case .convolutionBiasLeftOut:
      guard convolutionBias != nil else { return nil }
      changed.convolutionBias = nil
    case .gateLeftOut: changed.shape.isGated = false
    default:
      guard
        let convolution = Convolution(
          weights: convolution, kernelSize: shape.kernelSize, channelCount: shape.channelCount
        ).with(mistake)
      else { return nil }
      (changed.convolution, changed.shape.kernelSize) = (convolution.weights, convolution.kernelSize)
    }
    return changed
  }
}

extension GatedDelta where Matrix == WeightMatrix, Vector == FloatBuffer {
  func with(_ mistake: GraphMistake) -> Self? {
    guard let mistake = mistake.recurrent else { return nil }
    var changed = self
    let convolution = Convolution(
      weights: convolution, kernelSize: shape.kernelSize, channelCount: shape.channelCount
    ).with(mistake)
    if let convolution {
      (changed.convolution, changed.shape.kernelSize) = (convolution.weights, convolution.kernelSize)
    }
    if let decay = decays(decay, with: mistake) { changed.decay = decay }
    switch mistake {
    case .convolutionLate, .convolutionReversed: return convolution == nil ? nil : changed
    case .stateNotCarried, .decayLeftOut: return changed
    case .gateLeftOut: changed.shape.isGated = false
    case .normMoved: changed.shape.normsBeforeGate.toggle()
    case .valueHeadsReordered:
      guard shape.valueHeadsPerKey > 1, shape.keyHeadCount > 1 else { return nil }
      changed.shape.isGrouped.toggle()
    case .convolutionBiasLeftOut, .skipLeftOut: return nil
    }
    return changed
  }
}
