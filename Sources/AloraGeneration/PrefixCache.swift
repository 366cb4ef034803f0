internal import AloraTensors
package import AloraInference

/// Keeps the keys and values of computed texts, for later texts that begin the same way.
///
/// The cache is a tree of blocks of 32 positions; the last block of a text may have fewer. A block's key is what its
/// contents are a function of: the block before it, its tokens, and the weights that made it. Blocks made by base weights
/// are shared by the base and by every adapter that activates after them. From the activation start on, blocks belong to
/// one adapter and one start. All blocks of an ordinary LoRA are its own. If only the beginning of a block can be reused
/// (the tokens differ later on, or the activation start does), that part is copied.
///
/// A text of a model with recurrent layers can be continued only from a snapshot of their states. Each belongs to the block
/// with its last position, and is a function of the same: base weights made it unless the activation start is before it.
///
/// Blocks in use by a ``CachedSequence`` stay. When the limit is exceeded, the least recently used of the others are
/// dropped, always from the ends of texts, and the least recently used snapshots. Not thread-safe.
package final class PrefixCache {
  package let model: Model
  /// Blocks above this limit are dropped as soon as they are unused.
  ///
  /// Units: bytes.
  package let byteLimit: Int
  let snapshotInterval: Int
  package internal(set) var statistics = PrefixCacheStatistics()

  var nodes: [Int: Node] = [:]
  var numbers: [Key: Int] = [:]
  /// The roots of the tree. Texts with different rotary frequencies have different roots.
  var roots: [[Bool]: Int] = [:]
  var lastNumber = 0
  /// The ends of the list of blocks, from the most to the least recently used.
  var (newest, oldest): (Int?, Int?) = (nil, nil)
  package internal(set) var snapshotCount = 0
  /// How often a snapshot was used or added.
  var snapshotUseCount = 0

  /// The adapter whose weights made a block, and the first adapted position.
  struct Weights: Hashable {
    let adapterDigest: Digest
    let activationStart: Int
  }

  struct Key: Hashable {
    let parent: Int
    let weights: Weights?
    let tokens: [Int]
  }

  struct Node {
    var key: Key
    var block: KVBlockHandle?
    /// By position, which is within the block, or its end.
    var snapshots: [HeldSnapshot] = []
    var childNumbers: [Int] = []
    var useCount = 0
    var newer: Int?
    var older: Int?
  }

  /// - Parameter snapshotInterval: after how many tokens a text's states are kept, while it is short.
  package init(model: Model, byteLimit: Int, snapshotInterval: Int = 512) {
    self.model = model
    self.byteLimit = byteLimit
    self.snapshotInterval = snapshotInterval
  }

  /// Memory of the blocks and snapshots.
  ///
  /// Units: bytes.
  package var byteCount: Int { blockCount * model.cacheBlockByteCount + snapshotCount * model.stateByteCount }

  package var blockCount: Int { nodes.count - roots.count }

  /// A sequence that starts with the longest cached prefix of the tokens.
  ///
  /// - Parameters:
  ///   - limit: the largest number of tokens to reuse. To get the last token's logits, pass one less than there are.
  ///   - activationStart: the index of the first adapted token; nil if the adapter is off.
  package func sequence(
    beginning tokens: [Int], atMost limit: Int, adapter: Adapter? = nil, activationStart: Int? = nil,
    declaredLength: Int
  ) -> CachedSequence {
    let start = adapter == nil ? nil : activationStart.map { max(0, $0) }
    let match = match(tokens, atMost: limit, adapter, start, declaredLength)
    touch(match.path)
    statistics.lookUpCount += 1
    statistics.requestedTokenCount += tokens.count
    statistics.reusedTokenCount += match.count
    statistics.copiedTokenCount += match.copiedCount
    let sequence = TokenSequence(
      model: model, adapter: adapter, activationStart: start, declaredLength: declaredLength,
      tokens: Array(tokens[..<match.count]), blocks: match.blocks, snapshots: match.snapshot.map { [$0] } ?? [])
    takeSnapshots(of: sequence)
    return CachedSequence(sequence, cache: self, path: Array(match.path.dropFirst()))
  }

  /// A sequence that starts with the cached part of a request's prompt. The last token is always computed, for its logits.
  package func sequence(for request: GenerationRequest) -> CachedSequence {
    sequence(
      beginning: request.tokens, atMost: max(0, request.tokens.count - 1), adapter: request.adapter,
      activationStart: request.activationStart, declaredLength: request.declaredLength)
  }

  /// How many tokens ``sequence(for:)`` would find now. It isn't counted as a use of them.
  package func reusableCount(for request: GenerationRequest) -> Int {
    let start = request.adapter == nil ? nil : request.activationStart.map { max(0, $0) }
    let limit = max(0, request.tokens.count - 1)
    return match(request.tokens, atMost: limit, request.adapter, start, request.declaredLength).count
  }

  /// What the cache has of a text.
  private struct Match {
    /// Nodes, the root first.
    var path: [Int]
    var blocks: [KVBlockHandle] = []
    /// How many tokens they hold.
    var count = 0
    /// How many of them lie in a block that is copied, because the text goes on in it.
    var copiedCount = 0
    var snapshot: RecurrentSnapshot?
  }

  private func match(
    _ tokens: [Int], atMost limit: Int, _ adapter: Adapter?, _ start: Int?, _ declaredLength: Int
  ) -> Match {
    let digest = start == nil ? nil : adapter?.digest
    let slots = TokenSequence.blockPositionCount
    var match = Match(path: [root(declaredLength: declaredLength)])
    let end = min(limit, tokens.count)
    while end - match.count >= slots {
      let next = match.count + slots
      let key = Key(
        parent: match.path[match.path.count - 1], weights: weights(digest, start, before: next),
        tokens: Array(tokens[match.count..<next]))
      guard let number = numbers[key], let block = nodes[number]?.block else { break }
      match.path.append(number)
      match.blocks.append(block)
      match.count = next
    }
    if model.isRecurrent {
      guard let found = lastSnapshot(on: match.path, tokens[..<end], digest, start) else {
        return Match(path: [match.path[0]])
      }
      // The snapshot's block may lie beside the path.
      let path = match.path[...((found.position - 1) / slots)] + [found.number]
      return Match(
        path: Array(path), blocks: path.dropFirst().compactMap { nodes[$0]?.block }, count: found.position,
        copiedCount: found.position % slots, snapshot: found.snapshot)
    }
    if let (number, part) = bestPart(
      of: match.path[match.path.count - 1], tokens[match.count..<end], at: match.count, digest, start),
      let block = nodes[number]?.block
    {
      match.path.append(number)
      match.blocks.append(block)
      match.count += part
      match.copiedCount = part
    }
    return match
  }

  /// Adds a sequence's blocks and snapshots. They are shared, not copied.
  package func insert(_ sequence: TokenSequence) {
    precondition(sequence.model === model, "a sequence of another model")
    let slots = TokenSequence.blockPositionCount
    var path = [root(declaredLength: sequence.declaredLength)]
    for (index, block) in sequence.blockHandles.enumerated() {
      let first = index * slots
      let end = min(first + slots, sequence.computedCount)
      let key = Key(
        parent: path[path.count - 1],
        weights: weights(sequence.adapter?.digest, sequence.activationStart, before: end),
        tokens: Array(sequence.tokens[first..<end]))
      guard let number = insert(block, key) else { break }
      path.append(number)
    }
    touch(path)
    insertSnapshots(of: sequence, path)
    evict()
  }

  private func insert(_ block: KVBlockHandle, _ key: Key) -> Int? {
    if let number = numbers[key] { return number }
    // A snapshot in the shorter block stays good in the longer one.
    for number in nodes[key.parent]?.childNumbers ?? [] {
      guard let other = nodes[number]?.key, other.weights == key.weights else { continue }
      // The text continues one that the cache knows: the longer block replaces the shorter one.
      if other.tokens.count < key.tokens.count, key.tokens.starts(with: other.tokens) {
        numbers[other] = nil
        numbers[key] = number
        nodes[number]?.key = key
        nodes[number]?.block = block
        return number
      }
      if other.tokens.count > key.tokens.count, other.tokens.starts(with: key.tokens) { return number }
    }
    let number = add(Node(key: key, block: block))
    numbers[key] = number
    nodes[key.parent]?.childNumbers.append(number)
    statistics.insertedBlockCount += 1
    return number
  }

  func add(_ node: Node) -> Int {
    lastNumber += 1
    nodes[lastNumber] = node
    return lastNumber
  }

  func root(declaredLength: Int) -> Int { root(longRotaries: model.longRotaries(length: declaredLength)) }

  func root(longRotaries rotaries: [Bool]) -> Int {
    if let root = roots[rotaries] { return root }
    let number = add(Node(key: Key(parent: 0, weights: nil, tokens: [])))
    roots[rotaries] = number
    return number
  }

  /// The weights that make a block which ends before a position.
  private func weights(_ digest: Digest?, _ start: Int?, before end: Int) -> Weights? {
    guard let digest, let start, start < end else { return nil }
    return Weights(adapterDigest: digest, activationStart: start)
  }

  /// The child block with the longest reusable beginning, and the number of positions in it.
  ///
  /// A block made by other weights can be reused up to the earlier of the two activation starts.
  private func bestPart(of parent: Int, _ tokens: ArraySlice<Int>, at position: Int, _ digest: Digest?, _ start: Int?)
    -> (number: Int, count: Int)?
  {
    var best: (number: Int, count: Int)?
    for number in nodes[parent]?.childNumbers ?? [] {
      let count = reusableCount(of: number, tokens, at: position, digest, start)
      if count > (best?.count ?? 0) { best = (number, count) }
    }
    return best
  }

  /// The number of a block's first positions that these tokens and weights would make, too.
  func reusableCount(of number: Int, _ tokens: ArraySlice<Int>, at position: Int, _ digest: Digest?, _ start: Int?)
    -> Int
  {
    guard let key = nodes[number]?.key else { return 0 }
    let count = zip(tokens, key.tokens).prefix { $0 == $1 }.count
    let isSame = key.weights?.adapterDigest == digest && key.weights?.activationStart == start
    return isSame ? count : min(count, max(0, min(key.weights?.activationStart ?? .max, start ?? .max) - position))
  }
}

/// Counts of a cache's operations so far.
package struct PrefixCacheStatistics: Hashable, Sendable {
  package internal(set) var lookUpCount = 0
  /// The tokens of all texts that were looked up.
  package internal(set) var requestedTokenCount = 0
  /// How many of them came from the cache.
  package internal(set) var reusedTokenCount = 0
  /// How many of those were copied, because only part of their block could be used.
  package internal(set) var copiedTokenCount = 0
  package internal(set) var insertedBlockCount = 0
  package internal(set) var evictedBlockCount = 0
  package internal(set) var evictedSnapshotCount = 0
}

/// A sequence that starts with cached blocks. While it exists, these blocks stay in the cache.
package final class CachedSequence {
  package let sequence: TokenSequence
  /// How many tokens came from the cache.
  package let reusedCount: Int
  private let cache: PrefixCache
  private let path: [Int]

  init(_ sequence: TokenSequence, cache: PrefixCache, path: [Int]) {
    self.sequence = sequence
    reusedCount = sequence.tokens.count
    self.cache = cache
    self.path = path
    cache.use(path)
  }

  deinit { cache.release(path) }
}
