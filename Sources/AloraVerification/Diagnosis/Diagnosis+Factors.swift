internal import AloraInference

extension Diagnosis {
  private typealias Module = AdapterVariants.Module

  /// The mistake with the factors that explains the golden rows, or comes nearest to it.
  ///
  /// - Parameter position: the first position that fails. Every hypothesis is tried there; one that fits is then checked at
  ///   the other rows.
  mutating func factorCause(_ prompt: GoldenPrompt, at position: Int) throws -> Cause {
    let before = prompt.misfit(prompt.adaptedRows[position], at: position)
    let variants = try AdapterVariants(of: adapter, model: verification.model)
    var nearest: (hypothesis: Hypothesis, misfit: Double)?
    var isCutShort = false
    let families = families(variants)
    // At most half a gigabyte of changed factors in memory, if all factors of each adapter change.
    let count = min(Self.batchCount, max(1, (1 << 29) / max(1, variants.factorByteCount)))
    for (index, family) in families.enumerated() {
      // Missing updates can't be tried, but they can be seen. Single modules take longest and come last.
      if index == families.count - 3 {
        if let idle = try idleGroups(variants) { return .idleModules(idle) }
        if let found = try activation(prompt, isNear: false) {
          remember(found)
          return .mistake(found.mistake)
        }
      }
      for first in stride(from: 0, to: family.count, by: count) {
        let hypotheses = try family[first..<min(first + count, family.count)].compactMap { try $0() }
        let misfits = try misfits(hypotheses, prompt, at: position)
        isCutShort = isCutShort || misfits.count < hypotheses.count
        for (hypothesis, misfit) in zip(hypotheses, misfits) where misfit < nearest?.misfit ?? .infinity {
          nearest = (hypothesis, misfit)
        }
      }
      if let best = nearest, prompt.tolerance.accepts(best.misfit), try fits(best.hypothesis, prompt) {
        remember(best.hypothesis)
        return .mistake(best.hypothesis.mistake)
      }
    }
    return .unexplained(
      .init(
        triedCount: triedCount, isCutShort: isCutShort,
        nearest: nearest.flatMap { nearest in
          nearest.misfit < before / 3
            ? .init(mistake: nearest.hypothesis.mistake, remainder: nearest.misfit / before) : nil
        }))
  }

  /// The hypotheses, family by family: a family is tried as a whole, and its best member counts.
  private func families(_ variants: AdapterVariants) -> [[() throws -> Hypothesis?]] {
    let all = variants.modules
    let kinds = ModuleKind.allCases.map { kind in (ModuleGroup.kinds([kind]), all.filter { $0.kind == kind }) }
    let layers = (0..<variants.layerCount).map { layer in (ModuleGroup.layer(layer), all.filter { $0.layer == layer }) }
    let single = all.map { (ModuleGroup.module(layer: $0.layer, $0.kind), [$0]) }
    func made(_ mistake: Mistake, _ adapter: @escaping () throws -> Adapter?) -> () throws -> Hypothesis? {
      { try adapter().map { Hypothesis(mistake: mistake, adapter: $0) } }
    }
    func changes(
      _ changes: some Sequence<AdapterVariants.Change>, _ groups: [(name: ModuleGroup, modules: [Module])]
    ) -> [() throws -> Hypothesis?] {
      changes.flatMap { change in
        groups.map { group in
          made(.factors(change, group.name)) { try variants.adapter(with: change, of: group.modules) }
        }
      }
    }
    func dropped(_ groups: [(name: ModuleGroup, modules: [Module])]) -> [() throws -> Hypothesis?] {
      groups.map { group in
        made(.updateLeftOut(group.name)) { variants.adapter(without: group.modules) }
      }
    }
    let rotated = all.filter { $0.kind == .query || $0.kind == .key }
    let permutations: [AdapterVariants.Change] = [.unpermuted, .permutedTwice]
    let transpositions: [AdapterVariants.Change] = [.exchanged, .transposedA, .transposedB, .transposed]
    let pairs: [(ModuleKind, ModuleKind)] = [
      (.query, .output), (.key, .value), (.gate, .up), (.gateExperts, .upExperts), (.query, .key), (.query, .value),
    ]
    return [
      changes(permutations, [(.kinds([.query, .key]), rotated)] + kinds.prefix(2)),
      changes(transpositions, [(.all, all)] + kinds),
      pairs.map { one, other in
        made(.exchangedKinds(one, other)) { variants.adapter(exchanging: one, other) }
      },
      all.map(\.kind).allSatisfy { $0 == all.first?.kind }
        ? []
        : ModuleKind.allCases.flatMap { kind in
          [0.5, 2, 0.25, 4].map { factor in
            made(.scalingOfKind(kind, factor: factor)) {
              variants.adapter(scaling: all.filter { $0.kind == kind }, by: Float(factor))
            }
          }
        },
      LayerOrder.orders(of: variants.layerCount).map { name, order in
        made(.layerOrder(name)) { variants.adapter(layerOrder: order) }
      },
      LayerOrder.orders(of: verification.model.expertCount).map { name, order in
        made(.expertOrder(name)) { variants.adapter(expertOrder: order) }
      },
      dropped(kinds), dropped(layers),
      changes(transpositions.dropLast(), single), dropped(single),
      changes([.truncated], [(.all, all)]),
    ]
  }

  /// Layers or modules without an update, although others of their kind have one.
  private func idleGroups(_ variants: AdapterVariants) throws -> [ModuleGroup]? {
    let idle = Set(try variants.idleModules())
    let active = variants.modules.filter { !idle.contains($0) }
    let kinds = Set(active.map(\.kind))
    let missing = kinds.sorted { $0.name < $1.name }.flatMap { kind in
      let layers = Set(active.filter { $0.kind == kind }.map(\.layer))
      // An adapter for a few of the layers is not a mistake.
      return layers.count * 2 >= variants.layerCount
        ? (0..<variants.layerCount).filter { !layers.contains($0) }.map { Module(layer: $0, kind: kind) } : []
    }
    guard !missing.isEmpty else { return nil }
    let layers = Set(missing.map(\.layer))
    let isWhole = missing.count == layers.count * kinds.count
    return isWhole
      ? layers.sorted().map { .layer($0) } : missing.map { .module(layer: $0.layer, $0.kind) }
  }
}
