internal import AloraAdapters
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

/// Where an adapter's updates go in Hugging Face's files.
struct DirectoryPlaces {
  private let model: ModelSource
  private let base: BaseModel
  private let tensors: ModuleTensors
  /// The matrices of experts that files may have otherwise than as the base's parameter, by the GGUF tensor they become.
  private let expertMatrices: [String: [GraphMatrix]]

  init(model: ModelSource, base: BaseModel, source: any TensorSource) {
    self.model = model
    self.base = base
    // A model that can't be run can still be merged into.
    let graph = try? model.graph()
    tensors = ModuleTensors(source, graph: graph)
    expertMatrices = Dictionary(grouping: graph?.matrices ?? []) { $0.gguf.name }
  }

  /// - Throws: ``MergeError`` `missingTensor`, `wrongShape`, `unsupportedLayout`; ``AdapterError`` `ambiguousExperts`;
  ///   ``ArchitectureError`` `quantizedWeights`.
  func updates(_ adapter: BoundAdapter) throws -> [String: [MatrixUpdate]] {
    var updates: [String: [MatrixUpdate]] = [:]
    for member in adapter.members {
      if case .experts = member.module.kind, let whole = try adapter.parameterUpdate(member) {
        for (name, update) in try parameter(member, whole) { updates[name, default: []].append(update) }
        continue
      }
      guard !member.pair.isStack else {
        throw MergeError(
          .unsupportedLayout, path: adapter.path, place: "module \(member.pair.module)",
          problem: "its experts are stacked as in GGUF, and the base has Hugging Face's parameters",
          remedy: "convert the adapter to PEFT first")
      }
      for (name, update) in try linear(member) { updates[name, default: []].append(update) }
    }
    return updates
  }

  // MARK: Modules

  private func linear(_ member: BoundAdapter.Member) throws -> [(String, MatrixUpdate)] {
    let module = member.module
    guard let tensor = tensor(of: module, otherwise: member.pair.module) else {
      if let method = try model.quantization() { throw method.refusal(path: model.path) }
      throw missing("\(module.name).weight")
    }
    let isTransposed = try isTransposed(tensor, module)
    func update(_ rowMap: [Int]?, _ columnMap: [Int]?) -> (String, MatrixUpdate) {
      let rows = tensor.shape.dimensions[0]
      return (
        tensor.name,
        MatrixUpdate(
          module: module.name, matrix: 0, rows: 0..<rows,
          factors: .module(member, rowMap: rowMap, columnMap: columnMap), isTransposed: isTransposed,
          isRoundedFirst: member.isRoundedFirst)
      )
    }
    guard member.isInGGUFOrder, module.kind != .embedding else { return [update(nil, nil)] }
    return member.targets.map { target in
      var rowMap = [Int](repeating: -1, count: module.outputCount)
      for row in 0..<target.rowCount { rowMap[target.rows.lowerBound + target.permutation.sourceRow(of: row)] = row }
      var columnMap: [Int]?
      if target.columns != .none {
        var map = [Int](repeating: 0, count: module.inputCount)
        for column in 0..<module.inputCount { map[target.columns.sourceRow(of: column)] = column }
        columnMap = map
      }
      return update(rowMap, columnMap)
    }
  }

  private func tensor(of module: WeightModule, otherwise name: String? = nil) -> TensorDescription? {
    tensors.tensor(named: "\(module.name).weight") ?? name.flatMap { tensors.tensor(named: "\($0).weight") }
  }

  /// Whether a weight is stored [in, out], as transformers' `Conv1D` does; an embedding always is. Of a square weight, the
  /// others of the model tell.
  private func isTransposed(_ tensor: TensorDescription, _ module: WeightModule) throws(MergeError) -> Bool {
    let (shape, plain) = (tensor.shape.dimensions, [module.outputCount, module.inputCount])
    guard shape == plain || shape == plain.reversed() else {
      throw wrongShape(tensor, plain)
    }
    if module.kind == .embedding { return true }
    if plain[0] != plain[1] || module.kind == .outputLayer { return shape != plain }
    for other in base.modules where other.kind == .linear && other.inputCount != other.outputCount {
      if let found = self.tensor(of: other) { return found.shape.dimensions == [other.inputCount, other.outputCount] }
    }
    return false
  }

  // MARK: Experts

  private func parameter(
    _ member: BoundAdapter.Member, _ whole: BoundAdapter.ExpertUpdate
  ) throws -> [(String, MatrixUpdate)] {
    let (module, count) = (member.module, whole.experts.count)
    guard case .experts(let experts) = module.kind else { return [] }
    if let tensor = tensors.tensor(named: module.name) {
      let isTransposed = experts.isTransposed != isStoredOtherwise(module)
      let matrix = isTransposed ? [module.inputCount, module.outputCount] : [module.outputCount, module.inputCount]
      try check(tensor, [count] + matrix)
      return (0..<count).map { number in
        (
          tensor.name,
          MatrixUpdate(
            module: module.name, matrix: number, rows: 0..<matrix[0],
            factors: .expert(whole, number: number, rows: 0..<module.outputCount), isTransposed: isTransposed,
            isRoundedFirst: true)
        )
      }
    }
    let parts = try module.targets.flatMap { target -> [(String, MatrixUpdate)] in
      guard target.permutation == .none, target.columns == .none else { return [] }
      let found = try places(of: target, module, count: count)
      return found.enumerated().map { number, place in
        (
          place.tensor.name,
          MatrixUpdate(
            module: module.name, matrix: place.matrix, rows: place.rows,
            factors: .expert(whole, number: number, rows: target.rows), isTransposed: false, isRoundedFirst: true)
        )
      }
    }
    guard parts.count == count * module.targets.count else {
      if tensors.tensor(named: module.name + "_blocks") != nil {
        throw MergeError(
          .unsupportedLayout, path: model.path, place: "tensor \(module.name)_blocks",
          problem: "the experts are in blocks of MXFP4, which alora writes in a GGUF only",
          remedy: "save the model in BF16, or use a GGUF")
      }
      throw missing(module.name)
    }
    return parts
  }

  /// Some rows of one matrix in a tensor.
  private typealias Place = (tensor: TensorDescription, matrix: Int, rows: Range<Int>)

  /// Where each expert's rows of a parameter are, if the files don't have the parameter: in another one, or in a tensor for
  /// each expert. Empty if they are nowhere.
  private func places(of target: WeightTarget, _ module: WeightModule, count: Int) throws(MergeError) -> [Place] {
    var places: [Place] = []
    for matrix in expertMatrices[target.tensorName] ?? [] {
      for place in [matrix.huggingFace] + matrix.otherHuggingFace where place.form == .rows && place.step == 1 {
        guard let tensor = tensors.tensor(named: place.name) else { continue }
        let extents = tensor.shape.dimensions
        guard extents.count >= 2, extents.last == module.inputCount, tensor.shape.rowCount == place.rowCount else {
          throw wrongShape(tensor, [place.rowCount, module.inputCount])
        }
        let (number, first) = place.rows.lowerBound.quotientAndRemainder(dividingBy: extents[extents.count - 2])
        places.append((tensor, number, first..<(first + place.rows.count)))
        break
      }
    }
    return places.isEmpty ? try namedExperts(target, module, count: count) : places
  }

  /// The projections of single experts, by the names that transformers joins to a parameter. For models that can't be run.
  ///
  /// Source: transformers 5 `conversion_mapping.py`.
  private func namedExperts(_ target: WeightTarget, _ module: WeightModule, count: Int) throws(MergeError) -> [Place] {
    let names = [
      "ffn_gate_exps": ["gate_proj", "w1"], "ffn_up_exps": ["up_proj", "w3"], "ffn_down_exps": ["down_proj", "w2"],
    ]
    guard let dot = module.name.lastIndex(of: "."),
      let leaf = target.tensorName.split(separator: ".").dropLast().last, let candidates = names[String(leaf)]
    else { return [] }
    let parent = module.name[..<dot]
    guard let name = candidates.first(where: { tensors.tensor(named: "\(parent).0.\($0).weight") != nil }) else {
      return []
    }
    var places: [Place] = []
    for number in 0..<count {
      let full = "\(parent).\(number).\(name).weight"
      guard let tensor = tensors.tensor(named: full) else { throw missing(full) }
      try check(tensor, [target.rows.count, module.inputCount])
      places.append((tensor, 0, 0..<target.rows.count))
    }
    return places
  }

  /// Whether the files have the parameters of a module with rows and columns exchanged: some classes turn them round as they
  /// load. A square parameter is taken as it is.
  ///
  /// Source: transformers 5 `core_model_loading.py` (`Transpose` with `check_dims`).
  private func isStoredOtherwise(_ module: WeightModule) -> Bool {
    guard module.inputCount != module.outputCount, let dot = module.name.lastIndex(of: ".") else { return false }
    for parameter in base.experts(ofModule: String(module.name[..<dot]))
    where parameter.inputCount != parameter.outputCount {
      guard case .experts(let experts) = parameter.kind, let tensor = tensors.tensor(named: parameter.name) else {
        continue
      }
      let plain = [experts.count, parameter.outputCount, parameter.inputCount]
      return tensor.shape.dimensions != (experts.isTransposed ? [plain[0], plain[2], plain[1]] : plain)
        && tensor.shape.dimensions == (experts.isTransposed ? plain : [plain[0], plain[2], plain[1]])
    }
    return false
  }

  // MARK: Errors

  private func check(_ tensor: TensorDescription, _ shape: [Int]) throws(MergeError) {
    guard tensor.shape.dimensions == shape else { throw wrongShape(tensor, shape) }
  }

  private func wrongShape(_ tensor: TensorDescription, _ shape: [Int]) -> MergeError {
    MergeError(
      .wrongShape, path: model.path, place: "tensor \(tensor.name)",
      problem: "its shape is \(tensor.shape), and the adapter is for \(shape)",
      remedy: "give the base that the adapter was trained on")
  }

  private func missing(_ name: String) -> MergeError {
    MergeError(
      .missingTensor, path: model.path, place: "tensor \(name)",
      problem: "the adapter changes it, and the base's files don't contain it",
      remedy: "give the base that the adapter was trained on, or its GGUF")
  }
}
