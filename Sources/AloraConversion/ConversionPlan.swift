internal import AloraSystem
package import AloraModels
package import AloraGGUF
package import AloraModelCard
package import AloraAdapters
internal import AloraSafetensors
package import AloraTensors

/// Everything that a conversion will write, decided and checked before a byte is written.
package struct ConversionPlan: Sendable {
  /// A tensor of the output, and where its elements come from.
  package struct Tensor: Hashable, Sendable {
    package let name: String
    package let dtype: DType
    package let shape: Shape
    /// The tensor of the adapter that holds the elements.
    package let source: TensorDescription
    /// The rows of the source that are taken, in the order that `permutation` gives.
    package let rows: Range<Int>
    package let permutation: RowPermutation
    /// Whether columns of the source become rows (the A factor of an embedding).
    package let isTransposed: Bool
    /// Factor of every element; 1 if there is none.
    package let factor: Double
    /// Where the elements come from if not from rows of `source` as they are.
    var gather: Gather?
    /// The parts of a tensor that several modules share.
    var blocks: [Block] = []
  }

  /// A module of the adapter, for reports.
  package struct Module: Hashable, Sendable {
    package let name: String
    package let rank: Int
    /// PEFT's multiplier of B · A.
    package let scaling: Double
    /// Factor that is folded into `lora_b`, because the file's one alpha can't express it.
    package let foldedFactor: Double
    /// The GGUF tensors of the base that it changes.
    package let targets: [String]
  }

  /// A file that the conversion reads, and that its output must not replace.
  package struct Input: Hashable, Sendable {
    /// What it is, for the error: `the base's config.json`.
    package let name: String
    package let path: String

    package init(_ name: String, path: String) {
      self.name = name
      self.path = path
    }
  }

  package let adapter: AdapterDirectory
  let weights: SafetensorsFileSet
  /// Files that are read besides the adapter's weights.
  package let inputs: [Input]
  package let metadata: GGUFMetadata
  package let tensors: [Tensor]
  package let modules: [Module]
  package let layout: GGUFLayout
  /// `adapter.lora.alpha`.
  package let alpha: Float
  /// `adapter.alora.invocation_tokens`; nil for a plain LoRA.
  package let invocationTokens: [Int]?
  /// The type asked for; `auto` is resolved.
  package let outputType: OutputType
  package let notes: [ConversionNote]
  /// Who made the adapter and from what.
  package let identity: AdapterIdentity
}

extension ConversionPlan {
  /// Choices of the user.
  package struct Options: Sendable {
    package var outputType = OutputType.f32
    /// `org/name` of the base, recorded instead of what the adapter says.
    package var baseModelID: String?
    /// How the adapter is located in the base.
    package var binding = BoundAdapter.Options()
    /// What is read besides the adapter's directory and ``BaseModel/path``: a tokenizer, the further parts of a GGUF.
    package var inputs: [Input] = []

    package init() {}
  }

  /// Plans the conversion of `adapter` for `base`.
  ///
  /// - Throws: ``AdapterError``, ``ConversionError``, ``GGUFError``, and the adapter's first obstacle.
  package init(adapter: AdapterDirectory, base: BaseModel, options: Options = Options()) throws {
    let bound = try BoundAdapter(adapter, base: base, options: options.binding)
    guard let weights = adapter.weights else { preconditionFailure("a bound adapter without weights") }
    let members = bound.members
    let scalings = members.map(\.scaling)
    guard let scaling = ScalingPlan(scalings: scalings, configuredAlpha: adapter.configuration.alpha) else {
      throw ConversionError(
        .scalingNotFinite, path: adapter.configurationPath, place: "$.lora_alpha",
        problem: "f32 can't represent the scaling that alpha and rank give")
    }
    let pairs = members.map(\.pair)
    identity = AdapterIdentity(
      directory: adapter.path, baseModelName: adapter.configuration.baseModelName, baseModelID: options.baseModelID,
      weightCount: Self.weightCount(pairs))
    notes =
      bound.notes.map(ConversionNote.adapter) + identity.notes.map(ConversionNote.identity)
      + Self.baseMismatch(adapter, base: base, baseModelID: options.baseModelID)

    let outputType = options.outputType == .auto ? Self.losslessType(pairs, scaling) : options.outputType
    var tensors: [Tensor] = []
    var stacks = ExpertStacks(path: adapter.weightsPath)
    var joined = JoinedTensors(alpha: scaling.alpha)
    for (member, factor) in zip(members, scaling.factors) {
      switch member.module.kind {
      case _ where member.isInGGUFOrder: tensors += Self.stackedTensors(member, factor: factor, outputType: outputType)
      case .experts(let experts):
        tensors += Self.tensors(
          member, experts, factor: factor, isNatural: try bound.isNatural(member), outputType: outputType)
      case .expert(let expert, let count):
        try stacks.add(member, expert: expert, count: count, factor: factor)
      default: tensors += Self.tensors(member, factor: factor, outputType: outputType, joined: &joined)
      }
    }
    tensors += stacks.tensors(outputType: outputType, joined: &joined)
    tensors += joined.tensors(outputType: outputType)
    modules = zip(members, scaling.factors).map { member, factor in
      Module(
        name: member.module.name, rank: member.rank, scaling: member.scaling.value, foldedFactor: factor,
        targets: member.targets.map(\.tensorName))
    }
    metadata = Self.metadata(
      base: base, identity: identity, alpha: scaling.alpha, invocation: bound.invocationTokens,
      fileType: outputType.fileType)
    layout = try GGUFLayout(
      metadata: metadata,
      tensors: tensors.map { TensorDeclaration(name: $0.name, dtype: $0.dtype, shape: $0.shape) })
    self.adapter = adapter
    self.weights = weights
    inputs = Self.inputs(adapter, base: base, options: options)
    self.tensors = tensors
    self.alpha = scaling.alpha
    invocationTokens = bound.invocationTokens
    self.outputType = outputType
  }

  /// A note if the base calls itself something else than the adapter calls its base.
  private static func baseMismatch(
    _ adapter: AdapterDirectory, base: BaseModel, baseModelID: String?
  ) -> [ConversionNote] {
    guard let stated = base.statedName, let name = baseModelID ?? adapter.configuration.baseModelName,
      BaseAgreement.contradicts(stated.name, adapterBase: name, isWholeName: stated.isWhole)
    else { return [] }
    return [.otherBase(trainedOn: name, given: stated.name)]
  }

  /// The two output tensors for each GGUF tensor that the module's weight is in. They share the A factor.
  private static func tensors(
    _ member: BoundAdapter.Member, factor: Double, outputType: OutputType, joined: inout JoinedTensors
  ) -> [Tensor] {
    let pair = member.pair
    for target in member.targets {
      guard let part = target.part else { continue }
      joined.add(
        target, part, a: Gather(a: pair, target), b: Gather(b: pair, target), scaling: member.scaling.value)
    }
    return member.targets.filter { $0.part == nil }.flatMap { target -> [Tensor] in
      let columns = pair.isEmbedding ? [pair.inputCount, pair.rank] : [pair.rank, pair.inputCount]
      guard let shapeA = Shape(columns), let shapeB = Shape(rows: target.rowCount, columns: pair.rank) else {
        return []
      }
      return [
        Tensor(
          name: target.tensorName + GGUFAdapterFormat.suffixA,
          dtype: outputType.dtype(columnCount: shapeA.columnCount), shape: shapeA, source: pair.a,
          rows: 0..<(pair.isEmbedding && pair.hasInputRows ? pair.inputCount : pair.rank),
          permutation: .none, isTransposed: pair.isEmbedding && !pair.hasInputRows, factor: 1,
          gather: Gather(columnsOf: pair, target)),
        Tensor(
          name: target.tensorName + GGUFAdapterFormat.suffixB, dtype: outputType.dtype(columnCount: pair.rank),
          shape: shapeB, source: pair.b, rows: target.rows, permutation: target.permutation, isTransposed: false,
          factor: factor, gather: Gather(rowsOf: pair, target)),
      ]
    }
  }

  /// The two output tensors of a stack that is in GGUF's order already.
  private static func stackedTensors(
    _ member: BoundAdapter.Member, factor: Double, outputType: OutputType
  ) -> [Tensor] {
    member.targets.flatMap { target in
      [
        (member.pair.a, GGUFAdapterFormat.suffixA, 1), (member.pair.b, GGUFAdapterFormat.suffixB, factor),
      ].map { source, suffix, factor in
        Tensor(
          name: target.tensorName + suffix, dtype: outputType.dtype(columnCount: source.shape.columnCount),
          shape: source.shape, source: source, rows: 0..<source.shape.rowCount, permutation: .none,
          isTransposed: false, factor: factor)
      }
    }
  }

  /// The keys in the reference's order; `general.file_type`, which the reference leaves out, before the adapter's own.
  private static func metadata(
    base: BaseModel, identity: AdapterIdentity, alpha: Float, invocation: [Int]?, fileType: UInt32
  ) -> GGUFMetadata {
    typealias Key = GGUFAdapterFormat.Key
    var metadata = GGUFMetadata()
    metadata[Key.architecture] = .string(base.architectureName)
    metadata[Key.type] = .string(GGUFAdapterFormat.type)
    metadata[Key.adapterType] = .string(GGUFAdapterFormat.adapterType)
    for entry in identity.entries { metadata[entry.key] = GGUFValue(entry.value) }
    metadata[Key.fileType] = .uint32(fileType)
    metadata[Key.alpha] = .float32(alpha)
    if let invocation { metadata[Key.invocationTokens] = .array(GGUFArray(invocation.map { UInt32(clamping: $0) })) }
    metadata[Key.quantizationVersion] = .uint32(2)
    return metadata
  }

  private static func losslessType(_ pairs: [FactorPair], _ scaling: ScalingPlan) -> OutputType {
    let dtypes = Set(pairs.flatMap { [$0.a.dtype, $0.b.dtype] })
    let isExact = scaling.factors.allSatisfy { $0 == 1 }
    switch (dtypes.first, dtypes.count, isExact) {
    case (.f16, 1, true): return .f16
    case (.bf16, 1, true): return .bf16
    default: return .f32
    }
  }

  /// How many weights of the base the adapter changes.
  private static func weightCount(_ pairs: [FactorPair]) -> Int {
    pairs.reduce(0) { sum, pair in
      let (count, overflow) = pair.inputCount.multipliedReportingOverflow(by: pair.outputCount)
      let (total, isTooLarge) = sum.addingReportingOverflow(overflow ? .max : count)
      return isTooLarge ? .max : total
    }
  }
}

extension GGUFValue {
  fileprivate init(_ value: AdapterIdentity.Value) {
    switch value {
    case .string(let text): self = .string(text)
    case .strings(let texts): self = .array(GGUFArray(texts))
    case .uint32(let number): self = .uint32(number)
    }
  }
}
