internal import AloraSystem
internal import AloraModels
internal import CAloraKernels

/// A text as tokens, with the keys and values of those that were computed.
///
/// Not for several threads at once.
@safe package final class TokenSequence {
  package let model: Model
  package let adapter: Adapter?
  /// The first adapted position; nil if the adapter is off. Positions before it are the base's, bit for bit.
  package let activationStart: Int?
  /// How long the text may become. Only models with two sets of rotary frequencies look at it: see ``RotaryEmbedding``.
  package let declaredLength: Int
  /// The tokens that were computed.
  package internal(set) var tokens: [Int] = []

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
    layout = KVLayout(model)
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
    let slots = KVLayout.blockPositions
    blocks = Array(other.blocks.prefix(count / slots))
    if count % slots > 0 { blocks.append(KVBlock(other.blocks[count / slots], layout, positions: count % slots)) }
    tokens = Array(other.tokens.prefix(count))
    fillTable(capacity: blocks.count)
  }

  /// Forgets all but the first `count` tokens.
  package func truncate(to count: Int) {
    guard count < tokens.count else { return }
    let slots = KVLayout.blockPositions
    let last = count % slots > 0 ? KVBlock(blocks[count / slots], layout, positions: count % slots) : nil
    blocks = Array(blocks.prefix(count / slots)) + (last.map { [$0] } ?? [])
    tokens = Array(tokens.prefix(max(0, count)))
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
    precondition(head < headCount(layer: layer) && position < tokens.count)
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

  /// Makes room for `count` more tokens and takes them in. Their keys and values are the caller's to compute.
  func append(_ more: ArraySlice<Int>) {
    tokens += more
    let needed = (tokens.count + KVLayout.blockPositions - 1) / KVLayout.blockPositions
    let old = blocks.count
    while blocks.count < needed { blocks.append(KVBlock(layout)) }
    if needed > capacity { return fillTable(capacity: max(needed, capacity * 2, 4)) }
    for block in old..<max(old, needed) { enter(block) }
  }

  /// Takes back the last tokens, whose computation failed.
  func dropLast(_ count: Int) { truncate(to: tokens.count - count) }

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
