package import AloraTensors
internal import CAloraKernels

/// Which weights made the keys and values of some positions.
package struct KVProvenance: Hashable, Sendable {
  package let positions: Range<Int>
  /// The tokens at these positions. Keys and values depend on all tokens before them, too.
  package let tokens: [Int]
  /// Nil if base weights alone made them.
  package let adapterDigest: Digest?
  /// The first adapted position; nil as `adapterDigest` is.
  package let activationStart: Int?
}

/// The shape of one model's cache blocks.
struct KVLayout: Hashable, Sendable {
  let layerCount: Int
  let headCount: Int
  let keyFloatCount: Int
  let valueFloatCount: Int
  let headDimension: Int

  init(layerCount: Int, headCount: Int, headDimension: Int) {
    self.layerCount = layerCount
    self.headCount = headCount
    self.headDimension = headDimension
    keyFloatCount = alora_key_block_float_count(headDimension)
    valueFloatCount = alora_value_block_float_count(headDimension)
  }

  static let blockPositions = Int(ALORA_KV_BLOCK_POSITIONS)

  var floatCount: Int { layerCount * headCount * (keyFloatCount + valueFloatCount) }

  /// Where a head's keys start in a block; its values follow.
  func offset(layer: Int, head: Int) -> Int { (layer * headCount + head) * (keyFloatCount + valueFloatCount) }
}

/// Keys and values of 32 positions, for all layers and heads. Shared between sequences once it is full.
final class KVBlock: Sendable {
  let memory: FloatBuffer

  init(_ layout: KVLayout) { memory = FloatBuffer(count: layout.floatCount, isZeroed: true) }

  /// A copy of the first `count` positions; the others are zero, as in a new block.
  init(_ other: KVBlock, _ layout: KVLayout, positions count: Int) {
    memory = FloatBuffer(count: layout.floatCount, isZeroed: true)
    let slots = KVLayout.blockPositions
    let valuePanels = layout.valueFloatCount / (slots * 32)
    for layer in 0..<layout.layerCount {
      for head in 0..<layout.headCount {
        let keys = layout.offset(layer: layer, head: head)
        for dimension in 0..<layout.headDimension {
          let at = keys + dimension * slots
          unsafe (memory.base + at).update(from: other.memory.base + at, count: count)
        }
        for panel in 0..<valuePanels {
          let at = keys + layout.keyFloatCount + panel * slots * 32
          unsafe (memory.base + at).update(from: other.memory.base + at, count: count * 32)
        }
      }
    }
  }
}
