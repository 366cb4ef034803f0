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
  /// The heads of one layer, which lie side by side.
  struct Layer: Hashable, Sendable {
    let headCount: Int
    let headDimension: Int
    let keyFloatCount: Int
    let valueFloatCount: Int
    /// The number of heads in the layers before it.
    let firstHead: Int
    /// Where its first head starts in a block.
    let offset: Int

    var headFloatCount: Int { keyFloatCount + valueFloatCount }
  }

  let layers: [Layer]
  /// Of all layers.
  let headCount: Int
  let floatCount: Int

  /// - Parameter shapes: one for each layer.
  init(_ shapes: [(headCount: Int, headDimension: Int)]) {
    var layers: [Layer] = []
    var (head, offset) = (0, 0)
    for shape in shapes {
      let layer = Layer(
        headCount: shape.headCount, headDimension: shape.headDimension,
        keyFloatCount: alora_key_block_float_count(shape.headDimension),
        valueFloatCount: alora_value_block_float_count(shape.headDimension), firstHead: head, offset: offset)
      layers.append(layer)
      head += layer.headCount
      offset += layer.headCount * layer.headFloatCount
    }
    self.layers = layers
    headCount = head
    floatCount = offset
  }

  static let blockPositions = Int(ALORA_KV_BLOCK_POSITIONS)

  /// Where a head's keys start in a block; its values follow.
  func offset(layer: Int, head: Int) -> Int { layers[layer].offset + head * layers[layer].headFloatCount }

  /// Where each head's keys start, with its layer.
  func forEachHead(_ body: (_ layer: Layer, _ keys: Int) -> Void) {
    for layer in layers {
      for head in 0..<layer.headCount { body(layer, layer.offset + head * layer.headFloatCount) }
    }
  }
}

/// Keys and values of 32 positions, for all layers and heads. Shared between sequences once it is full.
final class KVBlock: Sendable {
  let memory: FloatBuffer

  init(_ layout: KVLayout) { memory = FloatBuffer(count: layout.floatCount, isZeroed: true) }

  /// A copy of the first `count` positions; the others are zero, as in a new block.
  init(_ other: KVBlock, _ layout: KVLayout, positions count: Int) {
    memory = FloatBuffer(count: layout.floatCount, isZeroed: true)
    let slots = KVLayout.blockPositions
    layout.forEachHead { layer, keys in
      for dimension in 0..<layer.headDimension {
        let at = keys + dimension * slots
        unsafe (memory.base + at).update(from: other.memory.base + at, count: count)
      }
      for panel in 0..<(layer.valueFloatCount / (slots * 32)) {
        let at = keys + layer.keyFloatCount + panel * slots * 32
        unsafe (memory.base + at).update(from: other.memory.base + at, count: count * 32)
      }
    }
  }
}
