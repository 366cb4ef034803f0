internal import AloraAdapters
internal import AloraModels

/// Variants of one adapter, each with a known mistake of files and engines. A diagnosis tries them to find which one explains
/// unexpected logits.
package struct AdapterVariants {
  /// One of the modules in the layers that the adapter changes.
  package struct Module: Hashable, Sendable, CustomStringConvertible {
    package let layer: Int
    package let kind: ModuleKind

    package init(layer: Int, kind: ModuleKind) {
      self.layer = layer
      self.kind = kind
    }

    /// The name of the base's tensor in GGUF.
    package var description: String { "blk.\(layer).\(kind.name)" }
  }

  /// A mistake that may have been made with factors, and is undone here.
  package enum Change: CaseIterable, Sendable {
    /// A holds B transposed, and B holds A transposed.
    case exchanged
    /// The numbers of A are in the order of its transpose; those of B; those of both.
    case transposedA, transposedB, transposed
    /// The rows of B lack the permutation of GGUF, or have it twice.
    case unpermuted, permutedTwice
    /// Numbers were truncated to BF16 instead of rounded. If all are BF16, half a unit in the last place is added to each.
    case truncated
  }

  package let adapter: Adapter
  package let modules: [Module]
  private let model: Model
  private let parts: AdapterParts

  /// Opens the adapter's files once more.
  ///
  /// - Throws: as ``Adapter/init(path:model:pool:)``.
  package init(of adapter: Adapter, model: Model) throws {
    self.adapter = adapter
    self.model = model
    let tokens = adapter.invocationTokens ?? []
    var options = BoundAdapter.Options()
    // The invocation is known. A legacy adapter's first token doesn't count, so any will do.
    options.tokenize = { _ in [0] + tokens }
    parts = try AdapterParts(path: adapter.path, base: model.graph.base, options: options)
    modules = adapter.layers.indices.flatMap { layer in
      ModuleKind.allCases.compactMap { kind in
        adapter.layers[layer][kind] == nil ? nil : Module(layer: layer, kind: kind)
      }
    }
  }

  /// The adapter with a change of some modules.
  ///
  /// - Returns: nil if nothing would change, or if no module's shapes allow the change.
  /// - Throws: ``FileError``, ``InferenceError``.
  package func adapter(with change: Change, of changed: [Module]) throws -> Adapter? {
    var layers = adapter.layers
    var isChanged = false
    for module in changed {
      guard let update = adapter.layers[module.layer][module.kind] else { continue }
      let permutation = matrices(module).first?.permutation ?? .none
      let others = try factors(of: module).map { $0?.undoing(change, permutation: permutation) }
      guard others.contains(where: { $0 != nil }) else { continue }
      layers[module.layer][module.kind] = ModuleUpdate(
        zip(update.parts, others).map { part, other in
          guard let part, let other else { return part }
          return other.update(scale: part.scale, isDense: model.backend == .openblas)
        })
      isChanged = true
    }
    return isChanged ? adapter.replacing(layers: layers, named: "\(change) \(changed)") : nil
  }

  /// The adapter without some modules; nil if none is left, or it has none of them.
  package func adapter(without dropped: [Module]) -> Adapter? {
    guard !dropped.isEmpty, dropped.count < modules.count else { return nil }
    var layers = adapter.layers
    for module in dropped { layers[module.layer][module.kind] = nil }
    return adapter.replacing(layers: layers, named: "without \(dropped)")
  }

  /// The adapter with the scaling of some modules multiplied; nil if it has none of them.
  package func adapter(scaling scaled: [Module], by factor: Float) -> Adapter? {
    guard !scaled.isEmpty else { return nil }
    var layers = adapter.layers
    for module in scaled {
      layers[module.layer][module.kind] = layers[module.layer][module.kind]?.scaled { $0 * factor }
    }
    return adapter.replacing(layers: layers, named: "\(scaled) times \(factor)")
  }

  /// The adapter with the updates of two kinds exchanged in every layer; nil if their shapes differ.
  package func adapter(exchanging one: ModuleKind, _ other: ModuleKind) -> Adapter? {
    var layers = adapter.layers
    for layer in layers.indices {
      let (first, second) = (layers[layer][one], layers[layer][other])
      guard let first, let second, first.fits(second) else { return nil }
      (layers[layer][one], layers[layer][other]) = (second, first)
    }
    return adapter.replacing(layers: layers, named: "\(one) for \(other)")
  }

  /// The adapter with its layers in another order: layer i gets what layer `order[i]` has; nil if a shape forbids it.
  package func adapter(layerOrder order: [Int]) -> Adapter? {
    let layers = adapter.layers
    for (target, source) in order.enumerated() {
      for kind in ModuleKind.allCases {
        guard let moved = layers[source][kind] else { continue }
        guard let old = layers[target][kind], old.fits(moved) else { return nil }
      }
    }
    return adapter.replacing(layers: order.map { layers[$0] }, named: "layers \(order)")
  }

  /// Modules whose factors add nothing: one of them is zero.
  ///
  /// - Throws: ``FileError``, ``InferenceError``.
  package func idleModules() throws -> [Module] {
    try modules.filter { module in
      let factors = try factors(of: module).compactMap(\.self)
      guard !factors.isEmpty else { return false }
      return factors.allSatisfy { part in part.a.allSatisfy { $0 == 0 } || part.b.allSatisfy { $0 == 0 } }
    }
  }

  /// The bytes of all factors as f32.
  package var factorByteCount: Int {
    modules.reduce(0) { sum, module in
      let parts = adapter.layers[module.layer][module.kind]?.parts.compactMap(\.self) ?? []
      return parts.reduce(sum) { $0 + 4 * $1.a.rowCount * ($1.a.columnCount + $1.b.rowCount) }
    }
  }

  /// How many layers the model has.
  package var layerCount: Int { adapter.layers.count }

  private func matrices(_ module: Module) -> [GraphMatrix] {
    model.graph.layers[module.layer].matrices(of: module.kind)
  }

  /// The factors of a module: one pair, or one for each expert.
  private func factors(of module: Module) throws -> [Factors?] {
    let matrices = matrices(module)
    if module.kind.isOfExperts {
      var reader = ExpertFactorReader { try RowSource($0).floats() }
      return try matrices.enumerated().map { number, matrix in
        try ExpertFactors.factors(of: number, matrix, parts, &reader).map {
          Factors(
            a: $0.a, b: $0.b, inputCount: matrix.columnCount, outputCount: matrix.rowCount, rank: $0.rank)
        }
      }
    }
    guard let matrix = matrices.first, let pair = parts.pairs[matrix.gguf.name] else { return [] }
    let b = pair.rows(of: matrix)
    return [
      Factors(
        a: try pair.a.floats(), b: try pair.dividedValues(of: b) ?? b.floats(), inputCount: pair.a.columnCount,
        outputCount: b.rows.count,
        rank: pair.rank)
    ]
  }

  /// The adapter with its experts' updates in another order: expert i gets what expert `order[i]` has; nil if it has
  /// none.
  package func adapter(expertOrder order: [Int]) -> Adapter? {
    var layers = adapter.layers
    var isChanged = false
    for module in modules where module.kind.isOfExperts {
      guard let parts = layers[module.layer][module.kind]?.parts, parts.count == order.count else { continue }
      layers[module.layer][module.kind] = ModuleUpdate(order.map { parts[$0] })
      isChanged = true
    }
    return isChanged ? adapter.replacing(layers: layers, named: "experts \(order)") : nil
  }
}

/// The numbers of a pair of factors.
private struct Factors {
  /// [r, in]
  let a: [Float]
  /// [out, r], in the graph's order of rows.
  let b: [Float]
  let inputCount: Int
  let outputCount: Int
  let rank: Int

  func with(a: [Float]? = nil, b: [Float]? = nil) -> Factors {
    Factors(a: a ?? self.a, b: b ?? self.b, inputCount: inputCount, outputCount: outputCount, rank: rank)
  }

  func undoing(_ change: AdapterVariants.Change, permutation: RowPermutation) -> Factors? {
    // A matrix with these numbers of rows and columns from its transpose's numbers.
    func turned(_ values: [Float], _ rows: Int, _ columns: Int) -> [Float] {
      values.indices.map { values[$0 % columns * rows + $0 / columns] }
    }
    func reordered(_ source: (Int) -> Int) -> Factors? {
      guard permutation != .none else { return nil }
      return with(b: b.indices.map { b[source($0 / rank) * rank + $0 % rank] })
    }
    switch change {
    case .exchanged:
      guard inputCount == outputCount else { return nil }
      return with(a: turned(b, rank, inputCount), b: turned(a, outputCount, rank))
    case .transposedA: return rank == 1 ? nil : with(a: turned(a, rank, inputCount))
    case .transposedB: return rank == 1 ? nil : with(b: turned(b, outputCount, rank))
    case .transposed:
      return rank == 1 ? nil : with(a: turned(a, rank, inputCount), b: turned(b, outputCount, rank))
    case .unpermuted: return reordered(permutation.sourceRow)
    case .permutedTwice: return reordered(permutation.targetRow)
    case .truncated:
      guard (a + b).allSatisfy({ $0.bitPattern & 0xFFFF == 0 }) else { return nil }
      func centred(_ value: Float) -> Float { value == 0 ? 0 : Float(bitPattern: value.bitPattern | 0x8000) }
      return with(a: a.map(centred), b: b.map(centred))
    }
  }

  func update(scale: Float, isDense: Bool) -> LowRankUpdate {
    LowRankUpdate(
      a: WeightMatrix(a, rowCount: rank, columnCount: inputCount, isDense: isDense),
      b: WeightMatrix(b, rowCount: outputCount, columnCount: rank, isDense: isDense), scale: scale)
  }
}
