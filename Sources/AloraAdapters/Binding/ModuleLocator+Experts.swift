internal import AloraModels
internal import AloraSystem
internal import AloraTensors

extension ModuleLocator {
  /// The parameter of experts that a pair changes, or nil if it changes something else.
  ///
  /// PEFT wraps a module once for each of its targeted parameters, the first one innermost: `experts.base_layer` is
  /// the first of two, `experts` the last.
  ///
  /// Source: PEFT `tuners/tuners_utils.py` (`_inject_parameters`), `tuners/lora/layer.py` (`ParamWrapper`).
  func parameter(of pair: FactorPair) throws(AdapterError) -> WeightModule? {
    let (module, depth) = pair.wrappedModule
    let all = base.experts(ofModule: module)
    guard !all.isEmpty, !pair.isEmbedding else { return nil }
    let configuration = adapter.configuration
    let targeted =
      configuration.targetParameters.isEmpty
      ? all : all.filter { configuration.targetsParameter("\(module).\($0.leaf)") }
    guard targeted.indices.contains(targeted.count - 1 - depth) else {
      throw error(
        .unknownModule, pair,
        "target_parameters names \(targeted.count) of this module's parameters "
          + "(\(all.map(\.leaf).joined(separator: ", "))), but the file has factors for more",
        "save the adapter again, with its adapter_config.json")
    }
    let parameter = targeted[targeted.count - 1 - depth]
    try checkApplied(parameter)
    try checkActivation(parameter)
    let (count, rank) = (parameter.expertCount, try matcher.scaling(ofModule: patternName(pair, parameter)).rank)
    let own = pair.a.shape.rowCount.quotientAndRemainder(dividingBy: max(rank, 1))
    // Twice as many can also be a wrong rank, which is compared later.
    guard own.remainder != 0 || own.quotient.isMultiple(of: count) else {
      throw error(
        .wrongShape, pair,
        "lora_A has \(pair.a.shape.rowCount) rows, which are \(own.quotient) experts of rank \(rank); the base has \(count)",
        adapter.baseRemedy)
    }
    guard pair.a.shape.rowCount.isMultiple(of: count) else {
      throw error(
        .wrongShape, pair,
        "lora_A has \(pair.a.shape.rowCount) rows, which the base's \(count) experts can't share evenly",
        adapter.baseRemedy)
    }
    let layouts = pair.expertLayouts(of: parameter)
    guard layouts.isNatural || layouts.isSwapped else {
      throw error(
        .wrongShape, pair,
        "the adapter maps \(pair.inputCount) inputs to \(pair.outputCount) outputs, "
          + "the base's \(parameter.leaf) \(parameter.inputCount) to \(parameter.outputCount)",
        adapter.baseRemedy)
    }
    return parameter
  }

  /// - Throws: `neverApplied`.
  func checkApplied(_ module: WeightModule) throws(AdapterError) {
    guard use != .merging, let (tensor, problem) = misapplied(module) else { return }
    if use == .computing, Self.isOfExperts(tensor) { return }
    throw AdapterError(
      .neverApplied, path: adapter.weightsPath, place: "module \(module.name)", problem: problem,
      remedy: adapter.remedies.isActivated
        ? "train without this module" : .either(["train without this module", .mergeAdapter]))
  }

  /// Which of these modules llama.cpp would apply in another way than PEFT.
  func notes(on modules: [WeightModule]) -> [AdapterNote] {
    guard use == .computing else { return [] }
    return modules.lazy.compactMap { module in
      misapplied(module).map { AdapterNote.obstacle(place: "module \(module.name)", problem: $0.problem) }
    }.prefix(1).map { $0 }
  }

  private func misapplied(_ module: WeightModule) -> (tensor: String, problem: String)? {
    guard let tensor = base.neverApplied(among: module.targets.map(\.tensorName)).first else { return nil }
    let problem =
      "llama.cpp loads adapters for \(tensor) of \(base.architectureName) models "
      + (Self.isOfExperts(tensor) ? "and applies them without the experts' scales" : "and never applies them")
    return (tensor, problem)
  }

  /// Experts' weights are listed only if llama.cpp adds the adapter's part without the scales of the experts.
  private static func isOfExperts(_ tensor: String) -> Bool { tensor.contains("_exps.") }

  func checkActivation(_ module: WeightModule) throws(AdapterError) {
    guard adapter.configuration.isActivated else { return }
    let problem: String
    switch module.kind {
    case .experts:
      problem = "PEFT's aLoRA doesn't reach parameters of experts: they are adapted before the activation too"
    case .expert:
      problem = "an expert sees tokens without their positions, so PEFT's aLoRA can't activate it from a token on"
    case .linear, .embedding, .outputLayer: return
    }
    throw AdapterError(
      .activeExperts, path: adapter.weightsPath, place: "module \(module.name)", problem: problem,
      remedy: "train without experts, or as a plain LoRA")
  }

  /// The name that `rank_pattern` and `alpha_pattern` match.
  func patternName(_ pair: FactorPair, _ module: WeightModule) -> String {
    guard case .experts = module.kind else { return pair.module }
    return "\(pair.wrappedModule.name).\(module.leaf)"
  }
}

extension FactorPair {
  private static let wrapper = ".base_layer"

  /// The module without PEFT's wrappers, and how many there are.
  package var wrappedModule: (name: String, depth: Int) {
    var (name, depth) = (module, 0)
    while name.hasSuffix(Self.wrapper) {
      name.removeLast(Self.wrapper.count)
      depth += 1
    }
    return (name, depth)
  }

  /// Which layouts the shapes allow: A of the inputs and B of the outputs, or the other way round.
  func expertLayouts(of module: WeightModule) -> (isNatural: Bool, isSwapped: Bool) {
    let (a, b) = (self.a.shape.columnCount, self.b.shape.rowCount)
    return (a == module.inputCount && b == module.outputCount, a == module.outputCount && b == module.inputCount)
  }
}

extension BoundAdapter.Member {
  /// Which layouts the shapes of a parameter of experts allow.
  package var expertLayouts: (isNatural: Bool, isSwapped: Bool) { pair.expertLayouts(of: module) }
}

extension WeightModule {
  fileprivate var leaf: String { String(name.split(separator: ".").last ?? "") }

  /// How many experts the weight is of, or a GGUF tensor with it; 1 for other modules.
  package var expertCount: Int {
    switch kind {
    case .experts(let experts): experts.count
    case .expert(_, let count): count
    case .linear, .embedding, .outputLayer: 1
    }
  }
}
