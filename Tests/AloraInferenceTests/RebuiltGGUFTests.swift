import AloraModels
import AloraSystem
import AloraGGUF
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

@testable import AloraInference

/// Rebuilds base GGUFs from their committed headers and the Hugging Face weights. The digest of the file that llama.cpp's
/// converter wrote shows that every tensor, row and element is where the graph looks for it.
@Suite struct RebuiltGGUFTests {
  struct Description: Decodable {
    let whole: Bool
    let file_byte_count: Int
    let file_sha256: String
  }

  /// Cases whose GGUF says less than the configuration; see testdata/inference/README.md.
  static let lossy = [
    "mistral-window", "qwen2-window", "granite-moe-hybrid-nope", "granite-moe-hybrid-experts", "gemma2", "gemma3",
    "gemma3-linear", "gpt-oss-layers", "ministral3-window", "llama4", "olmoe-limit",
  ]

  static let described: [String: Description] = {
    guard let path = try? testData("inference/base-gguf.json"), let bytes = try? readFile(path) else { return [:] }
    return (try? JSONDecoder().decode([String: Description].self, from: Data(bytes))) ?? [:]
  }()

  /// `granite-moe-hybrid-nope` states a feed_forward_length that its tensors don't have; llama.cpp refuses it, too.
  static let cases = Fixture.all.filter {
    $0.name != "granite-moe-hybrid-nope" && described[$0.name].map { !$0.whole } ?? false
  }

  @Test(arguments: cases) func theWholeFileIsTheConvertersAndGivesTheSameBits(_ fixture: Fixture) throws {
    let description = try #require(Self.described[fixture.name])
    try withTemporaryDirectory { directory in
      let path = directory + "/base.gguf"
      let bytes = try rebuilt(fixture, byteCount: description.file_byte_count, path: path)
      var hasher = Digest.Hasher()
      hasher.add(bytes)
      #expect(hasher.end().description == description.file_sha256)
      try writeFile(bytes, to: path)
      guard !Self.lossy.contains(fixture.name) else { return }

      let pool = ThreadPool(threadCount: 2)
      let evaluators = try [fixture.base, path].map {
        Evaluator(model: try Model(path: $0, pool: pool), pool: pool)
      }
      let adapters = try evaluators.map { try Adapter(path: fixture.adapter, model: $0.model, pool: pool) }
      for item in try fixture.golden.cases {
        let results = try zip(evaluators, adapters).map { evaluator, adapter in
          try logits(evaluator, item.tokens, adapter: adapter, start: item.activationStart)
        }
        let isSame = sameBits(results[0], results[1])
        #expect(isSame)
        #expect(relativeError(results[1], item.adapted) <= GoldenTests.tolerance)
      }
    }
  }

  /// The committed header, followed by what the graph reads from the Hugging Face directory.
  func rebuilt(_ fixture: Fixture, byteCount: Int, path: String) throws -> [UInt8] {
    var bytes = try readFile(fixture.directory + "/base-header.gguf")
    let headerByteCount = bytes.count
    bytes += [UInt8](repeating: 0, count: byteCount - bytes.count)
    try writeFile(bytes, to: path)
    let header = try GGUFFileSet(path: path)
    let graph = try ModelGraph(gguf: header)
    let model = try ModelSource(path: fixture.base)
    let described = try model.graph()
    let source = try WeightReader(model)
    // Factors of rotary embeddings come first, and are committed with the header.
    var unwritten = Set(header.tensors.filter { $0.byteRange.upperBound > headerByteCount }.map(\.name))
    func write(_ values: [Float], to name: String, elementOffset: Int = 0) throws {
      let tensor = try #require(header.tensor(named: name))
      #expect(tensor.dtype == .f32)
      let start = tensor.byteRange.lowerBound + 4 * elementOffset
      for (index, value) in values.enumerated() {
        withUnsafeBytes(of: value.bitPattern.littleEndian) {
          bytes.replaceSubrange((start + 4 * index)..<(start + 4 * index + 4), with: $0)
        }
      }
      unwritten.remove(name)
    }
    func writeMatrix(_ target: GraphMatrix, _ from: GraphMatrix) throws {
      let values = try source.rows(of: from).floats()
      let columns = target.columnCount
      for row in 0..<target.rowCount {
        let place = target.gguf.rows.lowerBound + target.permutation.targetRow(of: row)
        try write(
          Array(values[(row * columns)..<((row + 1) * columns)]), to: target.gguf.name, elementOffset: place * columns)
      }
      guard let bias = try source.bias(of: from) else { return }
      let name = target.gguf.name.replacing(".weight", with: ".bias")
      for (row, value) in bias.values.enumerated() {
        try write([value], to: name, elementOffset: target.gguf.rows.lowerBound + target.permutation.targetRow(of: row))
      }
    }
    func writeVector(_ target: GraphVector, _ from: GraphVector) throws {
      try write(source.values(of: from).values, to: target.ggufName)
    }
    try writeMatrix(graph.embedding, described.embedding)
    try writeMatrix(graph.output, described.output)
    try writeVector(#require(graph.finalNorm.weight), #require(described.finalNorm.weight))
    for (layer, from) in zip(graph.layers, described.layers) {
      for (target, source) in zip(layer.matrices, from.matrices) { try writeMatrix(target, source) }
      for (target, source) in zip(layer.vectors, from.vectors) { try writeVector(target, source) }
    }
    #expect(unwritten.isEmpty, "\(unwritten.sorted())")
    return bytes
  }
}

extension GraphLayer {
  fileprivate var matrices: [GraphMatrix] {
    var all: [GraphMatrix] = []
    _ = map(matrix: { all.append($0) }, vector: { $0 })
    return all
  }

  fileprivate var vectors: [GraphVector] {
    var all: [GraphVector] = []
    _ = map(matrix: { $0 }, vector: { all.append($0) })
    return all
  }
}
