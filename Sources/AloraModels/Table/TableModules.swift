internal import AloraJSON

/// The modules of a base that the table describes, made when they are asked for.
struct TableModules: Sendable {
  /// A size of the base: a field of its configuration, maybe of one layer.
  typealias Field = @Sendable (_ name: String, _ layer: Int?) -> Int?

  private let rules: [String: [ArchitectureTable.Rule]]
  /// In the table's order.
  private let patterns: [String]
  private let layerCount: Int
  private let tiesEmbeddings: Bool
  private let field: Field
  fileprivate let factor: @Sendable (String) -> Double?
  private let tensors: BaseTensors?
  private let rotaryOrder: RowPermutation

  /// - Parameters:
  ///   - tensors: the base's tensors, if they are known; they decide which rules apply.
  ///   - rotaryOrder: the order of the rows of queries and keys that a rule has without an order.
  init(
    rules: [ArchitectureTable.Rule], layerCount: Int, tiesEmbeddings: Bool, tensors: BaseTensors?,
    rotaryOrder: RowPermutation, field: @escaping Field, factor: @escaping @Sendable (String) -> Double?
  ) {
    var found: [String: [ArchitectureTable.Rule]] = [:]
    var patterns: [String] = []
    for rule in rules {
      let pattern = ModuleName(table: rule.module).pattern
      if found[pattern] == nil { patterns.append(pattern) }
      if !(found[pattern]?.contains(rule) ?? false) { found[pattern, default: []].append(rule) }
    }
    self.rules = found
    self.patterns = patterns
    self.layerCount = layerCount
    self.tiesEmbeddings = tiesEmbeddings
    self.tensors = tensors
    self.rotaryOrder = rotaryOrder
    self.field = field
    self.factor = factor
  }

  /// The module of that path whose weight is [out, in], or the likeliest one if none fits.
  ///
  /// - Parameter extents: what an adapter has; the base's own extents if nil.
  func module(named path: String, extents: (out: Int, in: Int)? = nil) -> WeightModule? {
    let name = ModuleName(path)
    if let layer = name.layer, layer >= layerCount { return nil }
    var first: WeightModule?
    for rule in rules[name.pattern] ?? unstacked(name.pattern) {
      guard let module = module(rule, layer: name.layer, expert: name.expert, extents: extents) else { continue }
      guard let extents else { return module }
      if module.outputCount == extents.out, module.inputCount == extents.in { return module }
      first = first ?? module
    }
    return first
  }

  /// Rules for modules that the table has otherwise. Unsloth has a module for each slice of a parameter of experts,
  /// `experts.gate_up_projs.7` for slice 7 of `experts.gate_up_proj`, and the router's weight in `router.linear`.
  ///
  /// Source: unsloth-zoo `gpt_oss.py` (`GptOssExpertsBnb4bit`).
  private func unstacked(_ pattern: String) -> [ArchitectureTable.Rule] {
    func named(_ suffix: String) -> [ArchitectureTable.Rule] {
      pattern.hasSuffix(suffix) ? rules[String(pattern.dropLast(suffix.count))] ?? [] : []
    }
    return named("s.{expert}").compactMap(\.ofOneExpert) + named(".linear").filter { $0.module.hasSuffix(".router") }
  }

  /// The module's parameters that hold experts, in the module's order.
  func experts(ofModule path: String) -> [WeightModule] {
    let name = ModuleName(path)
    if let layer = name.layer, layer >= layerCount { return [] }
    let prefix = name.pattern + "."
    // Several classes of one GGUF architecture may describe a parameter: the first that fits the base counts.
    return patterns.filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains(".") }
      .compactMap { pattern in
        (rules[pattern] ?? []).lazy.filter { $0.kind == .experts }
          .compactMap { module($0, layer: name.layer, expert: nil, extents: nil) }.first
      }
  }

  /// The modules whose weights are in a GGUF tensor, those of the table's first class first. A stack of experts has the
  /// parameter that holds them all, or else the module of each expert.
  ///
  /// - Parameter extents: what an adapter of the tensor has, for weights whose extents the base doesn't tell.
  func modules(ofTensor tensorName: String, extents: (out: Int, in: Int)?) -> [WeightModule] {
    let name = ModuleName(tensorName)
    let suffix = ".weight"
    guard name.pattern.hasSuffix(suffix), name.layer.map({ $0 < layerCount }) ?? true else { return [] }
    // A base may have both halves in one tensor, which no rule names.
    let pattern = name.pattern.dropLast(suffix.count)
    let isJoined = pattern.hasSuffix(".ffn_gate_up_exps")
    let names = [pattern] + (isJoined ? [pattern.dropLast("_up_exps".count) + "_exps"] : [])
    var found: [WeightModule] = []
    for rule in patterns.flatMap({ rules[$0] ?? [] })
    where rule.targets.contains(where: { names.contains($0.tensor[...]) }) {
      // Counts only if the base doesn't tell: parts of unknown sizes are equal, as gate and up are.
      let own = extents.flatMap { extents in
        Hyperparameters.extent.contains(extents.out) ? (extents.out * rule.targets.count, extents.in) : nil
      }
      guard let first = module(rule, layer: name.layer, expert: rule.kind == .expert ? 0 : nil, extents: own),
        first.targets.contains(where: { $0.tensorName == tensorName })
      else { continue }
      let others = 1..<(rule.kind == .expert ? Self.expertCount(first.kind) ?? 1 : 1)
      found += [first] + others.compactMap { module(rule, layer: name.layer, expert: $0, extents: own) }
    }
    return found
  }

  /// The parameters of all layers that hold experts.
  func allExperts() -> [WeightModule] {
    let modules = patterns.filter { pattern in (rules[pattern] ?? []).contains { $0.kind == .experts } }
      .map { pattern in String(pattern.dropLast(pattern.reversed().prefix { $0 != "." }.count + 1)) }
    let parents = Set(modules).sorted()
    return (0..<layerCount).flatMap { layer in
      parents.flatMap { experts(ofModule: ModuleName.path($0, layer: layer, expert: nil)) }
    }
  }

  /// The modules that every layer has, then the others that are outside of layers.
  func wholeModules() -> [WeightModule] {
    let all = patterns.flatMap { rules[$0] ?? [] }.filter {
      !$0.isInSomeLayers && $0.kind != .experts && $0.kind != .expert
    }
    let layered = all.filter { $0.module.contains("{layer}") }
    return (0..<layerCount).flatMap { layer in
      layered.compactMap { module($0, layer: layer, expert: nil, extents: nil) }
    } + all.filter { !$0.module.contains("{layer}") }.compactMap { module($0, layer: nil, expert: nil, extents: nil) }
  }

  private func module(
    _ rule: ArchitectureTable.Rule, layer: Int?, expert: Int?, extents: (out: Int, in: Int)?
  ) -> WeightModule? {
    let isExperts = rule.kind == .experts || rule.kind == .expert
    // The experts of some models have the width that config.json calls intermediate_size, and GGUF has two keys for it.
    return module(rule, layer: layer, expert: expert, extents: extents) { field($0, layer) }
      ?? (isExperts && tensors != nil
        ? module(rule, layer: layer, expert: expert, extents: extents) {
          field($0 == "intermediate_size" ? "moe_intermediate_size" : $0, layer)
        } : nil)
  }

  private func module(
    _ rule: ArchitectureTable.Rule, layer: Int?, expert: Int?, extents: (out: Int, in: Int)?, _ field: (String) -> Int?
  ) -> WeightModule? {
    let path = ModuleName.path(rule.module, layer: layer, expert: expert)
    func value(_ expression: FieldExpression, _ local: [String: Int] = [:]) -> Int? {
      expression.value { local[$0] ?? field($0) }
    }
    let names = rule.targets.map { ModuleName.path($0.tensor, layer: layer, expert: nil) + ".weight" }
    let plain = tensors.flatMap { Self.plainExtents(rule, names, $0) }
    guard let out = plain?.out ?? rule.outputCount.flatMap({ value($0) }) ?? extents?.out,
      let columns = plain?.in ?? rule.inputCount.flatMap({ value($0) }) ?? extents?.in,
      Hyperparameters.extent.contains(out), Hyperparameters.extent.contains(columns)
    else { return nil }
    var kind = WeightModule.Kind.linear
    switch rule.kind {
    case .linear: break
    case .embedding: kind = .embedding
    case .output: kind = .outputLayer
    case .experts:
      guard let count = rule.expertCount.flatMap({ value($0) }) ?? plain?.experts,
        Hyperparameters.extent.contains(count)
      else { return nil }
      kind = .experts(
        WeightModule.Experts(
          count: count, isTransposed: rule.isTransposed, isMarkedTransposed: rule.isMarkedTransposed))
    case .expert:
      let names = [
        "num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "moe_num_primary_experts",
      ]
      let stated = rule.expertCount.flatMap { value($0) }
      guard let expert, let count = plain?.experts ?? stated ?? names.compactMap({ field($0) }).first,
        expert < count
      else { return nil }
      kind = .expert(index: expert, count: count)
    }
    var targets: [WeightTarget] = []
    for (target, name) in zip(rule.targets, names) {
      guard
        let made = weightTarget(
          target, name: name, layer: layer, out: out, in: columns, value: { value($0, ["out": out, "in": columns]) })
      else { return nil }
      targets.append(made)
    }
    if let tensors {
      guard
        let fitting = tensors.fit(
          targets, experts: Self.expertCount(kind), columnCount: columns, kind: kind,
          rowCount: { rowCount(ofTensor: $0, layer: layer) })
      else { return nil }
      targets = fitting
    }
    if kind == .outputLayer, tiesEmbeddings { targets = [] }
    let isEmbedding = kind == .embedding
    return WeightModule(
      name: path, kind: kind, inputCount: isEmbedding ? out : columns, outputCount: isEmbedding ? columns : out,
      layerIndex: layer, targets: isEmbedding ? targets.map { $0.embedding(hidden: columns) } : targets)
  }

  /// How many rows a tensor has by the rules, whether or not the base has it.
  private func rowCount(ofTensor name: String, layer: Int?) -> Int? {
    for rule in patterns.lazy.flatMap({ rules[$0] ?? [] }) {
      for target in rule.targets where ModuleName.path(target.tensor, layer: layer, expert: nil) + ".weight" == name {
        func value(_ expression: FieldExpression) -> Int? { expression.value { field($0, layer) } }
        guard let out = rule.outputCount.flatMap(value), let columns = rule.inputCount.flatMap(value),
          let made = weightTarget(
            target, name: name, layer: layer, out: out, in: columns,
            value: { $0.value { $0 == "out" ? out : $0 == "in" ? columns : field($0, layer) } })
        else { continue }
        return made.rowCount
      }
    }
    return nil
  }

  static func expertCount(_ kind: WeightModule.Kind) -> Int? {
    switch kind {
    case .experts(let experts): experts.count
    case .expert(_, let count): count
    default: nil
    }
  }

  /// What the tensors say of a rule that only renames.
  private static func plainExtents(
    _ rule: ArchitectureTable.Rule, _ names: [String], _ tensors: BaseTensors
  ) -> (out: Int?, in: Int, experts: Int?)? {
    guard let name = names.first, let shape = tensors.shape(name), shape.count >= 2 else { return nil }
    let isPlain = rule.targets.count == 1 && rule.targets[0].rows == nil && rule.targets[0].columns == nil
    guard isPlain else { return shape.count == 3 ? (nil, shape[2], shape[0]) : nil }
    return (shape[shape.count - 2], shape[shape.count - 1], shape.count == 3 ? shape[0] : nil)
  }

  private func weightTarget(
    _ target: ArchitectureTable.Rule.Target, name: String, layer: Int?, out: Int, in columnCount: Int,
    value: (FieldExpression) -> Int?
  ) -> WeightTarget? {
    func order(_ segments: [ArchitectureTable.Rule.Segment], extent: Int) -> ElementOrder? {
      var numbers: [(start: Int, loops: [(count: Int, stride: Int)])] = []
      for segment in segments {
        guard let start = value(segment.start) else { return nil }
        var loops: [(count: Int, stride: Int)] = []
        for loop in segment.loops {
          guard let count = value(loop.count), let stride = value(loop.stride) else { return nil }
          loops.append((count, stride))
        }
        numbers.append((start, loops))
      }
      return ElementOrder(numbers, extent: extent)
    }
    var rows = 0..<out
    var permutation = RowPermutation.none
    if let segments = target.rows {
      guard let order = order(segments, extent: out) else { return nil }
      if let start = order.runStart {
        rows = start..<(start + order.count)
      } else if let headDimension = order.halvesToPairs, order.count == out {
        permutation = .halvesToPairs(headDimension: headDimension)
      } else {
        permutation = .order(order)
      }
    } else if target.tensor.hasSuffix(".attn_q") || target.tensor.hasSuffix(".attn_k") {
      guard out.isMultiple(of: rotaryOrder.blockRowCount) else { return nil }
      permutation = rotaryOrder
    }
    var columns = RowPermutation.none
    if let segments = target.columns {
      guard let order = order(segments, extent: columnCount), order.count == columnCount else { return nil }
      columns = .order(order)
    }
    let targetCount = permutation.targetCount(of: rows.count)
    guard let factors = factors(target, rowCount: targetCount, layer: layer, value) else { return nil }
    return WeightTarget(tensorName: name, rows: rows, permutation: permutation, columns: columns, factors: factors)
  }
}

extension TableModules {
  /// More runs of rows than any model has.
  private static let runLimit = 1 << 16

  /// Runs of rows and what multiplies them; empty if everything is multiplied by 1. Runs of fewer rows than there are
  /// repeat, head by head.
  private func factors(
    _ target: ArchitectureTable.Rule.Target, rowCount: Int, layer: Int?, _ value: (FieldExpression) -> Int?
  ) -> [WeightTarget.RowFactor]? {
    var factors: [WeightTarget.RowFactor] = []
    for run in target.factors {
      var product = 1.0
      for name in run.fields {
        guard let number = number(named: name, layer: layer) else { return nil }
        product *= number
      }
      guard let count = run.rowCount.map(value) ?? rowCount, count > 0, count <= rowCount else { return nil }
      factors.append(WeightTarget.RowFactor(rowCount: count, value: product))
    }
    if factors.allSatisfy({ $0.value == 1 }) { return [] }
    let period = factors.reduce(0) { $0 + $1.rowCount }
    let repeats = rowCount / period
    guard rowCount.isMultiple(of: period), repeats <= Self.runLimit / factors.count else { return nil }
    return (0..<repeats).flatMap { _ in factors }
  }

  private func number(named name: String, layer: Int?) -> Double? {
    // RWKV's converter halves weights at intervals of layers, and llama.cpp the activations.
    if name.hasPrefix("2^-layer/") {
      guard let layer, let step = field(String(name.dropFirst("2^-layer/".count)), layer) else { return nil }
      return step == 0 ? 1 : Double(sign: .plus, exponent: -(layer / step), significand: 1)
    }
    return Double(name) ?? factor(name)
  }
}

extension WeightTarget {
  /// The target of a token embedding, whose rows are counted along the hidden size.
  fileprivate func embedding(hidden: Int) -> WeightTarget {
    WeightTarget(tensorName: tensorName, rows: 0..<hidden, permutation: .none, columns: .none, factors: factors)
  }
}

extension ArchitectureTable.Rule {
  /// The rule of the module that one expert has in place of a slice; nil if this isn't a parameter of experts.
  fileprivate var ofOneExpert: Self? {
    guard kind == .experts else { return nil }
    return Self(
      module: module + "s.{expert}", kind: .expert, outputCount: outputCount, inputCount: inputCount,
      expertCount: expertCount, isTransposed: false, isMarkedTransposed: false, isInSomeLayers: isInSomeLayers,
      targets: targets)
  }
}
