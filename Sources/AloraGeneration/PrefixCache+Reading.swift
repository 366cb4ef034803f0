package import AloraTensors
internal import AloraSystem
package import AloraInference

extension PrefixCache {
  /// A cache with the blocks of a file.
  ///
  /// The file is not trusted: each block's digest is recomputed, and the relations between blocks are checked.
  /// - Parameter filesDigest: ``ModelSource/digest()``.
  /// - Throws: ``GenerationError`` (each code), ``FileError``.
  package convenience init(model: Model, byteLimit: Int, path: String, filesDigest: Digest) throws {
    self.init(model: model, byteLimit: byteLimit)
    var reader = CacheFileReader(file: try MappedFile(path: path))
    let header = try reader.header(model, filesDigest)
    var numbersInFile: [(number: Int, end: Int, digest: Digest)] = []
    for _ in 0..<header.blockCount {
      let (record, digest) = try reader.block(of: model, header: header.digest) { parent in
        numbersInFile.indices.contains(parent - 1) ? numbersInFile[parent - 1].digest : nil
      }
      let parent = record.parent == 0 ? nil : numbersInFile[record.parent - 1]
      let number = try add(record, parent: parent.map { ($0.number, $0.end) }, reader)
      numbersInFile.append((number, (parent?.end ?? 0) + record.tokens.count, digest))
    }
    try reader.finish()
    evict()
  }

  private func add(_ record: CacheFileReader.Record, parent: (number: Int, end: Int)?, _ reader: CacheFileReader) throws
    -> Int
  {
    let first = parent?.end ?? 0
    let end = first + record.tokens.count
    guard first.isMultiple(of: TokenSequence.blockPositionCount) else {
      throw reader.damaged("a block follows one that is not full")
    }
    guard record.tokens.allSatisfy({ $0 < model.vocabularySize }) else {
      throw reader.damaged("a token is not in the model's vocabulary")
    }
    let before = parent.flatMap { nodes[$0.number]?.key.weights }
    // Positions after adapted ones are adapted in the same way. Otherwise the adapter begins within the block.
    let fits =
      before == nil
      ? record.weights.map { $0.activationStart >= first && $0.activationStart < end } ?? true
      : record.weights == before
    guard fits else { throw reader.damaged("a block's weights do not fit the one before it") }
    let parentNumber: Int
    if let parent {
      parentNumber = parent.number
    } else {
      let count = model.longRotaries(length: 1).count
      guard count < 64, record.rotaryBits >> UInt64(count) == 0 else {
        throw reader.damaged("a block was made with other rotary embeddings")
      }
      parentNumber = root(longRotaries: (0..<count).map { record.rotaryBits >> UInt64($0) & 1 == 1 })
    }
    let key = Key(parent: parentNumber, weights: record.weights, tokens: record.tokens)
    guard numbers[key] == nil else { throw reader.damaged("a block occurs twice") }
    let block = KVBlockHandle(model: model, floats: record.floats, positionCount: record.tokens.count)
    let number = add(Node(key: key, block: block))
    numbers[key] = number
    nodes[parentNumber]?.childNumbers.append(number)
    appendOldest(number)
    for snapshot in record.snapshots {
      add(
        RecurrentSnapshot(model: model, position: first + snapshot.tokenCount, floats: snapshot.floats), to: number)
    }
    return number
  }
}

/// Reads a file of cached keys and values piece by piece.
struct CacheFileReader {
  struct Record {
    let parent: Int
    let rotaryBits: UInt64
    let weights: PrefixCache.Weights?
    let tokens: [Int]
    let floats: [Float]
    /// Each with the number of the block's tokens that it has seen.
    let snapshots: [(tokenCount: Int, floats: [Float])]
  }

  let file: MappedFile
  private var byteOffset = 0

  init(file: MappedFile) { self.file = file }

  func error(_ code: GenerationError.Code, _ problem: String) -> GenerationError {
    GenerationError(
      code, path: file.path, place: "byte \(byteOffset)", problem: problem,
      remedy: "run without it, and save a new one")
  }

  func damaged(_ problem: String) -> GenerationError { error(.damaged, problem) }

  private mutating func take(_ count: Int) throws -> [UInt8] {
    guard count <= file.byteCount - byteOffset else {
      throw damaged("the file ends too early: \(count) more bytes are expected")
    }
    let bytes = try file.read(byteOffset..<(byteOffset + count))
    byteOffset += count
    return bytes
  }

  /// The number in the bytes from an offset on, which lie within `bytes`.
  private static func number(_ bytes: [UInt8], at offset: Int, byteCount: Int) -> UInt64 {
    (0..<byteCount).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
  }

  /// - Throws: `notACache`, `unsupportedVersion`, `foreignWeights`, `damaged`.
  mutating func header(_ model: Model, _ filesDigest: Digest) throws -> (blockCount: Int, digest: Digest) {
    typealias Format = CacheFileFormat
    guard file.byteCount >= 8, try file.read(0..<8) == Format.magic else {
      throw error(.notACache, "not a cache file that alora wrote")
    }
    let header = try take(Format.headerByteCount(model))
    let count = Self.number(header, at: header.count - 8, byteCount: 8)
    let expected = Format.header(model, filesDigest: filesDigest, blockCount: 0)
    for (name, offset, code, range) in [
      ("format", 8, GenerationError.Code.unsupportedVersion, 8..<12),
      ("exact order of sums", 12, .unsupportedVersion, 12..<16),
    ] where header[range] != expected[range] {
      let versions = [header, expected].map { Self.number($0, at: offset, byteCount: 4) }
      throw error(code, "the cache has version \(versions[0]) of the \(name), this program has \(versions[1])")
    }
    guard header[16..<48] == expected[16..<48] else {
      throw error(.foreignWeights, "the keys and values are those of another model, not of \(model.path)")
    }
    guard header.dropLast(8)[48...] == expected.dropLast(8)[48...] else {
      throw damaged("the model has another number of heads or layers")
    }
    // Each block has at least one token. The count bounds only this loop.
    guard count <= UInt64(file.byteCount / 4) else { throw damaged("\(count) blocks do not fit into the file") }
    return (Int(count), Format.digest(header))
  }

  /// - Parameter digestBefore: the digest of an earlier block by its number; nil if there is none.
  /// - Throws: `damaged`.
  mutating func block(of model: Model, header: Digest, digestBefore: (Int) -> Digest?) throws -> (Record, Digest) {
    var bytes = try take(61)
    guard let parent = Int(exactly: Self.number(bytes, at: 0, byteCount: 8)),
      let before = parent == 0 ? header : digestBefore(parent)
    else { throw damaged("a block comes before the one that it continues") }
    let start = Self.number(bytes, at: 49, byteCount: 8)
    let tokenCount = Int(Self.number(bytes, at: 57, byteCount: 4))
    guard (1...TokenSequence.blockPositionCount).contains(tokenCount) else {
      throw damaged("a block has \(tokenCount) tokens")
    }
    let floatCount = model.cacheFloatCount(positionCount: tokenCount)
    let rest = try take(4 * (tokenCount + floatCount))
    bytes += rest
    let snapshots = try model.isRecurrent ? snapshots(of: model, tokenCount: tokenCount, &bytes) : []
    let digest = CacheFileFormat.digest(before.bytes, bytes)
    guard digest.bytes == (try take(32)) else {
      throw damaged("a block's contents don't match their digest")
    }
    var weights: PrefixCache.Weights?
    if bytes[16] != 0 {
      guard bytes[16] == 1, let start = Int(exactly: start), let digest = Digest(exactly: Array(bytes[17..<49])) else {
        throw damaged("a block's adapter cannot be read")
      }
      weights = PrefixCache.Weights(adapterDigest: digest, activationStart: start)
    }
    let tokens = (0..<tokenCount).map { Int(Self.number(rest, at: 4 * $0, byteCount: 4)) }
    let floats = Self.floats(rest[(4 * tokenCount)...])
    let record = Record(
      parent: parent, rotaryBits: Self.number(bytes, at: 8, byteCount: 8), weights: weights, tokens: tokens,
      floats: floats, snapshots: snapshots)
    return (record, digest)
  }

  private mutating func snapshots(
    of model: Model, tokenCount: Int, _ bytes: inout [UInt8]
  ) throws -> [(tokenCount: Int, floats: [Float])] {
    let head = try take(4)
    bytes += head
    var snapshots: [(tokenCount: Int, floats: [Float])] = []
    for _ in 0..<Self.number(head, at: 0, byteCount: 4) {
      let part = try take(4 + 4 * model.stateFloatCount)
      bytes += part
      let count = Int(Self.number(part, at: 0, byteCount: 4))
      guard count > snapshots.last?.tokenCount ?? 0, count <= tokenCount else {
        throw damaged("a snapshot is not within its block")
      }
      snapshots.append((count, Self.floats(part[4...])))
    }
    return snapshots
  }

  private static func floats(_ bytes: ArraySlice<UInt8>) -> [Float] {
    var floats: [Float] = []
    floats.reserveCapacity(bytes.count / 4)
    for at in stride(from: bytes.startIndex, to: bytes.endIndex, by: 4) {
      let (low, high) = (
        UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8, UInt32(bytes[at + 2]) | UInt32(bytes[at + 3]) << 8
      )
      floats.append(Float(bitPattern: low | high << 16))
    }
    return floats
  }

  /// - Throws: `damaged` if something follows.
  func finish() throws {
    guard byteOffset == file.byteCount else { throw damaged("there is data after the last block") }
  }
}
