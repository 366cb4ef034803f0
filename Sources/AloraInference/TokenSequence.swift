internal import AloraSystem
internal import AloraModels
internal import CAloraKernels

/// A text as tokens, with the keys and values of those that were computed, and the states of recurrent layers.
///
/// Keys and values can be cut anywhere, a state can't. So a sequence that goes back continues from the last snapshot before
/// that place, and the evaluator computes the tokens in between again before any others. That gives the same bits.
///
/// Not for several threads at once.
@safe package final class TokenSequence {
  package let model: Model
  package let adapter: Adapter?
  /// The first adapted position; nil if the adapter is off. Positions before it are the base's, bit for bit.
  package let activationStart: Int?
  /// How long the text may become. Only models with two sets of rotary frequencies look at it: see ``RotaryEmbedding``.
  package let declaredLength: Int
  /// The text so far.
  package internal(set) var tokens: [Int] = []
  /// How many of the tokens have their keys, values and state; the evaluator computes the others before any more.
  package internal(set) var computedCount = 0

  /// After how many tokens a snapshot of the states is taken, again and again; nil: only at the activation start and at
  /// ``snapshotPositions``.
  package var snapshotInterval: Int?
  /// The largest number of those; the interval doubles if there are more.
  package var snapshotLimit = 8
  /// After how many tokens else.
  package var snapshotPositions: Set<Int> = []
  /// The states after `computedCount` tokens; nil before the first one, and for a model without recurrent layers.
  var state: RecurrentState?
  /// The state before, whose memory is used again.
  var previousState: RecurrentState?
  /// By position.
  var snapshots: [RecurrentSnapshot] = []

  let layout: KVLayout
  var blocks: [KVBlock] = []
  /// For each head of each layer, first the addresses of all key blocks, then of all value blocks: [heads][2][capacity]
  private var table: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>
  private var capacity: Int

  /// An empty sequence.
  ///
  /// - Parameters:
  ///   - activationStart: nil: the adapter is off. Ignored without an adapter.
  package init(model: Model, adapter: Adapter? = nil, activationStart: Int? = nil, declaredLength: Int) {
    self.model = model
    self.adapter = activationStart == nil ? nil : adapter
    self.activationStart = adapter == nil ? nil : activationStart.map { max(0, $0) }
    self.declaredLength = declaredLength
    layout = model.cacheLayout
    capacity = 0
    unsafe table = UnsafeMutablePointer.allocate(capacity: 1)
  }

  deinit { unsafe table.deallocate() }

  /// A sequence that begins with the first `count` tokens of another, without computing them again.
  ///
  /// Full blocks are shared; the used part of the last one is copied.
  /// - Throws: `foreignCache` if other weights than this sequence's made these positions.
  package convenience init(
    continuing other: TokenSequence, count: Int, adapter: Adapter? = nil, activationStart: Int? = nil,
    declaredLength: Int? = nil
  ) throws(InferenceError) {
    self.init(
      model: other.model, adapter: adapter, activationStart: activationStart,
      declaredLength: declaredLength ?? other.declaredLength)
    func refused(_ problem: String) -> InferenceError {
      InferenceError(
        .foreignCache, path: adapter?.path, problem: problem, remedy: "reuse no position from the activation on")
    }
    guard count >= 0, count <= other.tokens.count else {
      throw refused("cannot reuse \(count) positions of a sequence that has \(other.tokens.count)")
    }
    let mine = min(count, self.activationStart ?? count)
    let theirs = min(count, other.activationStart ?? count)
    guard mine == theirs, mine == count || self.adapter?.digest == other.adapter?.digest else {
      throw refused("some of the first \(count) positions were made by other weights")
    }
    for rotary in model.graph.parameters.rotaries
    where rotary.isLong(length: self.declaredLength) != rotary.isLong(length: other.declaredLength) {
      throw refused("the cached positions were rotated for a run of another length")
    }
    share(other, count: count)
  }

  /// A sequence that takes over positions whatever weights made them: what an engine computes that keeps too much.
  package convenience init(
    keeping count: Int, of other: TokenSequence, adapter: Adapter? = nil, activationStart: Int? = nil
  ) {
    precondition((0...other.tokens.count).contains(count))
    self.init(
      model: other.model, adapter: adapter, activationStart: activationStart, declaredLength: other.declaredLength)
    share(other, count: count)
  }

  private func share(_ other: TokenSequence, count: Int) {
    let resumption = other.resumption(atMost: count)
    let slots = KVLayout.blockPositions
    let (fullCount, rest) = resumption.position.quotientAndRemainder(dividingBy: slots)
    blocks = Array(other.blocks.prefix(fullCount))
    if rest > 0 { blocks.append(KVBlock(other.blocks[fullCount], layout, positions: rest)) }
    tokens = Array(other.tokens.prefix(count))
    computedCount = resumption.position
    state = resumption.state
    snapshots = other.allSnapshots.filter { $0.position <= count }
    fillTable(capacity: blocks.count)
  }

  /// Forgets all but the first `count` tokens.
  package func truncate(to count: Int) {
    guard count < tokens.count else { return }
    let count = max(0, count)
    let resumption = resumption(atMost: count)
    tokens = Array(tokens.prefix(count))
    snapshots.removeAll { $0.position > count }
    guard resumption.position < computedCount else { return }
    computedCount = resumption.position
    (state, previousState) = (resumption.state, nil)
    cutBlocks()
  }

  /// Drops what lies after the computed positions.
  private func cutBlocks() {
    let (fullCount, rest) = computedCount.quotientAndRemainder(dividingBy: KVLayout.blockPositions)
    let last = rest > 0 ? KVBlock(blocks[fullCount], layout, positions: rest) : nil
    blocks = Array(blocks.prefix(fullCount)) + (last.map { [$0] } ?? [])
    fillTable(capacity: capacity)
  }

  /// Which weights made which positions, block by block, split at the adapter's start.
  package var provenance: [KVProvenance] {
    var parts: [KVProvenance] = []
    let slots = KVLayout.blockPositions
    for first in stride(from: 0, to: tokens.count, by: slots) {
      let end = min(first + slots, tokens.count)
      let start = min(max(activationStart ?? end, first), end)
      for (range, isAdapted) in [(first..<start, false), (start..<end, true)] where !range.isEmpty {
        parts.append(
          KVProvenance(
            positions: range, tokens: Array(tokens[range]), adapterDigest: isAdapted ? adapter?.digest : nil,
            activationStart: isAdapted ? activationStart : nil))
      }
    }
    return parts
  }

  /// The cached key and value of a position for one head.
  ///
  /// Shape: `[2 · head dimension]`, the key, then the value.
  package func entry(layer: Int, head: Int, position: Int) -> [Float] {
    precondition(head < headCount(layer: layer) && position < computedCount)
    let slots = KVLayout.blockPositions
    let (block, slot) = position.quotientAndRemainder(dividingBy: slots)
    let keys = unsafe blocks[block].memory.base + layout.offset(layer: layer, head: head)
    let values = unsafe keys + layout.layers[layer].keyFloatCount + slot * 32
    let dimensions = 0..<layout.layers[layer].headDimension
    return dimensions.map { unsafe keys[$0 * slots + slot] }
      + dimensions.map { unsafe values[$0 / 32 * slots * 32 + $0 % 32] }
  }

  /// How many heads have keys and values in a layer.
  package func headCount(layer: Int) -> Int { layout.layers[layer].headCount }

  // MARK: For the graph

  /// Makes room for the next `count` tokens, whose keys and values are the caller's to compute.
  func reserve(_ count: Int) {
    let needed = (computedCount + count + KVLayout.blockPositions - 1) / KVLayout.blockPositions
    let old = blocks.count
    while blocks.count < needed { blocks.append(KVBlock(layout)) }
    if needed > capacity { return fillTable(capacity: max(needed, capacity * 2, 4)) }
    for block in old..<max(old, needed) { enter(block) }
  }

  /// Takes back the last tokens, whose computation failed.
  func dropLast(_ count: Int) {
    tokens.removeLast(count)
    cutBlocks()
  }

  func fillTable(capacity: Int) {
    let rows = layout.headCount * 2
    unsafe table.deallocate()
    unsafe table = UnsafeMutablePointer.allocate(capacity: max(1, rows * capacity))
    unsafe table.initialize(repeating: nil, count: max(1, rows * capacity))
    self.capacity = capacity
    for block in blocks.indices { enter(block) }
  }

  private func enter(_ block: Int) {
    var row = 0
    layout.forEachHead { layer, keys in
      let keys = unsafe blocks[block].memory.base + keys
      unsafe table[row + block] = unsafe keys
      unsafe table[row + capacity + block] = unsafe keys + layer.keyFloatCount
      row += 2 * capacity
    }
  }

  /// The addresses of one head's key blocks. Good until the next token is appended.
  func keyBlocks(layer: Int, head: Int) -> UnsafeMutablePointer<UnsafeMutablePointer<Float>?> {
    unsafe table + (layout.layers[layer].firstHead + head) * 2 * capacity
  }

  func valueBlocks(layer: Int, head: Int) -> UnsafeMutablePointer<UnsafeMutablePointer<Float>?> {
    unsafe keyBlocks(layer: layer, head: head) + capacity
  }
}
