import AloraModels
import AloraTensors
import AloraSystem
import AloraGeneration
import AloraInference

/// Files of cached keys and values for a tiny model of the fixtures: ALORA_FUZZ_DATA is their folder.
///
/// An input whose versions are zero gets the header of that model and the digests of what it holds, so that it is read to its
/// end: whoever makes such a file on purpose can do the same.
enum FuzzCache {
  private static let model: Result<(Model, Digest), any Error> = Result {
    let data = FileSystem.environment("ALORA_FUZZ_DATA") ?? "testdata"
    let model = try Model(path: data + "/inference/llama-output/base", pool: ThreadPool(threadCount: 1))
    return (model, try model.source.digest())
  }

  static func completed(_ bytes: [UInt8]) throws -> [UInt8] {
    let (model, digest) = try model.get()
    guard bytes.count >= CacheFileFormat.headerByteCount(model), bytes[8..<16].allSatisfy({ $0 == 0 }) else {
      return bytes
    }
    let header = CacheFileFormat.header(model, filesDigest: digest, blockCount: 0)
    return withDigests(Array(bytes[..<8]) + header[8..<64] + bytes[64...], model)
  }

  private static func withDigests(_ bytes: [UInt8], _ model: Model) -> [UInt8] {
    var result = bytes
    var digests = [CacheFileFormat.digest(Array(bytes[..<CacheFileFormat.headerByteCount(model)])).bytes]
    var offset = CacheFileFormat.headerByteCount(model)
    func number(_ offset: Int, _ count: Int) -> Int {
      bytes[offset..<(offset + count)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    while offset + 61 <= bytes.count {
      let tokenCount = number(offset + 57, 4)
      guard tokenCount < 1000 else { break }
      let count = 61 + 4 * (tokenCount + model.cacheFloatCount(positionCount: tokenCount))
      guard offset + count + 32 <= bytes.count else { break }
      let before = digests[min(max(number(offset, 8), 0), digests.count - 1)]
      digests.append(CacheFileFormat.digest(before, Array(bytes[offset..<(offset + count)])).bytes)
      offset += count + 32
      result.replaceSubrange((offset - 32)..<offset, with: digests[digests.count - 1])
    }
    return result
  }

  /// What is read can be used: the text goes on from the longest prefix that is there.
  static func read(_ path: String) throws {
    let (model, digest) = try model.get()
    let cache = try PrefixCache(model: model, byteLimit: 1 << 24, path: path, filesDigest: digest)
    _ = cache.sequence(beginning: Array(0..<40), atMost: 40, declaredLength: 40).reusedCount
  }
}
