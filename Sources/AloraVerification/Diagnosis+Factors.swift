internal import AloraInference

extension Diagnosis {
  private typealias Module = AdapterVariants.Module

  /// Which mistake about the factors explains the golden rows, or comes nearest to it.
  ///
  /// - Parameter position: the first position that fails; all hypotheses are tried there, and one that fits it everywhere.
  mutating func factorCause(_ prompt: GoldenPrompt, at position: Int) throws -> String {
    let before = prompt.misfit(prompt.adaptedRows[position], at: position)
    let variants = try AdapterVariants(of: adapter, model: verification.model)
    var nearest: (hypothesis: Hypothesis, misfit: Double)?
    var isCutShort = false
    let families = families(variants)
    // Half a gigabyte of changed factors, if all of each adapter's are changed; no more adapters in memory than that.
    let count = min(Self.batchCount, max(1, (1 << 29) / max(1, variants.factorByteCount)))
    for (index, family) in families.enumerated() {
      // What is missing cannot be tried, but seen; single modules, which take longest, come after it.
      if index == families.count - 3 {
        if let gap = try gap(variants) { return "no activation, scaling or order of factors fits, but \(gap)" }
        if let found = try activation(prompt, isNear: false) {
          remember(found)
          return "it fits: \(found.name)"
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
      if let best = nearest, best.misfit <= prompt.tolerance, try fits(best.hypothesis, prompt) {
        remember(best.hypothesis)
        return "it fits: \(best.hypothesis.name)"
      }
    }
    let tried = "none of \(triedCount) hypotheses fits\(isCutShort ? " (not all were tried: too many tokens)" : "")"
    guard let nearest, nearest.misfit < before / 3 else {
      return "\(tried): another adapter, or more than one mistake"
    }
    return
      "\(tried); likeliest is \(nearest.hypothesis.name), which leaves \(Figure(nearest.misfit / before)) of |Δ|"
  }

  /// What may be wrong, family by family: a family is tried as a whole, and its best member counts.
  private func families(_ variants: AdapterVariants) -> [[() throws -> Hypothesis?]] {
    let all = variants.modules
    let kinds = ModuleKind.allCases.map { kind in (kind.name, all.filter { $0.kind == kind }) }
    let layers = (0..<variants.layerCount).map { layer in ("blk.\(layer)", all.filter { $0.layer == layer }) }
    let single = all.map { ($0.description, [$0]) }
    func made(_ name: String, _ adapter: @escaping () throws -> Adapter?) -> () throws -> Hypothesis? {
      { try adapter().map { Hypothesis(name: name, adapter: $0) } }
    }
    func changes(
      _ changes: some Sequence<AdapterVariants.Change>, _ groups: [(name: String, modules: [Module])]
    ) -> [() throws -> Hypothesis?] {
      changes.flatMap { change in
        groups.map { group in
          made(change.description(of: group.name)) { try variants.adapter(with: change, of: group.modules) }
        }
      }
    }
    func dropped(_ groups: [(name: String, modules: [Module])]) -> [() throws -> Hypothesis?] {
      groups.map { group in
        made("the golden was made without the update of \(group.name)") { variants.adapter(without: group.modules) }
      }
    }
    let rotated = all.filter { $0.kind == .query || $0.kind == .key }
    let permutations: [AdapterVariants.Change] = [.unpermuted, .permutedTwice]
    let transpositions: [AdapterVariants.Change] = [.exchanged, .transposedA, .transposedB, .transposed]
    let pairs: [(ModuleKind, ModuleKind)] = [
      (.query, .output), (.key, .value), (.gate, .up), (.query, .key), (.query, .value),
    ]
    return [
      changes(permutations, [("attn_q and attn_k", rotated)] + kinds.prefix(2)),
      changes(transpositions, [("every module", all)] + kinds),
      pairs.map { one, other in
        made("the factors of \(one.name) and \(other.name) exchanged") {
          variants.adapter(exchanging: one, other)
        }
      },
      all.map(\.kind).allSatisfy { $0 == all.first?.kind }
        ? []
        : kinds.flatMap { name, modules in
          [0.5, 2, 0.25, 4].map { factor in
            made("the scaling of \(name) times \(Figure(factor)): an alpha_pattern or rank_pattern left out, perhaps") {
              variants.adapter(scaling: modules, by: Float(factor))
            }
          }
        },
      layerOrders(variants.layerCount).map { name, order in made(name) { variants.adapter(layerOrder: order) } },
      dropped(kinds), dropped(layers),
      changes(transpositions.dropLast(), single), dropped(single),
      changes([.truncated], [("every module", all)]),
    ]
  }

  private func layerOrders(_ count: Int) -> [(name: String, order: [Int])] {
    guard count > 1 else { return [] }
    let layers = Array(0..<count)
    let asTexts = layers.sorted { String($0) < String($1) }
    let places = layers.map { layer in asTexts.firstIndex(of: layer) ?? layer }
    return [
      ("the updates of layer i stand at layer i + 1", layers.map { ($0 + 1) % count }),
      ("the updates of layer i stand at layer i - 1", layers.map { ($0 + count - 1) % count }),
      ("the layers are in reverse order", layers.reversed()),
      ("the layers are in the order of their numbers as texts", places),
      ("the layers were in the order of their numbers as texts", asTexts),
    ].filter { $0.1 != layers }
  }

  /// Layers or modules without an update where their likes have one.
  private func gap(_ variants: AdapterVariants) throws -> String? {
    let idle = Set(try variants.idleModules())
    let active = variants.modules.filter { !idle.contains($0) }
    let kinds = Set(active.map(\.kind))
    let missing = kinds.sorted { $0.name < $1.name }.flatMap { kind in
      let layers = Set(active.filter { $0.kind == kind }.map(\.layer))
      // Few of many: adapters for some of the layers are no mistake.
      return layers.count * 2 >= variants.layerCount
        ? (0..<variants.layerCount).filter { !layers.contains($0) }.map { Module(layer: $0, kind: kind) } : []
    }
    guard !missing.isEmpty else { return nil }
    let layers = Set(missing.map(\.layer))
    let isWhole = missing.count == layers.count * kinds.count
    let names = isWhole ? layers.sorted().map { "blk.\($0)" } : missing.map(\.description)
    let list = names.prefix(4).joined(separator: ", ") + (names.count > 4 ? ", …" : "")
    return "the adapter adds nothing to \(list) (its factors are missing or zero), as it does elsewhere: lost, perhaps"
  }
}

extension AdapterVariants.Change {
  /// The mistake in words.
  func description(of modules: String) -> String {
    switch self {
    case .exchanged: "A and B of \(modules) are exchanged, each transposed"
    case .transposedA: "A of \(modules) is transposed"
    case .transposedB: "B of \(modules) is transposed"
    case .transposed: "A and B of \(modules) are transposed"
    case .unpermuted: "the rows of \(modules) lack GGUF's permutation of attention heads"
    case .permutedTwice: "the rows of \(modules) have GGUF's permutation of attention heads twice"
    case .truncated: "factors were cut off to BF16 instead of rounded"
    }
  }
}
