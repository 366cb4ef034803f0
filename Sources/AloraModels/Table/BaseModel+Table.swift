internal import AloraSystem
internal import AloraGGUF
internal import AloraJSON
internal import AloraTensors

extension ArchitectureTable {
  /// The row that describes a configuration: of the first class that it names, of its text part, or of its model type.
  func row(configuration json: JSON) throws -> Row? {
    let classes = try json[optional: "architectures"]?.elements().map { try $0.string() } ?? []
    // Each is searched for in the whole table; real configurations name one or two.
    for name in classes.prefix(64) {
      for candidate in [name, Self.causalClass(of: name)] {
        let rows = try rows(huggingFaceName: candidate)
        if !rows.isEmpty { return try first(of: rows, json) }
      }
    }
    // Another wrapper: llama.cpp converts what its text part says. PaliGemma's text model sees its prompt as a whole.
    if let text = try json[optional: "text_config"], text.kind == .object,
      try json[optional: "model_type"]?.string() != "paligemma"
    {
      return try row(configuration: text)
    }
    // An unknown class is another model, even if its type is known.
    guard classes.isEmpty, let modelType = try json[optional: "model_type"]?.string() else { return nil }
    return try first(of: rows(modelType: modelType), json)
  }

  /// The rules of every class that becomes that GGUF architecture, each once.
  func rules(architecture: String) throws -> [Rule] {
    var known: Set<Int> = []
    return try rules(rows(architecture: architecture).flatMap(\.ruleIndexes).filter { known.insert($0).inserted })
  }

  /// The class with the same weights and a language model's head: `Qwen3MoeModel` is a part of `Qwen3MoeForCausalLM`.
  private static func causalClass(of name: String) -> String {
    for head in ["Model", "ForSequenceClassification", "ForTokenClassification"] where name.hasSuffix(head) {
      return name.dropLast(head.count) + "ForCausalLM"
    }
    return name
  }

  private func first(of rows: [Row], _ json: JSON) throws -> Row? {
    try rows.first { row in
      let fields = try ConfigurationFields(json: json, defaults: row.defaults)
      return try row.conditions.allSatisfy { try $0.holds(for: fields) }
    }
  }
}

extension TableModules {
  init(
    _ table: ArchitectureTable, row: ArchitectureTable.Row, configuration json: JSON, _ hyperparameters: Hyperparameters
  ) throws {
    let fields = try ConfigurationFields(json: json, defaults: row.defaults)
    self.init(
      rules: try table.rules(row.ruleIndexes), layerCount: hyperparameters.layerCount,
      tiesEmbeddings: hyperparameters.tiesEmbeddings, tensors: nil,
      rotaryOrder: try RowPermutation(configuration: json, fields, architecture: row.name),
      field: { name, _ in fields.integer(name) },
      factor: { fields.number($0) })
  }

  init(
    _ rules: [ArchitectureTable.Rule], gguf file: GGUFFileSet, architecture: String, _ hyperparameters: Hyperparameters
  ) throws {
    let fields = GGUFFields(file, architecture: architecture)
    self.init(
      rules: rules, layerCount: hyperparameters.layerCount, tiesEmbeddings: hyperparameters.tiesEmbeddings,
      tensors: BaseTensors(file), rotaryOrder: try RowPermutation(gguf: file, fields, architecture: architecture),
      field: { fields.integer($0, layer: $1) }, factor: { _ in nil })
  }
}

extension BaseModel {
  init(table: ArchitectureTable, row: ArchitectureTable.Row, configuration json: JSON, objection: ArchitectureError)
    throws
  {
    let fields = try ConfigurationFields(json: json, defaults: row.defaults)
    let ties = try fields.json("tie_word_embeddings")?.boolean() ?? row.tiesEmbeddings
    let hyperparameters = try Hyperparameters(json: json, tiesEmbeddings: ties) { fields.integer($0) }
    self.init(
      path: json.filePath, statedName: try StatedName(configuration: json), architectureName: row.name,
      hyperparameters: hyperparameters,
      table: try TableModules(table, row: row, configuration: json, hyperparameters), objection: objection)
  }

  init(
    _ rules: [ArchitectureTable.Rule], gguf file: GGUFFileSet, architecture: String, objection: ArchitectureError
  ) throws {
    if Self.haveFactors(rules) { throw Self.lacksFactors(architecture, file.path) }
    let hyperparameters = try Hyperparameters(tableGGUF: file, architecture: architecture)
    self.init(
      path: file.path, statedName: StatedName(file.metadata), architectureName: architecture,
      hyperparameters: hyperparameters,
      table: try TableModules(rules, gguf: file, architecture: architecture, hyperparameters),
      objection: objection)
  }

  /// Whether rows of some weights are multiplied by numbers of the configuration.
  static func haveFactors(_ rules: [ArchitectureTable.Rule]) -> Bool {
    rules.contains { $0.targets.contains { $0.factors.contains { $0.fields.contains { Double($0) == nil } } } }
  }

  private static func lacksFactors(_ architecture: String, _ path: String?) -> ArchitectureError {
    ArchitectureError(
      .unsupportedVariant, path: path, place: "general.architecture",
      problem:
        "llama.cpp's converter multiplied the weights of this \(architecture) model by numbers that the GGUF doesn't have",
      remedy: "give the base's config.json")
  }

  /// - Throws: `unsupportedVariant` if factors of an adapter in Hugging Face's form can't be multiplied as the weights were.
  package func checkFactors() throws(ArchitectureError) {
    if lacksFactors { throw Self.lacksFactors(architectureName, path) }
  }

  /// Why this package can't run a model.
  static func onlyConverts(_ name: String, _ path: String?) -> ArchitectureError {
    ArchitectureError(
      .unknownArchitecture, path: path, place: "general.architecture",
      problem: "alora converts adapters for \(name) models but can't run them",
      remedy: "it runs \(Architecture.ggufNames.joined(separator: ", "))")
  }

  static func unknown(configuration json: JSON, _ table: ArchitectureTable) throws -> ArchitectureError {
    let classes = try json[optional: "architectures"]?.elements().map { try $0.string() } ?? []
    let textType = try json[optional: "text_config"]?[optional: "model_type"]?.string()
    return unknown(
      try classes.first ?? json[optional: "model_type"]?.string(), textType: textType, table, json.filePath,
      "$.architectures")
  }

  static func unknown(
    _ name: String?, textType: String? = nil, _ table: ArchitectureTable, _ path: String?, _ place: String
  ) -> ArchitectureError {
    let known = table.huggingFaceNames() + table.architectureNames().sorted()
    let nearest = name.flatMap { name in known.min { distance($0, name) < distance($1, name) } }
    return ArchitectureError(
      .unknownArchitecture, path: path, place: place,
      problem: "the base is \(name.map { "'\($0)'" } ?? "of an unstated architecture")"
        + (textType.map { " with the text model '\($0)'" } ?? "") + ", which is not supported",
      remedy: nearest.map { "the nearest supported one is \($0); docs/architectures.md lists all" }
        ?? "docs/architectures.md lists what is supported")
  }

  /// The edit distance of two names.
  private static func distance(_ a: String, _ b: String) -> Int {
    let (left, right) = (Array(a.lowercased().utf8.prefix(128)), Array(b.lowercased().utf8.prefix(128)))
    var row = Array(0...right.count)
    for (i, letter) in left.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, other) in right.enumerated() {
        let above = row[j + 1]
        row[j + 1] = min(above + 1, row[j] + 1, diagonal + (letter == other ? 0 : 1))
        diagonal = above
      }
    }
    return row[right.count]
  }
}

extension Hyperparameters {
  private static let layerFields = ["num_hidden_layers", "n_layer", "num_layers", "n_layers", "num_transformer_layers"]

  /// The sizes of a base that only the table describes. What such a base doesn't state is 0.
  init(json: JSON, tiesEmbeddings: Bool, _ field: (String) -> Int?) throws {
    let stated = try json[optional: "layers_block_type"]
    let listed = stated?.kind == .array ? try stated?.elements().count : nil
    guard let layers = Self.layerFields.lazy.compactMap(field).first ?? listed, Self.layers.contains(layers) else {
      throw json.error(.missing, "config.json doesn't say how many layers there are (num_hidden_layers)")
    }
    guard let vocabulary = field("vocab_size") ?? field("padded_vocab_size"), Self.extent.contains(vocabulary) else {
      throw json.error(.missing, "config.json doesn't say how large the vocabulary is (vocab_size)")
    }
    func first(_ names: String...) -> Int { names.lazy.compactMap(field).first ?? 0 }
    self.init(
      layerCount: layers, hiddenSize: first("hidden_size", "n_embd", "d_model", "model_dim"),
      headCount: first("num_attention_heads", "n_head", "n_heads", "num_heads"),
      keyValueHeadCount: first("num_key_value_heads", "num_kv_heads", "n_kv_heads"), headDimension: first("head_dim"),
      feedForwardSize: first("intermediate_size", "n_inner", "ffn_hidden_size"),
      sharedFeedForwardSize: first("shared_intermediate_size"),
      expertCount: first("num_experts", "num_local_experts", "n_routed_experts"),
      expertsPerToken: first("num_experts_per_tok"), vocabularySize: vocabulary, tiesEmbeddings: tiesEmbeddings)
  }

  init(tableGGUF file: GGUFFileSet, architecture: String) throws {
    let fields = GGUFFields(file, architecture: architecture)
    let layers = try file.metadata.integer(forKey: "\(architecture).block_count", in: Self.layers)
    guard let embedding = file.tensor(named: "token_embd.weight"), embedding.shape.rank == 2 else {
      throw ArchitectureError(
        .missingTensor, path: file.path, place: "tensor token_embd.weight",
        problem: "the file doesn't contain it as a matrix",
        remedy: "give the whole model; if it is split, give the first part")
    }
    func number(_ name: String) -> Int { fields.integer(name, layer: nil) ?? 0 }
    self.init(
      layerCount: layers, hiddenSize: number("hidden_size"), headCount: number("num_attention_heads"),
      keyValueHeadCount: number("num_key_value_heads"), headDimension: number("head_dim"),
      feedForwardSize: number("intermediate_size"), sharedFeedForwardSize: 0, expertCount: number("num_experts"),
      expertsPerToken: 0, vocabularySize: embedding.shape.dimensions[0],
      tiesEmbeddings: file.tensor(named: "output.weight") == nil)
  }
}
