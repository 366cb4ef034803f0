internal import AloraGGUF
internal import AloraSafetensors
internal import AloraSystem
internal import AloraAdapters
internal import AloraTensors

/// A summary of an adapter, from a PEFT directory or a GGUF.
package struct AdapterSummary: Sendable {
  /// The modules of one kind, in all layers that the adapter changes.
  package struct Group: Hashable, Sendable {
    /// `self_attn.q_proj` in PEFT, `attn_q` in GGUF.
    package let name: String
    /// The layers, in order; empty for a module outside of the layers.
    package let layers: [Int]
    /// The ranks that occur, in order.
    package let ranks: [Int]
    /// The distinct effective multipliers of B · A, in ascending order.
    package let scalings: [Double]
    /// [out, in] of the weight; nil if it differs within the group.
    package let weightShape: [Int]?
  }

  /// `peft_type`; LORA for a GGUF; nil if the configuration has none.
  package let type: String?
  /// `general.architecture`; nil if only the base could tell.
  package let architecture: String?
  /// The base's name or address, as the adapter records it.
  package let base: String?
  /// Nil if the adapter has none.
  package let alpha: Double?
  package let isRankStabilized: Bool
  /// Nil for a plain LoRA.
  package let invocationTokens: [Int]?
  /// A legacy adapter's invocation by text.
  package let invocationString: String?
  package let groups: [Group]
  package let moduleCount: Int
  package let parameterCount: Int
  /// What one should know before relying on the file.
  package let notes: [InspectionNote]

  /// The layer's number after `layers.` or `blk.`, and the rest of the path after that number.
  static func position(_ path: String) -> (layer: Int?, name: String) {
    let parts = path.split(separator: ".")
    for (index, part) in parts.enumerated().dropFirst() where index + 1 < parts.count {
      if let layer = Int(part), layer >= 0 { return (layer, parts[(index + 1)...].joined(separator: ".")) }
    }
    return (nil, path)
  }

  struct Member {
    let path: String
    let rank: Int
    let scaling: Double?
    let shape: [Int]
  }

  static func groups(_ members: [Member]) -> [Group] {
    var order: [String] = []
    var byName: [String: [(layer: Int?, member: Member)]] = [:]
    for member in members {
      let (layer, name) = position(member.path)
      if byName[name] == nil { order.append(name) }
      byName[name, default: []].append((layer, member))
    }
    return order.map { name in
      let found = byName[name] ?? []
      let shapes = Set(found.map(\.member.shape))
      return Group(
        name: name, layers: found.compactMap(\.layer).sorted(), ranks: Set(found.map(\.member.rank)).sorted(),
        scalings: Set(found.compactMap(\.member.scaling)).sorted(), weightShape: shapes.count == 1 ? shapes.first : nil)
    }
  }
}

extension AdapterSummary {
  /// How many of the reasons against a conversion, or of the loader's rules, become notes.
  private static let noteLimit = 8

  private static func limited(_ notes: [InspectionNote]) -> [InspectionNote] {
    notes.count <= noteLimit ? notes : notes.prefix(noteLimit) + [.more(count: notes.count - noteLimit)]
  }

  private static func idle(_ count: Int, of total: Int) -> [InspectionNote] {
    count == 0 ? [] : [.idleModules(count: count, total: total)]
  }

  private static func elementCount(_ tensors: [TensorDescription]) -> Int {
    tensors.reduce(0) { $0.addingReportingOverflow($1.shape.elementCount).partialValue }
  }

  /// Reads whatever the directory has; reasons against a conversion become notes.
  init(directory: AdapterDirectory, idlePairCount: Int) {
    let configuration = directory.configuration
    var reasons = directory.obstacles.map { InspectionNote.notConvertible(place: $0.place, problem: $0.problem) }
    let matcher: ModuleMatcher?
    do { matcher = try ModuleMatcher(configuration) } catch {
      matcher = nil
      reasons.append(.notConvertible(place: error.place, problem: error.problem))
    }
    let members = directory.pairs.map { pair in
      Member(
        path: pair.module, rank: pair.rank, scaling: try? matcher?.scaling(ofModule: pair.module).value,
        shape: [pair.outputCount, pair.inputCount])
    }
    let isLoRA = configuration.type == "LORA"
    self.init(
      type: configuration.type, architecture: nil, base: configuration.baseModelName,
      alpha: isLoRA ? configuration.alpha : nil, isRankStabilized: configuration.isRankStabilized,
      invocationTokens: configuration.invocationTokens, invocationString: configuration.invocationString,
      groups: Self.groups(members), moduleCount: members.count,
      parameterCount: Self.elementCount(
        directory.pairs.isEmpty ? directory.weights?.tensors ?? [] : directory.pairs.flatMap { [$0.a, $0.b] }),
      notes: directory.notes.map(InspectionNote.adapter) + Self.idle(idlePairCount, of: members.count)
        + Self.limited(reasons))
  }

  /// Scalings are llama.cpp's; what its loader would say becomes notes.
  init(gguf adapter: GGUFAdapter, idlePairCount: Int) throws {
    let members = adapter.pairs.map { pair in
      let path = pair.module.hasSuffix(".weight") ? String(pair.module.dropLast(".weight".count)) : pair.module
      return Member(
        path: path, rank: pair.rank, scaling: pair.rank == 0 ? 0 : Double(adapter.scale(of: pair)),
        shape: [pair.outputCount, pair.inputCount])
    }
    let metadata = adapter.file.metadata
    self.init(
      type: "LORA", architecture: adapter.architecture,
      base: try metadata.string(ifPresent: "general.base_model.0.repo_url")
        ?? metadata.string(ifPresent: "general.base_model.0.name"),
      alpha: adapter.alpha.map(Double.init), isRankStabilized: false, invocationTokens: adapter.invocationTokens,
      invocationString: nil, groups: Self.groups(members), moduleCount: members.count,
      parameterCount: Self.elementCount(adapter.file.tensors),
      notes: Self.idle(idlePairCount, of: members.count)
        + Self.limited(adapter.findings.map { .adapter(.loader($0)) }))
  }
}
