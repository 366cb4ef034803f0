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

/// Makes a mistake in a convolution.
///
/// - Parameter weights: [kernel][channels].
/// - Returns: false if the mistake isn't one of a convolution, or changes nothing.
private func apply(
  _ mistake: RecurrentMistake, to weights: inout FloatBuffer, kernelSize: inout Int, channelCount: Int
) -> Bool {
  let (values, zeros) = (weights.values, [Float](repeating: 0, count: channelCount))
  switch mistake {
  case .convolutionLate:
    // One tap more, which is the window's last token.
    guard kernelSize < 32 else { return false }
    weights = FloatBuffer(values + zeros)
    kernelSize += 1
  case .convolutionReversed:
    guard kernelSize > 1 else { return false }
    let taps = (0..<kernelSize).map { values[($0 * channelCount)..<(($0 + 1) * channelCount)] }
    weights = FloatBuffer(Array(taps.reversed().joined()))
  case .stateNotCarried:
    guard kernelSize > 1 else { return false }
    let last = values.suffix(channelCount)
    weights = FloatBuffer(Array(repeatElement(zeros, count: kernelSize - 1).joined()) + last)
  default: return false
  }
  return true
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
    let isOfConvolution = apply(
      mistake, to: &changed.convolution, kernelSize: &changed.shape.kernelSize, channelCount: shape.channelCount)
    if let decay = decays(decay, with: mistake) { changed.decay = decay }
    switch mistake {
    case .convolutionLate, .convolutionReversed: return isOfConvolution ? changed : nil
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
        apply(
          mistake, to: &changed.convolution, kernelSize: &changed.shape.kernelSize, channelCount: shape.channelCount)
      else { return nil }
    }
    return changed
  }
}

extension GatedDelta where Matrix == WeightMatrix, Vector == FloatBuffer {
  func with(_ mistake: GraphMistake) -> Self? {
    guard let mistake = mistake.recurrent else { return nil }
    var changed = self
    let isOfConvolution = apply(
      mistake, to: &changed.convolution, kernelSize: &changed.shape.kernelSize, channelCount: shape.channelCount)
    if let decay = decays(decay, with: mistake) { changed.decay = decay }
    switch mistake {
    case .convolutionLate, .convolutionReversed: return isOfConvolution ? changed : nil
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
