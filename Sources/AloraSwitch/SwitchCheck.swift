internal import AloraAdapters
internal import AloraSystem

/// Finds the adapter of a library in each slot, and compares the two.
package struct SwitchCheck: Sendable {
  /// A module whose scaling isn't PEFT's.
  package struct WrongScaling: Hashable, Sendable {
    package let site: SwitchSite
    package let found: Double
    /// PEFT's.
    package let expected: Double
  }

  /// The composer's mistake that explains a scaling.
  package enum Cause: Hashable, Sendable {
    /// alpha / r was used instead of alpha / √r.
    case rankStabilizationIgnored
    case alphaPatternIgnored
    case rankPatternIgnored
  }

  package enum Outcome: Hashable, Sendable {
    /// The adapter, with PEFT's scaling.
    case equal
    /// The adapter, with another scaling.
    case wrongScaling([WrongScaling], cause: Cause?)
    /// A is the adapter's, but B isn't a multiple of its B in these modules.
    case otherWeights([SwitchSite])
    /// No adapter of the library has this A.
    case unknown
    /// Every weight is 0, as in a built-in slot.
    case empty
  }

  package struct Entry: Sendable {
    package let slot: SwitchSlot
    /// The adapter's directory.
    package let adapter: String?
    /// The adapter's rank by its configuration.
    package let rank: Int?
    /// The scaling that most modules have in the switch.
    package let scaling: Double?
    package let outcome: Outcome
    /// Whether the slot declares the adapter's rank.
    package let isRankRight: Bool

    package var passed: Bool { (outcome == .equal || outcome == .empty) && isRankRight }
  }

  package let model: SwitchModel
  package let entries: [Entry]
  /// Adapters of the library that are in no slot.
  package let unused: [String]
  /// Adapters that can't be read, with the reason.
  package let unreadable: [(path: String, problem: String)]
  /// Modules of adapters in slots that a switch has no place for, by the adapter.
  package let misplaced: [(path: String, modules: [String])]

  package var passed: Bool { entries.allSatisfy(\.passed) && misplaced.isEmpty }

  /// - Throws: ``SwitchError``; what reading the model or the tree throws.
  package init(_ model: SwitchModel, library root: String, progress: (Int, Int) -> Void = { _, _ in }) throws {
    self.model = model
    var adapters: [LibraryAdapter] = []
    var unreadable: [(path: String, problem: String)] = []
    for path in try AdapterTree(root: root).adapters {
      do { adapters.append(try LibraryAdapter(path: path)) } catch let error as any DiagnosedError {
        unreadable.append((path, error.problem))
      }
    }
    guard !adapters.isEmpty else {
      throw SwitchError(.emptyLibrary, path: root, problem: "it contains no adapter that can be read")
    }
    var entries: [Entry] = []
    for slot in model.slots {
      entries.append(try Self.entry(slot, model, adapters))
      progress(entries.count, model.slots.count)
    }
    let used = Set(entries.compactMap(\.adapter))
    self.entries = entries
    self.unreadable = unreadable
    unused = adapters.map(\.directory.path).filter { !used.contains($0) }
    misplaced = adapters.filter { used.contains($0.directory.path) && !$0.misplaced.isEmpty }.map {
      ($0.directory.path, $0.misplaced)
    }
  }

  private static func entry(_ slot: SwitchSlot, _ model: SwitchModel, _ adapters: [LibraryAdapter]) throws -> Entry {
    var open = adapters.indices.filter { adapters[$0].places.keys.allSatisfy(Set(model.sites).contains) }
    var fits: [Int: [SwitchSite: (factor: Double, residual: Double)?]] = [:]
    var (isEmpty, precision) = (true, 0.0)
    for site in model.sites {
      guard let factors = try model.factors(slot, at: site) else { continue }
      precision = max(precision, factors.precision)
      if !factors.isZero { isEmpty = false }
      try open.removeAll { index in
        guard let update = try adapters[index].update(at: site) else { return !factors.isZero }
        guard factors.hasA(update.a, rank: update.rank) else { return true }
        fits[index, default: [:]][site] = factors.factorOfB(update.b, rank: update.rank)
        return false
      }
    }
    if isEmpty { return Entry(slot, .empty) }
    // Of adapters with the same A, the one whose B is nearest.
    func distance(_ index: Int) -> Double {
      (fits[index] ?? [:]).values.reduce(0) { $0 + ($1.map { $0.residual } ?? 1) }
    }
    guard let best = open.min(by: { distance($0) < distance($1) }), let fit = fits[best] else {
      return Entry(slot, .unknown)
    }
    return entry(slot, adapters[best], fit, precision)
  }

  private static func entry(
    _ slot: SwitchSlot, _ adapter: LibraryAdapter, _ fits: [SwitchSite: (factor: Double, residual: Double)?],
    _ precision: Double
  ) -> Entry {
    var (others, wrong): ([SwitchSite], [WrongScaling]) = ([], [])
    var found: [Double] = []
    for (site, fit) in fits.sorted(by: { $0.key < $1.key }) {
      // Rounding moves each element by up to the precision; their mean square is less.
      guard let fit, let place = adapter.places[site], fit.residual <= 2 * max(precision, place.precision) else {
        others.append(site)
        continue
      }
      found.append(fit.factor)
      if abs(fit.factor / place.scaling - 1) > max(1e-5, max(precision, place.precision) / 2) {
        wrong.append(WrongScaling(site: site, found: fit.factor, expected: place.scaling))
      }
    }
    let configuration = adapter.directory.configuration
    let outcome: Outcome =
      !others.isEmpty
      ? .otherWeights(others)
      : wrong.isEmpty ? .equal : .wrongScaling(wrong, cause: cause(wrong, configuration))
    return Entry(
      slot, outcome, adapter: adapter.directory.path, rank: configuration.rank,
      scaling: found.isEmpty ? nil : found.sorted()[found.count / 2])
  }

  /// The composer divides `lora_alpha` by `r`, whatever else the configuration says.
  private static func cause(
    _ wrong: [WrongScaling], _ configuration: AdapterConfiguration
  ) -> Cause? {
    let composed = configuration.alpha / Double(configuration.rank)
    guard wrong.allSatisfy({ abs($0.found / composed - 1) <= 0.01 }) else { return nil }
    if configuration.isRankStabilized { return .rankStabilizationIgnored }
    if !configuration.alphaPattern.isEmpty { return .alphaPatternIgnored }
    return configuration.rankPattern.isEmpty ? nil : .rankPatternIgnored
  }
}

extension SwitchCheck.Entry {
  fileprivate init(
    _ slot: SwitchSlot, _ outcome: SwitchCheck.Outcome, adapter: String? = nil, rank: Int? = nil,
    scaling: Double? = nil
  ) {
    self.slot = slot
    self.outcome = outcome
    self.adapter = adapter
    self.rank = rank
    self.scaling = scaling
    isRankRight = rank == nil || slot.declaredRank == nil || rank == slot.declaredRank
  }
}
