internal import AloraSystem
package import AloraGGUF
package import AloraJSON
internal import AloraTensors

/// What the configuration, or the header of a GGUF, says about a base model.
package struct BaseModel: Sendable {
  /// The file that described it: config.json or a GGUF.
  package let path: String?
  /// The name that the model gives itself, if any.
  package let statedName: StatedName?
  /// `general.architecture`, as an adapter for this base must name it.
  package let architectureName: String
  package let hyperparameters: Hyperparameters
  /// Every module that an adapter can change, layer by layer; then the embedding and the output layer.
  package let modules: [WeightModule]

  /// Whether llama.cpp's converter multiplied weights by numbers that this base doesn't have, so that the factors of adapters
  /// can't be.
  package private(set) var lacksFactors = false

  private let lookup: Lookup

  /// Copies of a base share this storage.
  private final class Lookup: Sendable {
    /// The architecture that builds the layers, or the reason why this package can only convert its adapters.
    let architecture: Result<Architecture, ArchitectureError>
    let moduleIndex: [String: Int]
    /// The modules of ``BaseModel/modules`` with their weights in a GGUF tensor, by its name.
    let modulesOfTensor: [String: [Int]]
    /// Modules from the traced table that ``BaseModel/modules`` lacks: experts, and all modules of a base that this package
    /// can't run.
    let table: TableModules?
    /// Patterns of the tensors that llama.cpp never applies an adapter to.
    let neverApplied: Set<String>

    init(
      _ architecture: Result<Architecture, ArchitectureError>, _ modules: [WeightModule], _ moduleIndex: [String: Int],
      _ table: TableModules?, _ architectureName: String
    ) {
      self.architecture = architecture
      self.moduleIndex = moduleIndex
      var modulesOfTensor: [String: [Int]] = [:]
      for (index, module) in modules.enumerated() {
        for name in Set(module.targets.map(\.tensorName)) { modulesOfTensor[name, default: []].append(index) }
      }
      self.modulesOfTensor = modulesOfTensor
      self.table = table
      neverApplied = ArchitectureTable().neverApplied(architecture: architectureName)
    }
  }

  /// The architecture that builds the layers.
  ///
  /// - Throws: `unknownArchitecture`, `unsupportedVariant` for a base that this package only converts adapters for.
  func architecture() throws(ArchitectureError) -> Architecture { try lookup.architecture.get() }

  /// The token embedding in Hugging Face's files.
  var embeddingName: String { modules.first { $0.kind == .embedding }?.name ?? "model.embed_tokens" }

  /// The module of that path, or nil.
  package func module(named name: String) -> WeightModule? {
    lookup.moduleIndex[name].map { modules[$0] } ?? lookup.table?.module(named: name)
  }

  /// The module of that path. Of several that layers of different kinds have, the one with these extents.
  package func module(named name: String, outputCount: Int, inputCount: Int) -> WeightModule? {
    lookup.moduleIndex[name].map { modules[$0] }
      ?? lookup.table?.module(named: name, extents: (outputCount, inputCount))
  }

  /// The module's parameters that hold the weights of experts, in the module's order.
  package func experts(ofModule name: String) -> [WeightModule] { lookup.table?.experts(ofModule: name) ?? [] }

  /// The modules whose weights are in a GGUF tensor, as the base's own class names them if that is known. Several classes
  /// of one GGUF architecture, or an expert's parameter and its single modules, can have their weights in one tensor.
  ///
  /// - Parameter extents: what an adapter of the tensor has, for weights whose extents the base doesn't tell.
  package func modules(ofTensor name: String, extents: (out: Int, in: Int)? = nil) -> [WeightModule] {
    let found = lookup.table?.modules(ofTensor: name, extents: extents) ?? []
    return found + (lookup.modulesOfTensor[name] ?? []).map { modules[$0] }.filter { !found.contains($0) }
  }

  /// The parameters of all layers that hold the weights of experts.
  package var expertModules: [WeightModule] {
    (lookup.table?.allExperts() ?? []).filter { module in
      !(module.layerIndex.map(hyperparameters.denseLayers.contains) ?? false)
    }
  }

  /// Which of these tensors llama.cpp loads adapters for without ever applying them.
  package func neverApplied(among names: [String]) -> [String] {
    let never = lookup.neverApplied
    if never.isEmpty, hyperparameters.sharingLayerCount == 0 { return [] }
    return names.filter { name in
      let (pattern, layer) = (ModuleName(name).pattern, ModuleName(name).layer)
      // Files may have projections that a layer has no use for.
      let isOfKeysOrValues = ["blk.{layer}.attn_k.weight", "blk.{layer}.attn_v.weight"].contains(pattern)
      return never.contains(pattern)
        || isOfKeysOrValues && !(layer.map(hyperparameters.hasOwnKeysAndValues) ?? true)
    }
  }

  /// A model's name for itself.
  package struct StatedName: Hashable, Sendable {
    package let name: String
    /// True for `org/name`, which leaves nothing out.
    package let isWhole: Bool

    package init(name: String, isWhole: Bool) {
      self.name = name
      self.isWhole = isWhole
    }
  }

  private init(
    path: String?, statedName: StatedName?, architectureName: String, hyperparameters: Hyperparameters,
    architecture: Architecture, modulesOf architectures: [Architecture], table: TableModules?
  ) {
    self.path = path
    self.statedName = statedName
    self.architectureName = architectureName
    self.hyperparameters = hyperparameters
    var modules: [WeightModule] = []
    var index: [String: Int] = [:]
    func add(_ module: WeightModule) {
      guard index[module.name] == nil else { return }
      index[module.name] = modules.count
      modules.append(module)
    }
    for layer in 0..<hyperparameters.layerCount {
      let layerModules = architectures.flatMap { $0.layerModules(hyperparameters.inLayer(layer)) }
      for module in layerModules where module.layers.contains(layer, hyperparameters) {
        let targets = module.targets.map {
          WeightTarget(
            tensorName: "blk.\(layer).\($0.tensor).weight", rows: $0.rows, permutation: $0.permutation,
            columns: $0.columns, factors: $0.factors)
        }
        add(
          WeightModule(
            name: "model.layers.\(layer).\(module.name)", kind: .linear, inputCount: module.inputCount,
            outputCount: module.outputCount, layerIndex: layer, targets: targets))
      }
    }
    let (vocabulary, hidden) = (hyperparameters.vocabularySize, hyperparameters.hiddenSize)
    add(
      WeightModule(
        name: architecture.names.embedding, kind: .embedding, inputCount: vocabulary, outputCount: hidden,
        layerIndex: nil,
        targets: [
          WeightTarget(
            tensorName: "token_embd.weight", rows: 0..<hidden, permutation: .none,
            factors: .uniform(hyperparameters.multipliers?.embedding, rowCount: vocabulary))
        ]))
    let output = WeightTarget(
      tensorName: "output.weight", rows: 0..<vocabulary, permutation: .none,
      factors: .uniform(hyperparameters.multipliers?.output, rowCount: vocabulary))
    add(
      WeightModule(
        name: "lm_head", kind: .outputLayer, inputCount: hidden, outputCount: vocabulary, layerIndex: nil,
        targets: hyperparameters.tiesEmbeddings ? [] : [output]))
    self.modules = modules
    lookup = Lookup(.success(architecture), modules, index, table, architectureName)
  }

  /// A base that only the table describes.
  init(
    path: String?, statedName: StatedName?, architectureName: String, hyperparameters: Hyperparameters,
    table: TableModules, objection: ArchitectureError
  ) {
    self.path = path
    self.statedName = statedName
    self.architectureName = architectureName
    self.hyperparameters = hyperparameters
    modules = table.wholeModules()
    lookup = Lookup(.failure(objection), modules, [:], table, architectureName)
  }
}

extension BaseModel {
  /// The base that a config.json describes.
  ///
  /// - Throws: ``JSONError``; ``ArchitectureError`` (`unknownArchitecture`, `unsupportedVariant`).
  package init(configuration json: JSON) throws {
    let table = ArchitectureTable()
    let row = try table.row(configuration: json)
    do {
      let found = try Architecture.find(configuration: json)
      let (architecture, reader) = (found.architecture, found.reader)
      if let objection = try architecture.objection(reader) {
        throw ArchitectureError(
          .unsupportedVariant, path: json.filePath, place: nil,
          problem: "this \(architecture.className) is not supported: \(objection)")
      }
      var hyperparameters = try Hyperparameters(configuration: reader, architecture.defaults)
      hyperparameters.globalHeads = try architecture.globalHeads(reader, hyperparameters)
      try architecture.configure(reader, &hyperparameters)
      hyperparameters.recurrence = try architecture.recurrence(reader, hyperparameters)
      self.init(
        path: json.filePath, statedName: try StatedName(configuration: json),
        architectureName: row?.name ?? architecture.variantName(hyperparameters) ?? architecture.names.gguf,
        hyperparameters: hyperparameters, architecture: architecture, modulesOf: [architecture],
        table: try row.map { try TableModules(table, row: $0, configuration: json, hyperparameters) })
    } catch let objection as ArchitectureError {
      guard let row else {
        throw objection.code == .unknownArchitecture ? try Self.unknown(configuration: json, table) : objection
      }
      self = try BaseModel(table: table, row: row, configuration: json, objection: objection)
    }
  }

  /// The base that a GGUF describes. Its tensors are compared with the architecture's table.
  ///
  /// Several Hugging Face architectures become one GGUF architecture; the modules of all of them are known by name.
  ///
  /// - Throws: ``GGUFError``; ``ArchitectureError`` (`unknownArchitecture`, `invalidHyperparameter`, `missingTensor`,
  ///   `wrongShape`).
  package init(gguf file: GGUFFileSet) throws {
    let metadata = file.metadata
    let type = try metadata.string(ifPresent: "general.type") ?? "model"
    let name = try metadata.string(forKey: "general.architecture")
    guard type == "model" else {
      throw ArchitectureError(
        .unsupportedVariant, path: file.path, place: "general.type",
        problem: "the file is of type '\(type)', not a model",
        remedy: "give the base model's GGUF")
    }
    let architectures = Architecture.all(ggufName: name)
    let table = ArchitectureTable()
    let rules = try table.rules(architecture: name)
    do {
      guard let first = architectures.first else { throw Self.onlyConverts(name, file.path) }
      if let objection = try first.objectionToGGUF(GGUFReader(file: file, prefix: name)) {
        throw ArchitectureError(
          .unsupportedVariant, path: file.path, place: nil, problem: "this \(name) model is not supported: \(objection)"
        )
      }
      var hyperparameters = try Hyperparameters(gguf: file, architecture: name, recurrence: first.recurrenceOfGGUF)
      try first.configureByGGUF(GGUFReader(file: file, prefix: name), &hyperparameters)
      let fitting = architectures.filter { $0.describes(hyperparameters) }
      guard let architecture = fitting.first else { throw Self.onlyConverts(name, file.path) }
      self.init(
        path: file.path, statedName: StatedName(metadata), architectureName: name, hyperparameters: hyperparameters,
        architecture: architecture, modulesOf: fitting,
        table: try TableModules(rules, gguf: file, architecture: name, hyperparameters))
      try check(against: file)
      lacksFactors = Self.haveFactors(rules)
    } catch let objection as ArchitectureError
      where architectures.isEmpty || objection.code == .unsupportedVariant
    {
      guard !rules.isEmpty else { throw Self.unknown(name, table, file.path, "general.architecture") }
      self = try BaseModel(rules, gguf: file, architecture: name, objection: objection)
    }
  }

  private func check(against file: GGUFFileSet) throws {
    for module in modules {
      for target in module.targets {
        guard let tensor = file.tensor(named: target.tensorName) else {
          if BaseTensors(file).hasJoined(target.tensorName) || hyperparameters.expertCount > 0 {
            throw ArchitectureError(
              .unsupportedVariant, path: file.path, place: "tensor \(target.tensorName)",
              problem:
                "the file has its weights in tensors of another form, which alora converts adapters for but can't run")
          }
          throw ArchitectureError(
            .missingTensor, path: file.path, place: "tensor \(target.tensorName)",
            problem: "the file lacks it, but every \(architectureName) model has it",
            remedy: "give the whole model; if it is split, give the first part")
        }
        let rows = module.kind == .embedding ? module.inputCount : target.rowCount
        let columns = module.kind == .embedding ? module.outputCount : module.inputCount
        guard tensor.shape.dimensions == [rows, columns] else {
          throw ArchitectureError(
            .wrongShape, path: file.path, place: "tensor \(target.tensorName)",
            problem: "its shape is \(tensor.shape), but the metadata say [\(rows), \(columns)]")
        }
      }
    }
  }
}
