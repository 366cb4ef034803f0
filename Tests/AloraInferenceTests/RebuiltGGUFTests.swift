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
    "granite-hybrid-experts",
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
      // Its weights are multiplied by numbers that an adapter's factors would need, too.
      let lacksFactors = try BaseModel(gguf: GGUFFileSet(path: path)).lacksFactors
      let adapters = try evaluators.map {
        lacksFactors ? nil : try Adapter(path: fixture.adapter, model: $0.model, pool: pool)
      }
      for item in try fixture.golden.cases {
        let results = try zip(evaluators, adapters).map { evaluator, adapter in
          try logits(evaluator, item.tokens, adapter: adapter, start: item.activationStart)
        }
        let isSame = sameBits(results[0], results[1])
        #expect(isSame)
        #expect(relativeError(results[1], lacksFactors ? item.base : item.adapted) <= GoldenTests.tolerance)
      }
    }
  }

  /// llama.cpp's converter can put gate and up of the experts into one tensor. An adapter with a module for each expert has
  /// factors of their own for both.
  @Test func modulesOfSingleExpertsRunOnABaseThatJoinsGateAndUp() throws {
    let fixture = try #require(Fixture.all.first { $0.name == "qwen3-moe" })
    let description = try #require(Self.described[fixture.name])
    try withTemporaryDirectory { directory in
      let (apart, joined) = (directory + "/apart.gguf", directory + "/joined.gguf")
      try writeFile(rebuilt(fixture, byteCount: description.file_byte_count, path: apart), to: apart)
      try joinGateAndUp(apart, joined)
      var builder = AdapterBuilder()
      builder.set("alora_invocation_tokens", nil)
      builder.set("target_modules", "[\"gate_proj\", \"up_proj\", \"down_proj\"]")
      builder.tensors = []
      for (index, name) in ["gate_proj", "up_proj", "down_proj"].enumerated() {
        // Not all experts.
        for (layer, expert) in [(0, 0), (0, 3), (1, 5), (1, 2)] {
          let module = "base_model.model.model.layers.\(layer).mlp.experts.\(expert).\(name)"
          let (out, columns) = name == "down_proj" ? (32, 20) : (20, 32)
          let seed = 8 * expert + index
          builder.tensors += [
            .init("\(module).lora_A.weight", [4, columns], AdapterBuilder.values(4 * columns, seed: seed)),
            .init("\(module).lora_B.weight", [out, 4], AdapterBuilder.values(4 * out, seed: seed + 5)),
          ]
        }
      }
      try builder.write(to: directory + "/adapter")
      let pool = ThreadPool(threadCount: 2)
      let tokens = [1, 5, 9, 20, 3, 40, 41]
      let results = try [fixture.base, apart, joined].map { base in
        let evaluator = Evaluator(model: try Model(path: base, pool: pool), pool: pool)
        let adapter = try Adapter(path: directory + "/adapter", model: evaluator.model, pool: pool)
        return try logits(evaluator, tokens, adapter: adapter, start: 0)
      }
      #expect(sameBits(results[0], results[1]))
      #expect(sameBits(results[0], results[2]))
    }
  }

  private func joinGateAndUp(_ path: String, _ output: String) throws {
    let file = try GGUFFileSet(path: path)
    var parts: [(declaration: TensorDeclaration, sources: [TensorDescription])] = []
    for tensor in file.tensors where !tensor.name.contains("ffn_up_exps") {
      guard tensor.name.contains("ffn_gate_exps") else {
        parts.append((TensorDeclaration(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape), [tensor]))
        continue
      }
      let up = try #require(file.tensor(named: tensor.name.replacing("gate", with: "up")))
      var dimensions = tensor.shape.dimensions
      dimensions[1] *= 2
      let name = tensor.name.replacing("gate", with: "gate_up")
      parts.append(
        (TensorDeclaration(name: name, dtype: tensor.dtype, shape: try #require(Shape(dimensions))), [tensor, up]))
    }
    let layout = try GGUFLayout(metadata: file.metadata, tensors: parts.map(\.declaration))
    let writer = try GGUFWriter(path: output, replacesExisting: true, layout: layout)
    for (declaration, sources) in parts {
      // An expert's gate, then its up.
      let slices = try sources.map { source in
        let bytes = try file.readBytes(of: source)
        let count = sources.count == 1 ? bytes.count : bytes.count / source.shape.dimensions[0]
        return stride(from: 0, to: bytes.count, by: count).map { Array(bytes[$0..<($0 + count)]) }
      }
      for index in slices[0].indices {
        for slice in slices {
          let bytes = slice[index]
          try writer.write(bytes.span.bytes, of: declaration.name)
        }
      }
    }
    try writer.finish()
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
    let factorsOfTensor = described.base.modules.targetsByTensor.mapValues(\.target.factors)
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
      let factors = factorsOfTensor[target.gguf.name] ?? []
      let rowFactors = factors.flatMap { [Float](repeating: Float($0.value), count: $0.rowCount) }
      let columns = target.columnCount
      let values = try source.rows(of: from).floats().enumerated().map { index, value in
        rowFactors.isEmpty ? value : value * rowFactors[target.gguf == graph.embedding.gguf ? 0 : index / columns]
      }
      // Gate and up of experts may be in one tensor.
      let place = try #require(
        ([target.gguf] + target.otherGGUF).first { header.tensor(named: $0.name) != nil })
      for row in 0..<target.rowCount {
        let at = place.row(target.permutation.targetRow(of: row)) * columns
        try write(Array(values[(row * columns)..<((row + 1) * columns)]), to: place.name, elementOffset: at)
      }
      guard let bias = try source.bias(of: from) else { return }
      let name = target.gguf.name.replacing(".weight", with: ".bias")
      for (row, value) in bias.values.enumerated() {
        try write([value], to: name, elementOffset: target.gguf.row(target.permutation.targetRow(of: row)))
      }
    }
    func writeVector(_ target: GraphVector, _ from: GraphVector) throws {
      var values = try source.values(of: from).values
      if case .transposed(let rows) = from.form {
        let columns = values.count / rows
        values = values.indices.map { values[$0 % rows * columns + $0 / rows] }
      }
      try write(values, to: target.ggufName)
    }
    try writeMatrix(graph.embedding, described.embedding)
    try writeMatrix(graph.output, described.output)
    try writeVector(#require(graph.finalNorm.weight), #require(described.finalNorm.weight))
    if let inputs = graph.layerInputs, let others = described.layerInputs {
      try writeMatrix(inputs.table, others.table)
      try writeMatrix(inputs.projection, others.projection)
      try writeVector(#require(inputs.norm.weight), #require(others.norm.weight))
    }
    if let streams = graph.streams, let others = described.streams {
      for (target, source) in zip(streams.entries + streams.exits, others.entries + others.exits) {
        try writeMatrix(target, source)
      }
    }
    for (layer, from) in zip(graph.layers, described.layers) {
      for (target, source) in zip(layer.matrices, from.matrices) { try writeMatrix(target, source) }
      let present = layer.vectors.filter { !$0.isOptional || header.tensor(named: $0.ggufName) != nil }
      #expect(present.count == from.vectors.count)
      for (target, source) in zip(present, from.vectors) { try writeVector(target, source) }
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
