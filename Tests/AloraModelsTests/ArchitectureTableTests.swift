import AloraSystem
import AloraGGUF
import AloraJSON
import AloraTestSupport
import Testing

@testable import AloraModels

@Suite struct ArchitectureTableTests {
  private func document() throws -> JSON {
    try JSONDocument(path: testData("../Sources/CArchitectureTable/architectures.json")).root
  }

  /// The lines that lookups parse are the whole table.
  @Test func linesAndTheWholeTextAgree() throws {
    let table = ArchitectureTable()
    let whole = try document()
    let classes = try whole["classes"].elements()
    let rules = try whole["rules"].elements()
    #expect(classes.count > 140 && rules.count > 400)
    var seen = 0
    for name in table.huggingFaceNames() {
      for row in try table.rows(huggingFaceName: name) {
        let expected = classes[seen]
        #expect(try expected["class"].string() == name && row.name == expected["architecture"].string())
        let modules = try table.rules(row.ruleIndexes).map(\.module)
        #expect(try modules == expected["rules"].integers(in: 0...rules.count).map { try rules[$0]["module"].string() })
        seen += 1
      }
    }
    #expect(seen == classes.count)
    #expect(table.architectureNames().count >= 100)
  }

  /// Every other class and rule may be damaged: a lookup reads only its own lines.
  @Test(arguments: ["SmolLM3ForCausalLM", "Zamba2ForCausalLM", "Qwen3MoeForCausalLM"])
  func aLookupParsesOnlyItsOwnLines(_ name: String) throws {
    let whole = ArchitectureTable()
    let row = try whole.rows(huggingFaceName: name).first
    let rules = try whole.rules(row?.ruleIndexes ?? [])
    try withTable(damaging: { line, rule in
      rule.map { !(row?.ruleIndexes.contains($0) ?? false) } ?? !line.hasPrefix("    {\"class\":\"\(name)\"")
    }) { table in
      let found = try table.rows(huggingFaceName: name)
      #expect(found.map(\.huggingFaceName) == (row == nil ? [] : [name]))
      #expect(try table.rules(found.first?.ruleIndexes ?? []) == rules)
      #expect(table.huggingFaceNames() == whole.huggingFaceNames())
      if row != nil { #expect(throws: (any Error).self) { _ = try table.rows(huggingFaceName: "LlamaForCausalLM") } }
    }
    guard let row else { return }
    // The damage is one that a lookup would notice.
    try withTable(damaging: { line, rule in rule == row.ruleIndexes[0] }) { table in
      #expect(throws: (any Error).self) { _ = try table.rules(row.ruleIndexes) }
    }
  }

  /// A table without the last byte of some lines, each of them given with its number among the rules.
  private func withTable(
    damaging isDamaged: (_ line: String, _ rule: Int?) -> Bool, _ body: (ArchitectureTable) throws -> Void
  ) throws {
    let bytes = try readFile(testData("../Sources/CArchitectureTable/architectures.json"))
    var number = 0
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map {
      line in
      let isRule = line.hasPrefix("    {\"module\":")
      guard isRule || line.hasPrefix("    {\"class\":") else { return String(line) }
      defer { number += isRule ? 1 : 0 }
      return isDamaged(String(line), isRule ? number : nil) ? line.dropLast(2) + "" : String(line)
    }
    let text = Array(lines.joined(separator: "\n").utf8)
    try text.withUnsafeBufferPointer { text in
      guard let start = text.baseAddress else { return }
      // Safe: the table doesn't leave `body`.
      try body(ArchitectureTable(text: unsafe TableText(start: start, count: text.count)))
    }
  }

  /// Names come from files.
  @Test(arguments: [
    "", "\"", "\n", "AfmoeForCausalLM\",\"modelType\":\"afmoe",
    "AfmoeForCausalLM\",\n    {\"class\":\"ApertusForCausalLM", "null",
    "afmoe\",\"defaults\":{\"head_dim", "LlamaForCausal", "lamaForCausalLM", "é\u{0}",
  ]) func anotherNameFindsNothing(_ name: String) throws {
    let table = ArchitectureTable()
    #expect(try table.rows(huggingFaceName: name).isEmpty && table.rows(modelType: name).isEmpty)
    #expect(try table.rows(architecture: name).isEmpty && table.neverApplied(architecture: name).isEmpty)
  }

  @Test func theTableFollowsItsSchema() throws {
    let schema = try SchemaValidator(path: testData("../schemas/architectures.schema.json"))
    #expect(try schema.violations(in: document()) == [])
  }

  /// An architecture that this package runs has the same weights in its Swift file and in the table.
  @Test(arguments: Self.configurations.keys.sorted()) func engineAndTableAgree(_ name: String) throws {
    let base = try #require(Self.configurations[name])
    let json = try parseJSON(base)
    let engine = try BaseModel(configuration: json)
    let table = ArchitectureTable()
    let row = try #require(try table.row(configuration: json))
    #expect(row.name == engine.architectureName)
    let modules = try TableModules(table, row: row, configuration: json, engine.hyperparameters)
    for module in engine.modules {
      // The reference writes no output layer for a class that always ties it. Layers may have heads of several sizes.
      let first = modules.module(named: module.name)
      let found =
        first?.outputCount == module.outputCount && first?.inputCount == module.inputCount
        ? first : modules.module(named: module.name, extents: (module.outputCount, module.inputCount))
      if module.kind == .outputLayer, row.tiesEmbeddings, found == nil { continue }
      let other = try #require(found, "\(module.name)")
      #expect(other == module || haveTheSameElements(other, module), "\(module.name)")
    }
  }

  /// An order of elements can be written in several ways.
  private func haveTheSameElements(_ a: WeightModule, _ b: WeightModule) -> Bool {
    guard a.name == b.name, a.kind == b.kind, a.inputCount == b.inputCount, a.outputCount == b.outputCount,
      a.targets.count == b.targets.count
    else { return false }
    let columnCount = a.inputCount
    return zip(a.targets, b.targets).allSatisfy { a, b in
      a.tensorName == b.tensorName && a.rowCount == b.rowCount && a.factors == b.factors && a.part == b.part
        && (0..<a.rowCount).allSatisfy {
          a.rows.lowerBound + a.permutation.sourceRow(of: $0) == b.rows.lowerBound + b.permutation.sourceRow(of: $0)
        }
        && (0..<(a.columns == b.columns ? 0 : columnCount)).allSatisfy {
          a.columns.sourceRow(of: $0) == b.columns.sourceRow(of: $0)
        }
    }
  }

  private static let sizes = """
    "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 96,
    "num_hidden_layers": 2, "vocab_size": 128, "tie_word_embeddings": false
    """
  private static let configurations: [String: String] = {
    var all: [String: String] = [:]
    for architecture in Architecture.all {
      guard let modelType = architecture.names.modelTypes.first,
        ArchitectureTable().huggingFaceNames().contains(architecture.className)
      else { continue }
      var text = "\(sizes), \"architectures\": [\"\(architecture.className)\"]"
      if modelType.hasPrefix("granitemoe") {
        let experts = modelType == "granitemoehybrid" ? 0 : 4
        text += ", \"num_local_experts\": \(experts), \"num_experts_per_tok\": \(experts / 2)"
        // llama.cpp loads a dense hybrid only if its two widths are equal.
        let width = modelType == "granitemoehybrid" ? 96 : 48
        if modelType != "granitemoe" { text += ", \"shared_intermediate_size\": \(width)" }
        text += ", \"layer_types\": [\"attention\", \"attention\"]"
      }
      switch modelType {
      case "lfm2": text += #", "layer_types": ["conv", "full_attention"]"#
      case "falcon_h1":
        text += """
          , "mamba_d_ssm": 128, "mamba_n_heads": 8, "mamba_d_state": 8, "attention_in_multiplier": 2.5,
          "key_multiplier": 0.5, "attention_out_multiplier": 1.5, "ssm_in_multiplier": 3.5, "ssm_out_multiplier": 0.25,
          "ssm_multipliers": [1.5, 2, 3, 4, 5], "mlp_multipliers": [6, 7], "embedding_multiplier": 8,
          "lm_head_multiplier": 9
          """
      case "nemotron_h":
        text += """
          , "layers_block_type": ["linear_attention", "mlp"], "mamba_num_heads": 8, "mamba_head_dim": 16,
          "ssm_state_size": 8, "n_groups": 2
          """
      case "qwen3_next", "qwen3_5_text", "qwen3_5_moe_text":
        text += """
          , "layer_types": ["linear_attention", "full_attention"], "linear_num_key_heads": 4, "linear_key_head_dim": 8,
          "linear_num_value_heads": 12, "linear_value_head_dim": 10
          """
      default: break
      }
      all[architecture.className] = "{\(text)}"
    }
    return all
  }()

  /// GLM with M-RoPE: the rotary rows of each head of q and k become halves.
  @Test func rotaryRowsAreReorderedForMRoPE() throws {
    func order(_ rope: String, head: Int = 8) throws -> [RowPermutation?] {
      let base = try BaseModel(
        configuration: parseJSON(
          """
          {"architectures": ["Glm4vForConditionalGeneration"], "text_config": {\(rope) "hidden_size": 32, "head_dim": \(head),
           "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 1, "vocab_size": 64, "intermediate_size": 48}}
          """))
      return ["q", "k", "v"].map {
        base.module(named: "model.language_model.layers.0.self_attn.\($0)_proj")?.targets.first?.permutation
      }
    }
    let half = RowPermutation.pairsToHalves(headDimension: 8, rotaryDimension: 4)
    let whole = RowPermutation.pairsToHalves(headDimension: 8, rotaryDimension: 8)
    #expect(try order(#""rope_parameters": {"mrope_section": [1, 1]},"#) == [half, half, RowPermutation.none])
    #expect(
      try order(#""rope_scaling": {"mrope_section": [1, 1]}, "partial_rotary_factor": 1.0,"#)
        == [whole, whole, RowPermutation.none])
    #expect(
      try order(#""rope_parameters": {"rope_type": "default"},"#) == [
        RowPermutation.none, RowPermutation.none, RowPermutation.none,
      ])
    #expect(
      caught(ArchitectureError.self) { _ = try order(#""rope_parameters": {"mrope_section": [1, 1]},"#, head: 6) }
        != nil)
    #expect((0..<16).map(half.sourceRow) == [0, 2, 1, 3, 4, 5, 6, 7, 8, 10, 9, 11, 12, 13, 14, 15])
    #expect((0..<16).map(whole.sourceRow) == [0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15])
    for order in [half, whole, RowPermutation.halvesToPairs(headDimension: 8)] {
      #expect((0..<16).map { order.targetRow(of: order.sourceRow(of: $0)) } == Array(0..<16))
    }
  }

  @Test func mostEnginesAreInTheTable() { #expect(Self.configurations.count >= 11) }

  @Test func anUnknownClassIsRefusedWithTheNearest() throws {
    let error = caught(ArchitectureError.self) {
      _ = try BaseModel(configuration: parseJSON(#"{"architectures": ["Qwen3MoEForCausalLM"]}"#))
    }
    #expect(error?.code == .unknownArchitecture)
    #expect(error?.remedy?.description.contains("Qwen3MoeForCausalLM") == true)
  }

  /// A base that only the table describes converts, and can't run.
  @Test func whatTheTableDescribesDoesNotRun() throws {
    let json = try parseJSON("{\(Self.sizes), \"architectures\": [\"Starcoder2ForCausalLM\"]}")
    let base = try BaseModel(configuration: json)
    #expect(base.architectureName == "starcoder2")
    #expect(base.module(named: "model.layers.1.self_attn.q_proj")?.targets.map(\.tensorName) == ["blk.1.attn_q.weight"])
    #expect(base.module(named: "model.layers.2.self_attn.q_proj") == nil)
    let error = caught(ArchitectureError.self) { _ = try ModelGraph(configuration: json) }
    #expect(error?.code == .unknownArchitecture)
  }

  @Test(arguments: ["999999999999*a", "a", "a*a*a*a", "b/z", "a+b"]) func hostileExtentsAreNil(_ text: String) throws {
    let fields = ["a": 1 << 40, "z": 0]
    let value = try FieldExpression(text: text).value { fields[$0] }
    #expect(value == nil || text == "a")
  }

  @Test(arguments: [
    [(start: 0, loops: [(count: 4, stride: 1 << 62)])], [(start: -1, loops: [(count: 2, stride: 1)])],
    [(start: 0, loops: [(count: 9, stride: 1)])], [(start: 5, loops: [(count: 4, stride: 1)])],
    [(start: 0, loops: [(count: 1 << 62, stride: 0), (count: 8, stride: 1)])],
  ]) func anOrderOutsideOfItsSourceIsNone(_ segments: [(start: Int, loops: [(count: Int, stride: Int)])]) {
    #expect(ElementOrder(segments, extent: 8) == nil)
  }
}
