internal import AloraModels
internal import AloraSystem
public import AloraGGUF
public import AloraAdapters
internal import AloraTensors

/// What an adapter is, from a PEFT directory or a GGUF alike.
public struct AdapterSummary: Sendable {
  /// The modules of one kind, in all layers that the adapter changes.
  public struct Group: Hashable, Sendable {
    /// `self_attn.q_proj` in PEFT, `attn_q` in GGUF.
    public let name: String
    /// The layers, in order; empty for a module outside of the layers.
    public let layers: [Int]
    /// The ranks that occur, in order.
    public let ranks: [Int]
    /// The effective multipliers of B · A that occur, in order.
    public let scalings: [Double]
    /// [out, in] of the weight, where all of the group have the same.
    public let weightShape: [Int]?
  }

  /// `general.architecture`; nil where only the base could tell.
  public let architecture: String?
  /// The base's name or address, as the adapter records it.
  public let base: String?
  public let alpha: Double
  public let isRankStabilized: Bool
  /// Nil for a plain LoRA.
  public let invocationTokens: [Int]?
  /// A legacy adapter's invocation by text.
  public let invocationString: String?
  public let groups: [Group]
  public let moduleCount: Int
  public let parameterCount: Int
  /// What one should know before relying on the file.
  public let notes: [String]

  /// A layer's number after `layers.` or `blk.`, and the module's path behind it.
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
    let scaling: Double
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
        scalings: Set(found.map(\.member.scaling)).sorted(), weightShape: shapes.count == 1 ? shapes.first : nil)
    }
  }
}

extension AdapterSummary {
  /// - Throws: ``PEFTError`` `invalidPattern`.
  public init(directory: AdapterDirectory) throws {
    let configuration = directory.configuration
    let matcher = try ModuleMatcher(configuration)
    let members = try directory.pairs.map { pair in
      Member(
        path: pair.module, rank: pair.rank, scaling: try matcher.scaling(ofModule: pair.module).value,
        shape: [pair.outputCount, pair.inputCount])
    }
    self.init(
      architecture: nil, base: configuration.baseModelName, alpha: configuration.alpha,
      isRankStabilized: configuration.isRankStabilized, invocationTokens: configuration.invocationTokens,
      invocationString: configuration.invocationString, groups: Self.groups(members), moduleCount: members.count,
      parameterCount: directory.pairs.reduce(0) { $0 + $1.a.shape.elementCount + $1.b.shape.elementCount },
      notes: configuration.notes.map { "\($0.place): \($0.text)" })
  }

  /// Whether a GGUF says that it is an adapter.
  public static func isAdapter(_ metadata: GGUFMetadata) -> Bool {
    metadata["general.type"]?.text == "adapter" || metadata["adapter.type"] != nil
  }

  /// Scalings are llama.cpp's: alpha / r, and 1 for an alpha of 0 (`llama_adapter_lora_weight::get_scale`).
  ///
  /// - Throws: ``GGUFError`` for adapter keys of a wrong type.
  public init(gguf file: GGUFFileSet) throws {
    let metadata = file.metadata
    let alpha = try metadata.number(ifPresent: "adapter.lora.alpha") ?? 0
    var notes: [String] = []
    var members: [Member] = []
    for tensor in file.tensors where tensor.name.hasSuffix(".lora_a") {
      let base = String(tensor.name.dropLast(".lora_a".count))
      guard let b = file.tensor(named: base + ".lora_b"), tensor.shape.rank >= 2, b.shape.rank >= 2 else {
        notes.append("\(base) has no matching lora_b")
        continue
      }
      // An embedding's A factor is stored transposed.
      let isEmbedding = base == "token_embd.weight"
      let rank = b.shape.columnCount
      let inputs = isEmbedding ? tensor.shape.rowCount : tensor.shape.columnCount
      members.append(
        Member(
          path: base.hasSuffix(".weight") ? String(base.dropLast(".weight".count)) : base, rank: rank,
          scaling: alpha == 0 ? 1 : rank == 0 ? 0 : Double(Float(alpha) / Float(rank)),
          shape: [b.shape.rowCount, inputs]))
    }
    if alpha == 0 { notes.append("adapter.lora.alpha is 0 or missing, which llama.cpp reads as scale 1") }
    let ignored = file.tensors.filter { !$0.name.hasSuffix(".lora_a") && !$0.name.hasSuffix(".lora_b") }
    if let first = ignored.first {
      notes.append("no LoRA factors: \(counted(ignored.count, "tensor")), the first \(first.name)")
    }
    self.init(
      architecture: try metadata.string(ifPresent: "general.architecture"),
      base: try metadata.string(ifPresent: "general.base_model.0.repo_url")
        ?? metadata.string(ifPresent: "general.base_model.0.name"),
      alpha: alpha, isRankStabilized: false,
      invocationTokens: try metadata.integers(ifPresent: "adapter.alora.invocation_tokens", atMost: 1 << 16),
      invocationString: nil,
      groups: Self.groups(members), moduleCount: members.count,
      parameterCount: file.tensors.reduce(0) { $0.addingReportingOverflow($1.shape.elementCount).partialValue },
      notes: notes)
  }
}
