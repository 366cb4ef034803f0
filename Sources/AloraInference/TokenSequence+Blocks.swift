internal import AloraModels

/// Keys and values of a block of positions, as a cache holds them.
///
/// Positions that a cache knows no longer change; a sequence may still be writing the positions after them.
package struct KVBlockHandle: Sendable {
  let block: KVBlock

  /// Whether both are the same memory.
  package func isSame(as other: KVBlockHandle) -> Bool { block === other.block }
}

extension TokenSequence {
  /// How many positions a block has.
  package static var blockPositionCount: Int { KVLayout.blockPositions }

  /// The blocks of the computed tokens; the last may be partly filled.
  package var blockHandles: [KVBlockHandle] { blocks.map { KVBlockHandle(block: $0) } }

  /// A sequence that begins with positions that were computed before.
  ///
  /// Full blocks are shared; of a last one that is needed in part, that part is copied.
  /// - Parameters:
  ///   - tokens: the tokens of the positions.
  ///   - blocks: one for each 32 of them. It is the caller's duty that these tokens and this sequence's weights made them.
  ///   - snapshots: of their states, by position; for a model with recurrent layers, the last one is after all the tokens.
  package convenience init(
    model: Model, adapter: Adapter?, activationStart: Int?, declaredLength: Int, tokens: [Int],
    blocks given: [KVBlockHandle], snapshots: [RecurrentSnapshot] = []
  ) {
    self.init(model: model, adapter: adapter, activationStart: activationStart, declaredLength: declaredLength)
    let (fullCount, rest) = tokens.count.quotientAndRemainder(dividingBy: KVLayout.blockPositions)
    precondition(given.count == fullCount + (rest > 0 ? 1 : 0), "as many blocks as the tokens need")
    blocks = given.prefix(fullCount).map(\.block)
    if rest > 0 { blocks.append(KVBlock(given[fullCount].block, layout, positions: rest)) }
    self.tokens = tokens
    computedCount = tokens.count
    self.snapshots = snapshots
    state = snapshots.last?.state
    precondition(!model.isRecurrent || (snapshots.last?.position ?? 0) == tokens.count, "the state after the tokens")
    fillTable(capacity: blocks.count)
  }
}

extension Model {
  /// What a block of the cache takes: keys and values of 32 positions.
  ///
  /// Units: bytes.
  package var cacheBlockByteCount: Int { cacheLayout.floatCount * MemoryLayout<Float>.size }

  /// How many tokens have room for their keys and values in that memory; at least one.
  ///
  /// - Parameter byteLimit: the memory's size in bytes.
  package func cachedTokenCount(byteLimit: Int) -> Int {
    max(1, byteLimit / max(1, cacheBlockByteCount / TokenSequence.blockPositionCount))
  }

  /// How many floats the keys and values of some positions are, for all layers and heads.
  package func cacheFloatCount(positionCount: Int) -> Int {
    cacheLayout.layers.reduce(0) { $0 + $1.headCount * positionCount * 2 * $1.headDimension }
  }

  /// Which of its rotary embeddings take their long frequencies in a text of this length. Keys of texts that differ in
  /// it are not exchangeable.
  package func longRotaries(length: Int) -> [Bool] { graph.parameters.rotaries.map { $0.isLong(length: length) } }
}

extension KVBlockHandle {
  /// A block with given contents, as ``floats(of:positionCount:)`` gives them.
  package init(model: Model, floats: [Float], positionCount: Int) {
    let layout = model.cacheLayout
    precondition(floats.count == model.cacheFloatCount(positionCount: positionCount), "a float for each key and value")
    block = KVBlock(layout)
    var index = 0
    Self.forEachOffset(layout, positionCount: positionCount) { offset in
      unsafe block.memory.base[offset] = floats[index]
      index += 1
    }
  }

  /// The keys and values of a block's first positions, in an order that depends on no kernel.
  ///
  /// Shape: `[layers, heads, positions, 2 · head dimension]`, the key, then the value.
  package func floats(of model: Model, positionCount: Int) -> [Float] {
    var floats: [Float] = []
    floats.reserveCapacity(model.cacheFloatCount(positionCount: positionCount))
    Self.forEachOffset(model.cacheLayout, positionCount: positionCount) { floats.append(unsafe block.memory.base[$0]) }
    return floats
  }

  /// Where each of them lies in the block, as ``TokenSequence/entry(layer:head:position:)`` reads it.
  private static func forEachOffset(_ layout: KVLayout, positionCount: Int, _ body: (Int) -> Void) {
    let slots = KVLayout.blockPositions
    layout.forEachHead { layer, keys in
      let values = keys + layer.keyFloatCount
      for slot in 0..<positionCount {
        for dimension in 0..<layer.headDimension { body(keys + dimension * slots + slot) }
        for dimension in 0..<layer.headDimension {
          body(values + slot * 32 + dimension / 32 * slots * 32 + dimension % 32)
        }
      }
    }
  }
}

extension ModelGraph {
  var cacheLayout: KVLayout {
    KVLayout(
      layers.map { layer in
        guard let attention = layer.attention, attention.sharedLayer == nil else { return (0, 0) }
        return (attention.shape.keyValueHeadCount, attention.shape.headDimension)
      })
  }
}
