internal import AloraModels
internal import CAloraKernels

/// Where the states of a model's recurrent layers lie in its memory.
struct RecurrentLayout: Hashable, Sendable {
  /// The state of one layer.
  struct Layer: Hashable, Sendable {
    /// The convolution's earlier rows: [rows][channels].
    let historyOffset: Int
    let historyRowCount: Int
    let channelCount: Int
    /// The heads' states, one after the other, each [states][padded row].
    let headOffset: Int
    let headCount: Int
    let stateSize: Int
    let headDimension: Int

    var paddedRow: Int { alora_scan_row_float_count(headDimension) }
    /// The floats of one head, with padding.
    var headFloatCount: Int { stateSize * paddedRow }
    /// The floats of all, without padding.
    var elementCount: Int { historyRowCount * channelCount + headCount * stateSize * headDimension }
  }

  /// For each layer of the model; nil for one without a state.
  let layers: [Layer?]
  let floatCount: Int
  /// Without padding.
  let elementCount: Int

  /// What a mixer keeps from token to token.
  struct Kept {
    var kernelSize: Int
    var channelCount: Int
    var heads: (count: Int, stateSize: Int, dimension: Int) = (0, 0, 0)
  }

  /// - Parameter mixers: one for each layer.
  init(_ mixers: [Kept?]) {
    var offset = 0
    layers = mixers.map { kept in
      guard let kept else { return nil }
      let history = (kept.kernelSize - 1) * kept.channelCount
      // Heads begin at a cache line.
      let heads = offset + (history + 15) / 16 * 16
      let layer = Layer(
        historyOffset: offset, historyRowCount: kept.kernelSize - 1, channelCount: kept.channelCount,
        headOffset: heads, headCount: kept.heads.count, stateSize: kept.heads.stateSize,
        headDimension: kept.heads.dimension)
      offset = heads + layer.headCount * layer.headFloatCount
      return layer
    }
    // A convolution over one token keeps nothing, but its layer has a state.
    floatCount = layers.contains { $0 != nil } ? max(offset, 16) : 0
    elementCount = layers.reduce(0) { $0 + ($1?.elementCount ?? 0) }
  }

  /// Where each element lies, layer by layer: the history's rows, then the heads.
  func forEachOffset(_ body: (Int) -> Void) {
    for case let layer? in layers {
      for index in 0..<(layer.historyRowCount * layer.channelCount) { body(layer.historyOffset + index) }
      for head in 0..<layer.headCount {
        for row in 0..<layer.stateSize {
          let first = layer.headOffset + head * layer.headFloatCount + row * layer.paddedRow
          for index in first..<(first + layer.headDimension) { body(index) }
        }
      }
    }
  }
}

extension RecurrentLayout {
  init<Matrix, Vector>(of layers: [AloraModels.Layer<Matrix, Vector>]) {
    self.init(layers.map { layer in layer.blocks.lazy.compactMap { $0.operation.kept }.first })
  }
}

extension Block.Operation {
  fileprivate var kept: RecurrentLayout.Kept? {
    switch self {
    case .mixer(.mamba2(let mamba)):
      let shape = mamba.shape
      return RecurrentLayout.Kept(
        kernelSize: shape.kernelSize, channelCount: shape.channelCount,
        heads: (shape.headCount, shape.stateSize, shape.headDimension))
    case .mixer(.gatedDelta(let mixer)):
      let shape = mixer.shape
      return RecurrentLayout.Kept(
        kernelSize: shape.kernelSize, channelCount: shape.channelCount,
        heads: (shape.valueHeadCount, shape.keyDimension, shape.valueDimension))
    case .mixer(.shortConvolution(let mixer)):
      return RecurrentLayout.Kept(kernelSize: mixer.shape.kernelSize, channelCount: mixer.shape.channelCount)
    case .mixer(.attention), .feedForward, .streams: return nil
    }
  }
}

/// The states of all recurrent layers after some token. Only the pass that makes it writes to it.
final class RecurrentState: Sendable {
  let memory: FloatBuffer

  /// All zeros: the state before the first token.
  init(_ layout: RecurrentLayout) { memory = FloatBuffer(count: layout.floatCount, isZeroed: true) }
}

/// The states of a model's recurrent layers after a text's first tokens. A function of these tokens and of the weights that
/// each was computed with.
package struct RecurrentSnapshot: Sendable {
  /// How many tokens it has seen.
  package let position: Int
  let state: RecurrentState

  init(position: Int, state: RecurrentState) {
    self.position = position
    self.state = state
  }

  /// Whether both are the same memory.
  package func isSame(as other: RecurrentSnapshot) -> Bool { state === other.state }

  /// A snapshot with given elements, as ``floats(of:)`` gives them.
  package init(model: Model, position: Int, floats: [Float]) {
    precondition(floats.count == model.stateFloatCount, "a float for each element")
    self.position = position
    state = RecurrentState(model.recurrentLayout)
    var index = 0
    model.recurrentLayout.forEachOffset { offset in
      unsafe state.memory.base[offset] = floats[index]
      index += 1
    }
  }

  /// The first layer with a bit that another snapshot doesn't have; nil if there is none.
  package func firstDifferentLayer(from other: RecurrentSnapshot, of model: Model) -> Int? {
    let (mine, theirs) = (floats(of: model), other.floats(of: model))
    guard let index = mine.indices.first(where: { mine[$0].bitPattern != theirs[$0].bitPattern }) else { return nil }
    var end = 0
    return model.recurrentLayout.layers.firstIndex { layer in
      end += layer?.elementCount ?? 0
      return index < end
    }
  }

  /// Its elements, layer by layer, in an order that depends on no kernel.
  package func floats(of model: Model) -> [Float] {
    var floats: [Float] = []
    floats.reserveCapacity(model.stateFloatCount)
    model.recurrentLayout.forEachOffset { floats.append(unsafe state.memory.base[$0]) }
    return floats
  }
}

extension Model {
  /// Whether some layers have a state instead of keys and values.
  package var isRecurrent: Bool { recurrentLayout.floatCount > 0 }

  /// What the states of all layers take.
  ///
  /// Units: bytes.
  package var stateByteCount: Int { recurrentLayout.floatCount * MemoryLayout<Float>.size }

  /// How many floats the states of all layers are.
  package var stateFloatCount: Int { recurrentLayout.elementCount }
}
