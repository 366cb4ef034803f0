internal import AloraArchitectures

/// Keys and values of a block of positions, in the hands of a cache.
///
/// The positions that a cache was told of do not change any more; a sequence may be writing those behind them.
package struct KVBlockHandle: Sendable {
  let block: KVBlock

  /// Whether both are the same memory.
  package func isSame(as other: KVBlockHandle) -> Bool { block === other.block }
}

extension TokenSequence {
  /// How many positions a block has.
  package static var blockPositionCount: Int { KVLayout.blockPositions }

  /// The blocks of the tokens that were computed; the last may be partly filled.
  package var blockHandles: [KVBlockHandle] { blocks.map { KVBlockHandle(block: $0) } }

  /// A sequence that begins with positions that were computed before.
  ///
  /// Full blocks are shared; of a last one that is needed in part, that part is copied.
  /// - Parameters:
  ///   - tokens: the tokens of the positions.
  ///   - blocks: one for each 32 of them. It is the caller's duty that these tokens and this sequence's weights made them.
  package convenience init(
    model: Model, adapter: Adapter?, activationStart: Int?, declaredLength: Int, tokens: [Int],
    blocks given: [KVBlockHandle]
  ) {
    self.init(model: model, adapter: adapter, activationStart: activationStart, declaredLength: declaredLength)
    let (fullCount, rest) = tokens.count.quotientAndRemainder(dividingBy: KVLayout.blockPositions)
    precondition(given.count == fullCount + (rest > 0 ? 1 : 0), "as many blocks as the tokens need")
    blocks = given.prefix(fullCount).map(\.block)
    if rest > 0 { blocks.append(KVBlock(given[fullCount].block, layout, positions: rest)) }
    self.tokens = tokens
    fillTable(capacity: blocks.count)
  }
}

extension Model {
  /// What a block of the cache takes: keys and values of 32 positions.
  ///
  /// Units: bytes.
  public var cacheBlockByteCount: Int {
    let h = graph.base.hyperparameters
    return KVLayout(
      layerCount: h.layerCount, headCount: h.keyValueHeadCount, headDimension: h.headDimension
    ).floatCount * MemoryLayout<Float>.size
  }

  /// Which of its rotary embeddings take their long frequencies in a text of this length. Keys of texts that differ in
  /// it are not exchangeable.
  package func longRotaries(length: Int) -> [Bool] { graph.parameters.rotaries.map { $0.isLong(length: length) } }
}
