package import AloraTensors
internal import AloraModels
package import AloraSystem
package import AloraInference

// A file of cached keys and values, and of the states of recurrent layers. All numbers are little-endian.
// 1. `ALORAKV` and a zero byte
// 2. u32 version of this format, 2 for a model with recurrent layers, else 1; u32 version of the exact order of sums
// 3. 32 bytes: SHA-256 of the model's files
// 4. u32 layers, u32 key-value heads, u32 head dimension, u32 rotary embeddings; in version 2, u64 floats of a snapshot;
//    u64 number of blocks
// 5. for each block, most recently used first, and after its predecessor:
//    u64 number of the predecessor, counted from 1; 0 if it begins a text
//    u64 which rotary embeddings take their long frequencies (bit i: the i-th) if it begins a text, else 0
//    u8 1 if an adapter made part of it, else 0; 32 bytes: the adapter's digest; u64 its activation start
//    u32 number of tokens, from 1 to 32; for each, u32
//    f32 keys and values [layers, heads, tokens, 2 · head dimension]
//    in version 2, u32 number of snapshots; for each, by position, u32 how many of the block's tokens it has seen, and f32 the
//    states of all layers
//    32 bytes: SHA-256 of that digest of the block before (of parts 1 to 4 if it begins a text), and of the above
package enum CacheFileFormat {
  static let magic = Array("ALORAKV".utf8) + [0]

  static func version(_ model: Model) -> Int { model.isRecurrent ? 2 : 1 }

  package static func headerByteCount(_ model: Model) -> Int { 8 + 4 + 4 + 32 + 16 + 8 + (model.isRecurrent ? 8 : 0) }

  package static func header(_ model: Model, filesDigest: Digest, blockCount: Int) -> [UInt8] {
    let h = model.graph.base.hyperparameters
    return magic + bytes(UInt32(version(model))) + bytes(UInt32(exactnessVersion)) + filesDigest.bytes
      + bytes(UInt32(h.layerCount)) + bytes(UInt32(h.keyValueHeadCount)) + bytes(UInt32(h.headDimension))
      + bytes(UInt32(model.longRotaries(length: 1).count))
      + (model.isRecurrent ? bytes(UInt64(model.stateFloatCount)) : []) + bytes(UInt64(blockCount))
  }

  static func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<(Number.bitWidth / 8)).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }

  static func bytes(_ floats: [Float]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(4 * floats.count)
    for float in floats {
      let bits = float.bitPattern
      bytes.append(UInt8(truncatingIfNeeded: bits))
      bytes.append(UInt8(truncatingIfNeeded: bits >> 8))
      bytes.append(UInt8(truncatingIfNeeded: bits >> 16))
      bytes.append(UInt8(truncatingIfNeeded: bits >> 24))
    }
    return bytes
  }

  package static func digest(_ parts: [UInt8]...) -> Digest {
    var hasher = Digest.Hasher()
    for part in parts { hasher.add(part) }
    return hasher.end()
  }
}

extension PrefixCache {
  /// Writes all blocks and snapshots.
  ///
  /// - Parameters:
  ///   - file: the file to write. It appears when it is complete.
  ///   - filesDigest: ``ModelSource/digest()``.
  /// - Throws: `noSpace`, `system`.
  package func save(to file: AtomicFile, filesDigest: Digest) throws(FileError) {
    typealias Format = CacheFileFormat
    let header = Format.header(model, filesDigest: filesDigest, blockCount: blockCount)
    try file.write(unsafe header.span.bytes)
    var written: [Int: (number: Int, digest: Digest)] = [:]
    var next = newest
    while let number = next, let node = nodes[number], let block = node.block {
      next = node.older
      let parent = written[node.key.parent]
      var bytes = Format.bytes(UInt64(parent?.number ?? 0))
      bytes += Format.bytes(parent == nil ? rotaryBits(ofRoot: node.key.parent) : 0)
      bytes.append(node.key.weights == nil ? 0 : 1)
      bytes += node.key.weights?.adapterDigest.bytes ?? [UInt8](repeating: 0, count: 32)
      bytes += Format.bytes(UInt64(node.key.weights?.activationStart ?? 0))
      bytes += Format.bytes(UInt32(node.key.tokens.count))
      for token in node.key.tokens { bytes += Format.bytes(UInt32(truncatingIfNeeded: token)) }
      bytes += Format.bytes(block.floats(of: model, positionCount: node.key.tokens.count))
      if model.isRecurrent {
        bytes += Format.bytes(UInt32(node.snapshots.count))
        for held in node.snapshots {
          // A block's first position is a multiple of its length.
          let count = (held.snapshot.position - 1) % TokenSequence.blockPositionCount + 1
          bytes += Format.bytes(UInt32(count)) + Format.bytes(held.snapshot.floats(of: model))
        }
      }
      let digest = Format.digest(parent?.digest.bytes ?? Format.digest(header).bytes, bytes)
      written[number] = (written.count + 1, digest)
      bytes += digest.bytes
      try file.write(unsafe bytes.span.bytes)
    }
    try file.commit()
  }

  private func rotaryBits(ofRoot number: Int) -> UInt64 {
    let flags = roots.first { $0.value == number }?.key ?? []
    return flags.enumerated().reduce(0) { $1.element ? $0 | 1 << UInt64($1.offset) : $0 }
  }
}
