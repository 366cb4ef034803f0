import AloraAdapters
import AloraConversion
import AloraGGUF
import AloraJSON
import AloraModels
import AloraNPZ
import AloraSafetensors
import AloraSystem
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// Adapters that mlx-lm made, with what mlx-lm's own fusing adds to each weight.
@Suite struct MLXAdapterTests {
  static let cases = ["llama", "llama-keys", "llama-embedding", "phi3", "qwen3-moe", "gpt-oss"]

  private func path(_ name: String) throws -> String { try testData("mlx/\(name)") }

  private func base(_ name: String, in directory: String) throws -> String {
    try FileManager.default.createDirectory(atPath: directory + "/base", withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: path(name) + "/base.json", toPath: directory + "/base/config.json")
    return directory + "/base"
  }

  private struct Matrix {
    let values: [Float]
    let rows: Int
    let columns: Int

    init(_ source: some TensorSource, _ name: String) throws {
      let tensor = try #require(source.tensor(named: name), "\(name)")
      var values: [Float] = []
      ElementConversion.widen(
        try source.readBytes(of: tensor), tensor.dtype, count: tensor.shape.elementCount, into: &values)
      (self.values, rows, columns) = (values, tensor.shape.rowCount, tensor.shape.columnCount)
    }

    subscript(row: Int, column: Int) -> Float { values[row * columns + column] }
  }

  /// scale · B · A; every step is exact with the fixtures' numbers.
  private func product(
    _ scale: Float, out: Int, in columns: Int, rank: Int, b: (Int, Int) -> Float, a: (Int, Int) -> Float
  ) -> [Float] {
    (0..<(out * columns)).map { index in
      let (row, column) = index.quotientAndRemainder(dividingBy: columns)
      return scale * (0..<rank).reduce(0) { $0 + b(row, $1) * a($1, column) }
    }
  }

  /// Each module's update in the PEFT directory is mlx-lm's, bit for bit, also where PEFT joins what MLX splits.
  @Test(arguments: cases) func updatesAreThoseOfMLX(_ name: String) throws {
    try withTemporaryDirectory { directory in
      let base = try ConversionBase(path: base(name, in: directory))
      let plan = try PEFTPlan(AdapterSource(path: path(name)), base: base)
      try plan.write(to: directory + "/peft", replacesExisting: false)
      let file = try SafetensorsFile(path: directory + "/peft/adapter_model.safetensors")
      let updates = try NPZFile(path: path(name) + "/updates.npz")
      let scale = Float(
        try JSONDocument(path: path(name) + "/adapter_config.json").root["lora_parameters"]["scale"].number())
      var seen = 0
      for module in plan.modules {
        let isExperts = module.name.contains("experts.")
        if isExperts { continue }
        let head = "base_model.model.\(module.name)"
        let isEmbedding = file.tensor(named: head + ".lora_embedding_A") != nil
        let a = try Matrix(file, head + (isEmbedding ? ".lora_embedding_A" : ".lora_A.weight"))
        let b = try Matrix(file, head + (isEmbedding ? ".lora_embedding_B" : ".lora_B.weight"))
        #expect(Float(module.scaling) == scale)
        let found = product(scale, out: b.rows, in: a.columns, rank: module.rank, b: { b[$0, $1] }, a: { a[$0, $1] })
        var expected = try updates.floats(named: module.name)
        // An embedding's weight is [vocabulary, hidden].
        if isEmbedding { expected = expected.indices.map { expected[$0 % a.columns * b.rows + $0 / a.columns] } }
        #expect(found == expected, "\(module.name)")
        seen += 1
      }
      for parent in Set(
        plan.modules.filter { $0.name.contains("experts.") }.map {
          $0.name.split(separator: ".").dropLast().joined(separator: ".")
        })
      {
        seen += try checkExperts(parent, plan, file, updates, scale)
      }
      #expect(seen == updates.arrays.count)
    }
  }

  /// The experts of a module in PEFT's layout against MLX's three stacks.
  private func checkExperts(
    _ parent: String, _ plan: PEFTPlan, _ file: SafetensorsFile, _ updates: NPZFile, _ scale: Float
  ) throws -> Int {
    let isInterleaved = updates.arrays.contains { $0.name.contains("mlp.experts.") }
    for (parameter, wrapper) in [("gate_up_proj", ".base_layer"), ("down_proj", "")] {
      let module = try #require(plan.modules.first { $0.name == "\(parent).\(parameter)" })
      let head = "base_model.model.\(parent)\(wrapper)"
      let (a, b) = (try Matrix(file, head + ".lora_A.weight"), try Matrix(file, head + ".lora_B.weight"))
      let (count, rank) = (a.rows / module.rank, module.rank)
      for expert in 0..<count {
        let found = product(
          scale, out: b.rows, in: a.columns, rank: rank, b: { b[$0, $1 * count + expert] },
          a: { a[expert * rank + $0, $1] })
        for (row, name) in rows(of: parameter, count: b.rows, isInterleaved: isInterleaved) {
          let array = try #require(updates.arrays.first { $0.name.hasSuffix(".\(name)") })
          let all = try updates.floats(named: array.name)
          let own = parameter == "down_proj" ? b.rows : b.rows / 2
          let place = (expert * own + row.source) * a.columns
          #expect(
            found[(row.target * a.columns)..<((row.target + 1) * a.columns)] == all[place..<(place + a.columns)],
            "\(parent) \(name) expert \(expert)")
        }
      }
    }
    return 3
  }

  private func rows(
    of parameter: String, count: Int, isInterleaved: Bool
  ) -> [((target: Int, source: Int), String)] {
    (0..<count).map { row in
      if parameter == "down_proj" { return ((row, row), "down_proj") }
      let isGate = isInterleaved ? row.isMultiple(of: 2) : row < count / 2
      let source = isInterleaved ? row / 2 : row % (count / 2)
      return ((row, source), isGate ? "gate_proj" : "up_proj")
    }
  }

  /// The GGUF made from MLX's files has the tensors of the one made from their PEFT form.
  @Test(arguments: ["llama", "llama-keys", "llama-embedding", "phi3"], OutputType.allCases)
  func theGGUFIsThatOfThePEFTForm(_ name: String, _ type: OutputType) throws {
    try withTemporaryDirectory { directory in
      let trip = try RoundTrip(directory, base: base(name, in: directory))
      _ = try trip.convert(path(name), to: "direct.gguf", type)
      try PEFTPlan(AdapterSource(path: path(name)), base: trip.base).write(
        to: directory + "/peft", replacesExisting: false)
      _ = try trip.convert(directory + "/peft", to: "other.gguf", type)
      let (one, other) = (
        try GGUFFileSet(path: directory + "/direct.gguf"), try GGUFFileSet(path: directory + "/other.gguf")
      )
      #expect(one.metadata["adapter.lora.alpha"] == other.metadata["adapter.lora.alpha"])
      #expect(one.tensors.map(\.name) == other.tensors.map(\.name))
      for tensor in one.tensors {
        let twin = try #require(other.tensor(named: tensor.name))
        #expect(try one.readBytes(of: tensor) == other.readBytes(of: twin), "\(tensor.name)")
      }
    }
  }

  /// Stacks of experts go to GGUF as they are, with MLX's scale.
  @Test(arguments: ["qwen3-moe", "gpt-oss"]) func expertsOfTheGGUFAreThoseOfMLX(_ name: String) throws {
    try withTemporaryDirectory { directory in
      let trip = try RoundTrip(directory, base: base(name, in: directory))
      _ = try trip.convert(path(name), to: "direct.gguf")
      let file = try GGUFFileSet(path: directory + "/direct.gguf")
      let own = try SafetensorsFile(path: path(name) + "/adapters.safetensors")
      var seen = 0
      for (leaf, target) in [("gate_proj", "gate"), ("up_proj", "up"), ("down_proj", "down")] {
        for suffix in ["lora_a", "lora_b"] {
          let tensor = try #require(own.tensors.first { $0.name.hasSuffix("\(leaf).\(suffix)") && $0.shape.rank == 3 })
          let found = try #require(file.tensor(named: "blk.3.ffn_\(target)_exps.weight.\(suffix)"))
          #expect(found.shape == tensor.shape)
          #expect(try file.readBytes(of: found) == own.readBytes(of: tensor))
          seen += 1
        }
      }
      #expect(seen == 6)
      #expect(file.metadata["adapter.lora.alpha"] == .float32(8))
    }
  }

  /// Both forms of an adapter change a base alike.
  @Test func configurationsThatCantBeConvertedAreRefusedByName() throws {
    let refusals: [(field: String, json: String, code: AdapterError.Code, place: String)] = [
      ("fine_tune_type", "\"dora\"", .unsupportedField, "$.fine_tune_type"),
      ("fine_tune_type", "\"full\"", .unsupportedType, "$.fine_tune_type"),
      ("fine_tune_type", "\"other\"", .unsupportedType, "$.fine_tune_type"),
      ("use_dora", "true", .unsupportedField, "$.fine_tune_type"),
      ("lora_parameters", "{\"rank\": 4}", .invalidField, "$.lora_parameters"),
      ("lora_parameters", "{\"rank\": 4, \"scale\": 2.0, \"twist\": 1}", .unknownField, "$.lora_parameters.twist"),
    ]
    for refusal in refusals {
      let error = try withAdapter([(refusal.field, refusal.json)]) { path in
        caught(AdapterError.self) { _ = try BoundAdapter(AdapterDirectory(path: path), base: llama()) }
      }
      #expect(error?.code == refusal.code, "\(refusal)")
      #expect(error?.place == refusal.place, "\(refusal)")
    }
  }

  @Test func tensorsThatAreNoFactorsAreRefusedByName() throws {
    let q = "model.layers.0.self_attn.q_proj"
    let cases: [(tensors: [AdapterBuilder.Tensor], code: AdapterError.Code)] = [
      ([.init("\(q).m", [64], AdapterBuilder.values(64, seed: 1))], .unexpectedTensor),
      ([.init("\(q).scales", [64], AdapterBuilder.values(64, seed: 1))], .unexpectedTensor),
      ([.init("\(q).lora_a", [64, 4], AdapterBuilder.values(256, seed: 1))], .incompletePair),
      (Self.pair(q, a: [64, 4], b: [3, 64]), .wrongShape), (Self.pair(q, a: [64, 4], b: [4, 65]), .wrongShape),
      (Self.pair(q, a: [4, 64], b: [64, 4]), .wrongShape),
      (Self.pair("model.layers.0.mlp.switch_mlp.gate_proj", a: [2, 4, 64], b: [2, 80, 4]), .unknownModule),
      (Self.pair("model.layers.9.self_attn.q_proj", a: [64, 4], b: [4, 64]), .unknownModule),
      ([], .noTensors),
    ]
    for item in cases {
      let error = try withAdapter([], tensors: item.tensors) { path in
        caught(AdapterError.self) { _ = try BoundAdapter(AdapterDirectory(path: path), base: llama()) }
      }
      #expect(error?.code == item.code, "\(item.tensors.map(\.name))")
    }
  }

  /// A file of before the middle of 2024 may mean another scale; the note says so.
  @Test func anAlphaBesideTheScaleIsNoted() throws {
    let notes = try withAdapter([("lora_parameters", "{\"rank\": 4, \"alpha\": 16, \"scale\": 10.0}")]) {
      try AdapterDirectory(path: $0).notes
    }
    #expect(notes == [.mlxAlphaUnused(field: "$.lora_parameters.alpha", scale: 10)])
  }

  private static func pair(_ module: String, a: [Int], b: [Int]) -> [AdapterBuilder.Tensor] {
    [
      .init("\(module).lora_a", a, AdapterBuilder.values(a.reduce(1, *), seed: 1)),
      .init("\(module).lora_b", b, AdapterBuilder.values(b.reduce(1, *), seed: 2)),
    ]
  }

  private func llama() throws -> BaseModel {
    try BaseModel(configuration: JSONDocument(path: testData("conversion/bases/llama/config.json")).root)
  }

  private func withAdapter<Result>(
    _ fields: [(String, String)], tensors: [AdapterBuilder.Tensor]? = nil, _ body: (String) throws -> Result
  ) throws -> Result {
    var builder = AdapterBuilder()
    builder.configuration = [
      ("fine_tune_type", "\"lora\""), ("lora_parameters", "{\"rank\": 4, \"scale\": 2.0, \"dropout\": 0.0}"),
    ]
    for (name, json) in fields { builder.set(name, json) }
    builder.tensors = tensors ?? Self.pair("model.layers.0.self_attn.q_proj", a: [64, 4], b: [4, 64])
    builder.weightsName = "adapters.safetensors"
    return try withTemporaryDirectory { directory in
      try builder.write(to: directory)
      return try body(directory)
    }
  }
}
