package import AloraAdapters
internal import AloraGGUF
internal import AloraJSON
internal import AloraModelCard
internal import AloraModels
internal import AloraSafetensors
internal import AloraSystem
internal import AloraTensors

/// A PEFT directory that an adapter in GGUF or MLX form becomes, decided and checked before a byte is written.
///
/// Rows and columns go back to Hugging Face's order, stacks of experts to the parameters of PEFT from 0.19.1 on. A scaling
/// that was folded into `lora_b` stays there. Converting the directory again gives the same GGUF.
package struct PEFTPlan {
  /// A module of the adapter, for reports.
  package struct Module: Hashable, Sendable {
    package let name: String
    package let rank: Int
    /// PEFT's multiplier of B · A.
    package let scaling: Double
    /// The tensors of the source that it was made from.
    package let sources: [String]
  }

  /// The adapter that is converted.
  package let path: String
  package let modules: [Module]
  package let tensorCount: Int
  package let invocationTokens: [Int]?
  package let notes: [ConversionNote]
  package var byteCount: Int { layout.byteCount }

  let tensors: [PEFTTensor]
  let layout: SafetensorsLayout
  /// adapter_config.json
  let configuration: JSONValue
  /// README.md
  let card: String
  /// What is read, and must not be replaced.
  let inputs: [String]

  /// The layout of experts that this version of PEFT was the first to write.
  private static let version = "0.19.1"
  /// No adapter comes near it; a hostile one could ask for any size.
  private static let byteLimit = 1 << 36

  /// - Throws: ``AdapterError``, ``ConversionError``, ``GGUFError``, ``SafetensorsError``.
  package init(_ source: AdapterSource, base: ConversionBase, baseModelID: String? = nil) throws {
    let updates: [PEFTUpdate]
    var notes: [ConversionNote]
    var entries: [AdapterIdentity.Entry] = []
    var name = baseModelID
    switch source {
    case .gguf(let adapter):
      updates = try PEFTUpdate.updates(of: adapter, base: base.model)
      (path, invocationTokens) = (adapter.path, adapter.invocationTokens)
      entries = Self.identity(adapter.file.metadata)
      name = try name ?? Self.baseName(adapter.file.metadata)
      inputs = [adapter.path]
      notes = adapter.findings.map { .adapter(.loader($0)) }
    case .peft(let directory) where directory.isMLX:
      updates = try PEFTUpdate.updates(of: directory, base: base.model, options: BoundAdapter.Options())
      (path, invocationTokens) = (directory.path, nil)
      name = name ?? directory.configuration.baseModelName
      inputs = [directory.configurationPath, directory.weightsPath, "\(directory.path)/\(ModelFiles.card)"]
      notes = directory.notes.map(ConversionNote.adapter)
    case .peft(let directory):
      throw ConversionError(
        .alreadyConverted, path: directory.path, problem: "it is a PEFT adapter already",
        remedy: "pass it as it is, or convert it to GGUF")
    }
    let names = PEFTNames(updates, base: base.model)
    tensors = try updates.flatMap { try Self.tensors($0, names: names, base: base, path: source.path) }
    layout = try SafetensorsLayout(
      metadata: ["format": "pt"], tensors: tensors.map(\.declaration), keepsOrder: true)
    tensorCount = tensors.count
    modules = updates.map { update in
      Module(
        name: update.module.name, rank: update.rank, scaling: update.parts[0].scaling,
        sources: update.parts.map { $0.pair.module })
    }
    configuration = Self.configuration(updates, names, invocation: invocationTokens, baseName: name)
    let weightCount = updates.reduce(0) { sum, update in
      let (count, overflow) = update.module.inputCount.multipliedReportingOverflow(by: update.module.outputCount)
      return sum.addingReportingOverflow(overflow ? 0 : count).partialValue
    }
    let text = ModelCardText(entries, weightCount: weightCount)
    card = text.text
    notes += updates.filter { !$0.sharesA }.map {
      .joinedParts(module: $0.module.name, count: $0.parts.count, rank: $0.rank)
    }
    notes += text.lostKeys.map(ConversionNote.keyNotInCard)
    self.notes = notes
  }

  /// The two tensors of an update.
  private static func tensors(
    _ update: PEFTUpdate, names: PEFTNames, base: ConversionBase, path: String
  ) throws -> [PEFTTensor] {
    var name = "base_model.model.\(update.modulePath)"
    var sides = [PEFTTensor.Side.inputs, .outputs]
    let count = update.experts?.count ?? 1
    if let experts = update.experts {
      // The first parameter of a module that is targeted is wrapped innermost.
      let configuration = AdapterConfiguration(targetParameters: names.targetParameters)
      let targeted = base.model.experts(ofModule: update.modulePath).filter { configuration.targetsParameter($0.name) }
      let position = targeted.firstIndex { $0.name == update.module.name } ?? 0
      for _ in 0..<max(0, targeted.count - 1 - position) { name += ".base_layer" }
      if experts.isMarkedTransposed != experts.isTransposed { sides.reverse() }
    }
    return try zip(sides, [true, false]).map { side, isA in
      let parts = update.parts.map { side == .inputs ? $0.pair.a : $0.pair.b }
      let extent = side == .inputs ? update.module.inputCount : update.module.outputCount
      let (ranks, overflow) = update.rank.multipliedReportingOverflow(by: count)
      guard let dtype = PEFTTensor.dtype(parts) else {
        throw ConversionError(
          .notInvertible, path: path, place: "tensor \(parts[0].name)",
          problem: "PEFT's files have F32, F16 and BF16, and none of these types contains its elements exactly",
          remedy: "keep the adapter as a GGUF")
      }
      guard !overflow, let shape = Shape(isA ? [ranks, extent] : [extent, ranks]),
        let byteCount = shape.byteCount(of: dtype), byteCount <= byteLimit
      else {
        throw ConversionError(
          .overflow, path: path, place: "module \(update.module.name)", problem: "its factors would be too large")
      }
      let suffix =
        update.isEmbedding ? "lora_embedding_\(isA ? "A" : "B")" : "lora_\(isA ? "A" : "B").weight"
      return PEFTTensor(
        update: update, side: side, isA: isA,
        declaration: TensorDeclaration(name: "\(name).\(suffix)", dtype: dtype, shape: shape))
    }
  }

  // MARK: Configuration

  private static func configuration(
    _ updates: [PEFTUpdate], _ names: PEFTNames, invocation: [Int]?, baseName: String?
  ) -> JSONValue {
    let ranks = updates.map { (name: $0.matchedName, value: $0.rank) }
    let alphas = updates.map { (name: $0.matchedName, value: $0.alpha) }
    let (rank, alpha) = (common(ranks.map(\.value)) ?? 1, common(alphas.map(\.value)) ?? 1)
    let routers = Set(updates.filter(\.isRouter).map(\.matchedName))
    let weights = { (name: String) in
      routers.contains(name)
        || names.targetParameters.contains { $0.hasSuffix(".weight") && (name + ".weight").hasSuffix($0) }
    }
    func pattern<Value>(
      _ rules: [(pattern: String, value: Value)], _ json: (Value) -> JSONValue
    ) -> JSONValue { .object(rules.map { .init($0.pattern, json($0.value)) }) }
    return .members([
      "alora_invocation_tokens": invocation.map { .array($0.map { .integer($0) }) } ?? .null,
      "alpha_pattern": pattern(PEFTNames.patterns(alphas, default: alpha, isWeight: weights)) { number($0) },
      "base_model_name_or_path": baseName.map { .string($0) } ?? .null,
      "bias": "none", "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true,
      "lora_alpha": number(alpha), "lora_bias": false, "lora_dropout": 0, "modules_to_save": .null,
      "peft_type": "LORA", "peft_version": .string(version), "r": .integer(rank),
      "rank_pattern": pattern(PEFTNames.patterns(ranks, default: rank, isWeight: weights)) { .integer($0) },
      "target_modules": .array(names.targetModules.map { .string($0) }),
      "target_parameters": names.targetParameters.isEmpty
        ? .null : .array(names.targetParameters.map { .string($0) }),
      "task_type": "CAUSAL_LM", "use_dora": false, "use_rslora": false,
    ])
  }

  /// A number without a fraction as an integer, as people write an alpha.
  private static func number(_ value: Double) -> JSONValue {
    Int(exactly: value).map { .integer($0) } ?? .number(value)
  }

  /// The most frequent value; of several, the first.
  private static func common<Value: Hashable>(_ values: [Value]) -> Value? {
    var counts: [Value: Int] = [:]
    for value in values { counts[value, default: 0] += 1 }
    let most = counts.values.max()
    return values.first { counts[$0] == most }
  }

  // MARK: Who made it

  /// The base's `org/name`; nil if the file doesn't say it.
  private static func baseName(_ metadata: GGUFMetadata) throws -> String? {
    let hub = AdapterIdentity.hub
    if let address = try metadata.string(ifPresent: "general.base_model.0.repo_url") {
      return address.hasPrefix(hub) ? String(address.dropFirst(hub.count)) : address
    }
    return try metadata.string(ifPresent: "general.base_model.0.name")
  }

  /// The keys that say who made the adapter. What a value of another type says is left to the notes.
  private static func identity(_ metadata: GGUFMetadata) -> [AdapterIdentity.Entry] {
    metadata.entries.compactMap { entry in
      guard entry.key.hasPrefix("general."), !GGUFAdapterFormat.Key.ofWeights.contains(entry.key) else { return nil }
      if let text = entry.value.text { return AdapterIdentity.Entry(key: entry.key, value: .string(text)) }
      switch entry.value {
      case .uint32(let number): return AdapterIdentity.Entry(key: entry.key, value: .uint32(number))
      case .array(let array):
        return array.strings.map { AdapterIdentity.Entry(key: entry.key, value: .strings($0)) }
      default: return nil
      }
    }
  }
}

extension AdapterSource {
  fileprivate var path: String {
    switch self {
    case .gguf(let adapter): adapter.path
    case .peft(let directory): directory.path
    }
  }
}
