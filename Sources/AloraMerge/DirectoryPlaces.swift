internal import AloraAdapters
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

/// Where an adapter's updates go in Hugging Face's files.
struct DirectoryPlaces {
  private let model: ModelSource
  private let base: BaseModel
  private let tensors: ModuleTensors
  /// The tensors of single experts that files may have instead of a parameter, by the parameter's name.
  private let singleExperts: [String: [SingleExpert]]

  /// A tensor that holds some rows of what a parameter has for an expert.
  private struct SingleExpert {
    let number: Int
    let rows: Range<Int>
    let tensorName: String
  }

  init(model: ModelSource, base: BaseModel, source: any TensorSource) {
    self.model = model
    self.base = base
    // A model that can't be run can still be merged into.
    let graph = try? model.graph()
    tensors = ModuleTensors(source, graph: graph)
    var singleExperts: [String: [SingleExpert]] = [:]
    let count = max(1, base.hyperparameters.expertCount)
    for matrix in graph?.matrices ?? [] where matrix.huggingFace.step == 1 {
      let perExpert = matrix.huggingFace.rowCount / count
      for other in matrix.otherHuggingFace where perExpert > 0 && other.rowCount == matrix.rowCount {
        let (number, first) = matrix.huggingFace.rows.lowerBound.quotientAndRemainder(dividingBy: perExpert)
        singleExperts[matrix.huggingFace.name, default: []].append(
          SingleExpert(number: number, rows: first..<(first + matrix.rowCount), tensorName: other.name))
      }
    }
    self.singleExperts = singleExperts
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
          remedy: "convert the adapter to PEFT first: alora convert ADAPTER --base BASE --to peft")
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
      throw MergeError(
        .wrongShape, path: model.path, place: "tensor \(tensor.name)",
        problem: "its shape is \(tensor.shape), and the adapter is for [\(plain[0]), \(plain[1])]",
        remedy: "give the base that the adapter was trained on")
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
      let matrix =
        experts.isTransposed ? [module.inputCount, module.outputCount] : [module.outputCount, module.inputCount]
      guard tensor.shape.dimensions == [count] + matrix else {
        throw MergeError(
          .wrongShape, path: model.path, place: "tensor \(tensor.name)",
          problem: "its shape is \(tensor.shape), and the adapter is for \([count] + matrix)",
          remedy: "give the base that the adapter was trained on")
      }
      return (0..<count).map { number in
        (
          tensor.name,
          MatrixUpdate(
            module: module.name, matrix: number, rows: 0..<matrix[0],
            factors: .expert(whole, number: number, rows: 0..<module.outputCount),
            isTransposed: experts.isTransposed, isRoundedFirst: true)
        )
      }
    }
    guard let singles = singleExperts[module.name], !singles.isEmpty else {
      if tensors.tensor(named: module.name + "_blocks") != nil {
        throw MergeError(
          .unsupportedLayout, path: model.path, place: "tensor \(module.name)_blocks",
          problem: "the experts are in blocks of MXFP4, which alora doesn't write",
          remedy: "save the model in BF16, or use a GGUF")
      }
      throw missing(module.name)
    }
    return try singles.map { single in
      guard let tensor = tensors.tensor(named: single.tensorName) else { throw missing(single.tensorName) }
      guard tensor.shape.dimensions == [single.rows.count, module.inputCount] else {
        throw MergeError(
          .wrongShape, path: model.path, place: "tensor \(tensor.name)",
          problem: "its shape is \(tensor.shape), and the adapter is for [\(single.rows.count), \(module.inputCount)]",
          remedy: "give the base that the adapter was trained on")
      }
      return (
        tensor.name,
        MatrixUpdate(
          module: module.name, matrix: 0, rows: 0..<single.rows.count,
          factors: .expert(whole, number: single.number, rows: single.rows), isTransposed: false, isRoundedFirst: true)
      )
    }
  }

  private func missing(_ name: String) -> MergeError {
    MergeError(
      .missingTensor, path: model.path, place: "tensor \(name)",
      problem: "the adapter changes it, and the base's files don't contain it",
      remedy: "give the base that the adapter was trained on, or its GGUF")
  }
}
