internal import AloraSystem
internal import AloraModels
internal import AloraTensors

extension BoundAdapter {
  /// What is added to one GGUF tensor of the base that holds the weights of experts.
  package struct ExpertUpdate: Sendable {
    /// The factors of one expert, or of all of them together.
    package struct Expert: Sendable {
      package let a: Factor
      package let b: Factor
      package let rank: Int
      package let scale: Float
      /// DoRA's trained norms of the expert's rows; nil for a plain LoRA.
      package var magnitude: Factor?
    }

    /// How the factors hold the numbers of an expert.
    enum Layout: Sendable {
      /// A [experts, r, in] and B [experts, out, r], as in GGUF.
      case stacked
      /// A [experts · r, in] and B [out, r · experts]: in A, each expert has its rows; in B, the experts are innermost.
      case parameter(moduleOutputCount: Int)
      /// The same with inputs and outputs exchanged.
      case swappedParameter(moduleOutputCount: Int)
      /// Factors of the expert alone.
      case own
    }

    package let inputCount: Int
    /// The rows of an expert that are updated: all that the tensor has for it, or the part that is one module's.
    package let outputCount: Int
    /// The first of them, counted from the expert's first row in the tensor.
    package var firstRow: Int { target.part?.firstRow ?? 0 }
    /// The rows that the tensor has for each expert.
    package var tensorRowCount: Int { target.tensorRowCount }
    /// Nil for an expert that stays as it is.
    package fileprivate(set) var experts: [Expert?]
    let layout: Layout
    let target: WeightTarget
    /// Whether rows are in GGUF's order already.
    let isInGGUFOrder: Bool

    /// Whether the numbers of A are in the file's B, and the reverse.
    package var isSwapped: Bool { if case .swappedParameter = layout { true } else { false } }

    /// Whether they are PEFT's factors of a parameter of all experts.
    package var isOfParameter: Bool {
      switch layout {
      case .parameter, .swappedParameter: true
      case .stacked, .own: false
      }
    }

    /// The numbers of all factors.
    package var elementCount: Int {
      experts.reduce(0) { $0 + ($1.map { $0.rank * (inputCount + outputCount) } ?? 0) }
    }

    /// Where the factor that holds A [r, in] has an element of an expert.
    package func placeInA(_ expert: Int, row: Int, column: Int) -> Int {
      let (rank, input) = (rank(of: expert), isInGGUFOrder ? column : target.columns.sourceRow(of: column))
      switch layout {
      case .stacked, .parameter: return (expert * rank + row) * inputCount + input
      case .swappedParameter: return input * rank * experts.count + row * experts.count + expert
      case .own: return row * inputCount + input
      }
    }

    /// Where the factor that holds B [out, r] has an element of an expert; rows are GGUF's.
    package func placeInB(_ expert: Int, row: Int, column: Int) -> Int {
      let rank = rank(of: expert)
      let output = sourceRow(of: row)
      switch layout {
      case .stacked: return (expert * outputCount + output) * rank + column
      case .parameter: return output * rank * experts.count + column * experts.count + expert
      case .swappedParameter(let moduleOutputCount): return (expert * rank + column) * moduleOutputCount + output
      case .own: return output * rank + column
      }
    }

    /// The module's row that a row of the update is.
    package func sourceRow(of row: Int) -> Int {
      isInGGUFOrder ? row : target.rows.lowerBound + target.permutation.sourceRow(of: row)
    }

    private func rank(of expert: Int) -> Int { experts[expert]?.rank ?? 0 }
  }

  /// What is added to a parameter of experts in Hugging Face's order of rows and columns; nil for other modules, and for
  /// factors in GGUF's order.
  ///
  /// - Throws: `ambiguousExperts`.
  package func parameterUpdate(_ member: Member) throws(AdapterError) -> ExpertUpdate? {
    guard case .experts(let experts) = member.module.kind, !member.isInGGUFOrder else { return nil }
    let outputs = member.module.outputCount
    let expert = ExpertUpdate.Expert(
      a: Factor(file: member.fileOfA, tensor: member.pair.a), b: Factor(file: member.fileOfB, tensor: member.pair.b),
      rank: member.rank, scale: Float(member.scaling.value))
    return ExpertUpdate(
      inputCount: member.module.inputCount, outputCount: outputs,
      experts: Array(repeating: expert, count: experts.count),
      layout: try isNatural(member)
        ? .parameter(moduleOutputCount: outputs) : .swappedParameter(moduleOutputCount: outputs),
      target: member.module.wholeTarget, isInGGUFOrder: false)
  }

  /// What is added to the tensors of experts, by their names in GGUF: one update, or one for each part of the tensor that
  /// is a module's, such as gate and up.
  ///
  /// - Throws: `ambiguousExperts`.
  package func expertUpdates() throws(AdapterError) -> [String: [ExpertUpdate]] {
    var updates: [String: [ExpertUpdate]] = [:]
    for member in members {
      for target in member.targets {
        let expert = ExpertUpdate.Expert(
          a: Factor(file: member.fileOfA, tensor: member.pair.a),
          b: Factor(file: member.fileOfB, tensor: member.pair.b),
          rank: member.rank, scale: Float(member.scaling.value),
          magnitude: member.magnitude)
        func update(_ count: Int, _ layout: ExpertUpdate.Layout, _ experts: [ExpertUpdate.Expert?]) -> ExpertUpdate {
          ExpertUpdate(
            inputCount: member.module.inputCount, outputCount: target.rowCount, experts: experts, layout: layout,
            target: target, isInGGUFOrder: member.isInGGUFOrder)
        }
        switch member.module.kind {
        case .linear, .embedding, .outputLayer: continue
        case .experts(let experts):
          let outputs = member.module.outputCount
          let layout: ExpertUpdate.Layout =
            member.isInGGUFOrder
            ? .stacked
            : try isNatural(member)
              ? .parameter(moduleOutputCount: outputs) : .swappedParameter(moduleOutputCount: outputs)
          updates[target.tensorName, default: []].append(
            update(experts.count, layout, Array(repeating: expert, count: experts.count)))
        case .expert(_, let count) where member.pair.isStack:
          updates[target.tensorName, default: []].append(
            update(count, .stacked, Array(repeating: expert, count: count)))
        case .expert(let index, let count):
          var known = updates[target.tensorName] ?? []
          let part = known.firstIndex { $0.target.part == target.part } ?? known.count
          if part == known.count { known.append(update(count, .own, Array(repeating: nil, count: count))) }
          known[part].experts[index] = expert
          updates[target.tensorName] = known
        }
      }
    }
    return updates
  }

  /// Whether A of a parameter of experts is of the inputs: by the shapes, else by another parameter of the module, else
  /// by PEFT's version.
  ///
  /// - Throws: `ambiguousExperts`.
  package func isNatural(_ member: Member) throws(AdapterError) -> Bool {
    let own = member.expertLayouts
    if own.isNatural != own.isSwapped { return own.isNatural }
    guard case .experts(let experts) = member.module.kind else { return true }
    if let known = expertOrders[member.pair.wrappedModule.name] {
      return known.isNatural == (known.isTransposed == experts.isTransposed)
    }
    guard let peftVersion, let takesFirst = Self.takesFirstDimension(peftVersion, isMarked: experts.isMarkedTransposed)
    else {
      throw AdapterError(
        .ambiguousExperts, path: path, place: "module \(member.pair.module)",
        problem: "its experts have as many inputs as outputs, and PEFT's versions order the factors of such experts "
          + "differently; adapter_config.json doesn't say which version saved it",
        remedy: "add \"peft_version\" to adapter_config.json")
    }
    return takesFirst == experts.isTransposed
  }

  /// Whether A of a parameter of experts is of the inputs, for the first parameter of a module whose shapes tell it.
  struct ExpertOrder: Sendable {
    let isNatural: Bool
    let isTransposed: Bool
  }

  /// The orders by the modules' names.
  static func expertOrders(_ members: [Member]) -> [String: ExpertOrder] {
    var orders: [String: ExpertOrder] = [:]
    for member in members {
      guard case .experts(let experts) = member.module.kind else { continue }
      let (layouts, module) = (member.expertLayouts, member.pair.wrappedModule.name)
      if layouts.isNatural != layouts.isSwapped, orders[module] == nil {
        orders[module] = ExpertOrder(isNatural: layouts.isNatural, isTransposed: experts.isTransposed)
      }
    }
    return orders
  }

  /// Whether A is of the parameter's first dimension after the experts.
  ///
  /// Source: PEFT 0.17 to 0.21.2 `tuners/lora/layer.py` (`ParamWrapper`).
  private static func takesFirstDimension(_ version: String, isMarked: Bool) -> Bool? {
    let numbers = version.split(separator: ".").prefix(3).map { Int($0.prefix { $0.isNumber }) ?? 0 }
    guard numbers.count >= 2 else { return nil }
    let (major, minor, patch) = (numbers[0], numbers[1], numbers.count > 2 ? numbers[2] : 0)
    if major == 0, minor < 19 { return true }
    if major == 0, minor == 19, patch == 0 { return !isMarked }
    return isMarked
  }
}

extension BoundAdapter.Member {
  /// Whether it changes experts: one of them, or all in one parameter.
  package var isOfExperts: Bool {
    switch module.kind {
    case .experts, .expert: true
    case .linear, .embedding, .outputLayer: false
    }
  }
}

extension BoundAdapter.Factor {
  /// A whole tensor.
  init(file: MappedFile, tensor: TensorDescription) {
    self.init(file: file, tensor: tensor, rows: 0..<tensor.shape.rowCount, permutation: .none)
  }
}
