internal import AloraAdapters
internal import AloraGGUF
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

/// The update of one module of the base, put together from the pairs of factors that the source has for its parts.
struct PEFTUpdate {
  /// A pair of factors, and the part of the module's weight that it changes.
  struct Part {
    let pair: FactorPair
    let fileOfA: MappedFile
    let fileOfB: MappedFile
    /// The rows and columns of the weight, in GGUF's order; nil for the whole weight in Hugging Face's order.
    let target: WeightTarget?
    /// PEFT's multiplier of B · A.
    let scaling: Double
  }

  let module: WeightModule
  var parts: [Part]
  /// The one expert of the parts' stacks that the module is; nil for all of them, and for modules without experts.
  let expert: Int?
  /// Whether the parts share one A. If not, A is all of theirs one after the other, and B has zeros beside each part.
  var sharesA = true

  var rank: Int { sharesA ? parts[0].pair.rank : parts.reduce(0) { $0 + $1.pair.rank } }
  /// `lora_alpha` of the module.
  var alpha: Double { parts[0].scaling * Double(rank) }
  var experts: WeightModule.Experts? { if case .experts(let experts) = module.kind { experts } else { nil } }
  var isEmbedding: Bool { module.kind == .embedding }
  var isRouter: Bool { module.targets.first?.tensorName.hasSuffix(".ffn_gate_inp.weight") ?? false }

  /// The name that `rank_pattern` and `target_parameters` match: a module's path, or that of a parameter.
  var matchedName: String { module.name }
  /// The module's path, for experts without the parameter's name.
  var modulePath: String {
    guard experts != nil, let dot = module.name.lastIndex(of: ".") else { return module.name }
    return String(module.name[..<dot])
  }
}

extension PEFTUpdate {
  /// Compares the factors A of the parts, bit by bit.
  ///
  /// - Throws: ``ConversionError`` `unevenParts` if the parts' scalings differ, which one module can't have.
  mutating func joinParts(path: String) throws {
    guard let first = parts.first, parts.count > 1 else { return }
    guard let odd = parts.first(where: { $0.scaling != first.scaling || $0.pair.isStack != first.pair.isStack }) else {
      for part in parts.dropFirst() {
        sharesA =
          try sharesA && part.pair.rank == first.pair.rank && part.pair.a.dtype == first.pair.a.dtype
          && part.pair.a.shape == first.pair.a.shape && Self.haveEqualBytes(part, first)
      }
      return
    }
    throw ConversionError(
      .unevenParts, path: path, place: "tensor \(odd.pair.a.name)",
      problem: "PEFT adapts \(module.name) as a whole, and its parts have other ranks or scalings",
      remedy: "keep the adapter as a GGUF")
  }

  private static func haveEqualBytes(_ left: Part, _ right: Part) throws -> Bool {
    let (one, other) = (left.pair.a.byteRange, right.pair.a.byteRange)
    guard one.count == other.count else { return false }
    var first = 0
    while first < one.count {
      let count = min(1 << 20, one.count - first)
      let bytes = try left.fileOfA.read((one.lowerBound + first)..<(one.lowerBound + first + count))
      let others = try right.fileOfA.read((other.lowerBound + first)..<(other.lowerBound + first + count))
      guard bytes == others else { return false }
      first += count
    }
    return true
  }
}

// MARK: - Finding the modules

extension PEFTUpdate {
  /// The updates of a GGUF adapter, in the order of the file.
  static func updates(of adapter: GGUFAdapter, base: BaseModel) throws -> [PEFTUpdate] {
    try adapter.check()
    guard adapter.architecture == base.architectureName else {
      throw AdapterError(
        .wrongBase, path: adapter.path, place: "key \(GGUFAdapterFormat.Key.architecture)",
        problem: "the adapter is for \(adapter.architecture ?? "") models, and the base is \(base.architectureName)",
        remedy: "give the base that the adapter was trained on")
    }
    try adapter.checkTokens(of: base)
    var grouping = PEFTGrouping(path: adapter.path)
    let names = Set(adapter.pairs.map(\.module))
    for pair in adapter.pairs {
      let part = { (target: WeightTarget) in
        Part(
          pair: pair, fileOfA: try adapter.file.file(of: pair.a), fileOfB: try adapter.file.file(of: pair.b),
          target: target, scaling: Double(adapter.scale(of: pair)))
      }
      let found = try modules(of: pair, base: base, among: names, path: adapter.path)
      for (module, target) in found { try grouping.add(part(target), to: module) }
    }
    return try grouping.finished()
  }

  /// The updates of an MLX adapter, in the order of the file.
  static func updates(of adapter: AdapterDirectory, base: BaseModel, options: BoundAdapter.Options) throws
    -> [PEFTUpdate]
  {
    var grouping = PEFTGrouping(path: adapter.weightsPath)
    for member in try BoundAdapter(adapter, base: base, options: options).members {
      let part = Part(
        pair: member.pair, fileOfA: member.fileOfA, fileOfB: member.fileOfB,
        target: member.isInGGUFOrder ? member.targets.first : nil, scaling: member.scaling.value)
      var modules = [member.module]
      if case .expert = member.module.kind, let name = member.targets.first?.tensorName {
        modules = base.modules(ofTensor: name)
      }
      for module in modules { try grouping.add(part, to: module) }
    }
    return try grouping.finished()
  }

  /// The modules that a pair changes: one, or each expert's.
  private static func modules(
    of pair: FactorPair, base: BaseModel, among names: Set<String>, path: String
  ) throws(AdapterError) -> [(WeightModule, WeightTarget)] {
    let all = base.modules(ofTensor: pair.module, extents: (pair.outputCount, pair.inputCount))
    let fitting = all.compactMap { module -> (WeightModule, WeightTarget)? in
      guard let target = module.targets.first(where: { $0.tensorName == pair.module }) else { return nil }
      let count = module.expertCount
      let fits =
        pair.stackCounts == (count, count) && pair.inputCount == module.inputCount
        && pair.outputCount == target.rowCount && pair.isEmbedding == (module.kind == .embedding)
      return fits ? (module, target) : nil
    }
    // A tensor may be a module's weight in one class and a part of it in another: the whole that is there decides.
    let whole = fitting.first { module, _ in module.targets.allSatisfy { names.contains($0.tensorName) } }
    guard let chosen = whole ?? fitting.first else {
      throw AdapterError(
        all.isEmpty ? .unknownModule : .wrongShape, path: path, place: "tensor \(pair.a.name)",
        problem: all.isEmpty
          ? "no module of the base (\(base.architectureName)) becomes \(pair.module)"
          : "\(pair.a.shape) with \(pair.b.shape) doesn't fit the base's \(pair.module)",
        remedy: "give the base that the adapter was trained on")
    }
    if case .expert = chosen.0.kind {
      return fitting.filter { if case .expert = $0.0.kind { true } else { false } }
    }
    return [chosen]
  }
}

/// Puts pairs together that are parts of one module.
struct PEFTGrouping {
  let path: String
  private var updates: [PEFTUpdate] = []
  private var index: [String: Int] = [:]

  init(path: String) { self.path = path }

  /// - Throws: ``ConversionError`` `notInvertible` if going back would round.
  mutating func add(_ part: PEFTUpdate.Part, to module: WeightModule) throws {
    let factors = part.target?.factors ?? []
    guard factors.isEmpty || !part.pair.isStack && factors.allSatisfy(\.isPowerOfTwo) else {
      throw Self.wouldRound(part, path)
    }
    if let found = index[module.name] {
      updates[found].parts.append(part)
    } else {
      index[module.name] = updates.count
      let expert: Int? = if case .expert(let number, _) = module.kind { number } else { nil }
      updates.append(PEFTUpdate(module: module, parts: [part], expert: expert))
    }
  }

  static func wouldRound(_ part: PEFTUpdate.Part, _ path: String) -> ConversionError {
    ConversionError(
      .notInvertible, path: path, place: "tensor \(part.pair.b.name)",
      problem: "its rows were multiplied by numbers of the base's configuration, and dividing by them would round",
      remedy: "keep the adapter as a GGUF, or use the adapter that it was made from")
  }

  func finished() throws -> [PEFTUpdate] {
    try updates.map { update in
      var update = update
      try update.joinParts(path: path)
      return update
    }
  }
}
