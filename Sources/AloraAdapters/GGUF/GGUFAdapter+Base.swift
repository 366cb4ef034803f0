package import AloraModels
internal import AloraTensors

extension GGUFAdapter {
  /// What the loader says about the adapter and a base: architecture, names and shapes.
  package func findings(for base: BaseModel) -> [LoaderFinding] {
    var findings: [LoaderFinding] = []
    if let architecture, architecture != base.architectureName {
      findings.append(
        LoaderFinding(
          .architecture, .refuses, .key(GGUFAdapterFormat.Key.architecture), found: architecture,
          expected: base.architectureName))
    }
    let targets = Targets(base)
    for pair in pairs {
      let place = LoaderFinding.Place.tensor(pair.a.name)
      guard let (module, target) = targets[pair] else {
        findings.append(LoaderFinding(.unknownTensor, .refuses, place, expected: base.architectureName))
        continue
      }
      if !base.neverApplied(among: [pair.module]).isEmpty {
        findings.append(LoaderFinding(.neverApplied, .ignores, place, expected: base.architectureName))
      }
      // The loader compares two extents; a stack of another height fails only when the graph is built.
      let fits = pair.inputCount == module.inputCount && pair.outputCount == target.tensorRowCount
      let count = module.expertCount
      guard fits, pair.stackCounts == (count, count) else {
        let stack = count == 1 ? "" : "\(count), "
        let a = pair.isEmbedding ? "[\(module.inputCount), r]" : "[\(stack)r, \(module.inputCount)]"
        findings.append(
          LoaderFinding(
            .shape, fits ? .aborts : .refuses, place, found: "\(pair.a.shape) with \(pair.b.shape)",
            expected: "\(a) with [\(stack)\(target.tensorRowCount), r]"))
        continue
      }
    }
    return findings
  }

  /// The base's tensors that adapters can change.
  struct Targets {
    private let base: BaseModel
    private let known: [String: (module: WeightModule, target: WeightTarget)]

    init(_ base: BaseModel) {
      self.base = base
      known = (base.modules + base.expertModules).targetsByTensor
    }

    /// The tensor that a pair is for, and a module whose weights it holds; nil if there is none.
    subscript(pair: FactorPair) -> (module: WeightModule, target: WeightTarget)? {
      func fits(_ found: (module: WeightModule, target: WeightTarget)) -> Bool {
        found.module.inputCount == pair.inputCount && found.target.tensorRowCount == pair.outputCount
      }
      let listed = known[pair.module]
      if let listed, fits(listed) { return listed }
      // A base that only the table describes doesn't list what only some layers have, nor every name of a module.
      let found = base.modules(ofTensor: pair.module, extents: (pair.outputCount, pair.inputCount))
        .compactMap { module in
          module.targets.first { $0.tensorName == pair.module }.map { (module: module, target: $0) }
        }
      return found.first(where: fits) ?? listed ?? found.first
    }
  }
}
