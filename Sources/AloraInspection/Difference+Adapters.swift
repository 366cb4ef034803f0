internal import AloraAdapters
package import AloraModels
internal import AloraNPZ
internal import AloraSafetensors
internal import AloraSystem

extension Difference {
  /// Compares two adapters module by module, in whatever form they are: a PEFT directory and the GGUF made from it are the
  /// same. B is compared with its scaling, because a conversion may fold one into the other.
  ///
  /// - Throws: ``InspectionError`` for what isn't an adapter; as ``AdapterSource/bound(to:options:)``.
  package init(_ first: Subject, _ second: Subject, base: ModelSource) throws {
    let (left, right) = (try first.bound(to: base), try second.bound(to: base))
    var entries: [Entry] = []
    if left.invocationTokens != right.invocationTokens {
      entries.append(
        Entry(
          .metadata, "invocation tokens", first: left.invocationTokens.map { .tokens($0) },
          second: right.invocationTokens.map { .tokens($0) }))
    }
    var others: [String: TensorUpdate] = [:]
    let (updates, otherUpdates) = (TensorUpdate.all(of: left), TensorUpdate.all(of: right))
    for update in otherUpdates { others[update.name] = update }
    var compared = 0
    for update in updates {
      guard let other = others.removeValue(forKey: update.name) else {
        entries.append(Entry(.onlyInFirst, update.name, first: .rank(update.rank)))
        continue
      }
      compared += 2
      entries += try Self.entries(update, other)
    }
    for update in otherUpdates where others[update.name] != nil {
      entries.append(Entry(.onlyInSecond, update.name, second: .rank(update.rank)))
    }
    let experts = try Self.expertEntries(left, right)
    self.entries = entries + experts.entries
    comparedTensorCount = compared + experts.comparedTensorCount
    comparesWholeMetadata = false
  }

  private static func entries(_ left: TensorUpdate, _ right: TensorUpdate) throws -> [Entry] {
    guard left.rank == right.rank else {
      return [Entry(.shape, left.name, first: .rank(left.rank), second: .rank(right.rank))]
    }
    func entry(_ suffix: String, _ one: [Float], _ other: [Float]) -> Entry? {
      guard one.count == other.count else {
        return Entry(.shape, left.name + suffix, first: .elementCount(one.count), second: .elementCount(other.count))
      }
      let delta = largestDelta(one, other)
      return delta == 0 ? nil : Entry(.values, left.name + suffix, largestDelta: delta)
    }
    return try [
      entry(GGUFAdapterFormat.suffixA, left.valuesOfA(), right.valuesOfA()),
      entry(GGUFAdapterFormat.suffixB, left.scaledValuesOfB(), right.scaledValuesOfB()),
    ].compactMap { $0 }
  }

  /// The differences of what the adapters add to experts. An expert that an adapter leaves out is the same as one with
  /// factors of zeros.
  private static func expertEntries(
    _ first: BoundAdapter, _ second: BoundAdapter
  ) throws -> (entries: [Entry], comparedTensorCount: Int) {
    let updates = try first.expertUpdates().mapValues { ExpertTensorUpdate($0) }
    let others = try second.expertUpdates().mapValues { ExpertTensorUpdate($0) }
    var (reader, otherReader) = (ExpertFactorReader { try $0.values() }, ExpertFactorReader { try $0.values() })
    var entries: [Entry] = []
    var compared = 0
    for name in Set(updates.keys).union(others.keys).sorted() {
      guard let update = updates[name], let other = others[name] else {
        let value = Entry.Value.rank((updates[name] ?? others[name])?.largestRank ?? 0)
        entries.append(
          updates[name] == nil ? Entry(.onlyInSecond, name, second: value) : Entry(.onlyInFirst, name, first: value))
        continue
      }
      compared += 2
      var (deltaOfA, deltaOfB) = (0.0, 0.0)
      for expert in 0..<max(update.expertCount, other.expertCount) {
        let mine = try update.factors(ofExpert: expert, &reader)
        let theirs = try other.factors(ofExpert: expert, &otherReader)
        if let mine, let theirs, mine.rank != theirs.rank {
          entries.append(
            Entry(.shape, "\(name), expert \(expert)", first: .rank(mine.rank), second: .rank(theirs.rank)))
          continue
        }
        deltaOfA = max(deltaOfA, largestDelta(mine?.a, theirs?.a))
        deltaOfB = max(deltaOfB, largestDelta(mine?.scaledB, theirs?.scaledB))
      }
      if deltaOfA > 0 { entries.append(Entry(.values, name + GGUFAdapterFormat.suffixA, largestDelta: deltaOfA)) }
      if deltaOfB > 0 { entries.append(Entry(.values, name + GGUFAdapterFormat.suffixB, largestDelta: deltaOfB)) }
    }
    return (entries, compared)
  }

  /// Zeros stand for what isn't there.
  private static func largestDelta(_ one: [Float]?, _ other: [Float]?) -> Double {
    let count = max(one?.count ?? 0, other?.count ?? 0)
    let zeros = [Float](repeating: 0, count: one == nil || other == nil ? count : 0)
    return largestDelta(one ?? zeros, other ?? zeros)
  }
}

extension Subject {
  fileprivate func bound(to base: ModelSource) throws -> BoundAdapter {
    switch self {
    case .adapterDirectory(let directory):
      return try BoundAdapter(
        directory, base: base.base(), options: BoundAdapter.Options(base: base, adapterPath: directory.path))
    case .gguf(let file): return try BoundAdapter(GGUFAdapter(file), base: base.base())
    case .safetensors(let set): throw notAnAdapter(set.path)
    case .baseDirectory(let directory): throw notAnAdapter(directory.path)
    case .npz(let file): throw notAnAdapter(file.path)
    }
  }

  private func notAnAdapter(_ path: String) -> InspectionError {
    InspectionError(
      path: path, problem: "it isn't an adapter, and a base is given to compare adapters module by module",
      remedy: "give two adapters, or no base")
  }
}
