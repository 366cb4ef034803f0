internal import AloraSystem
public import AloraModels
public import AloraGGUF
public import AloraModelCard
public import AloraAdapters
public import AloraTensors

/// Everything that a conversion will write, decided and checked before a byte is written.
public struct ConversionPlan: Sendable {
  /// A tensor of the output, and where its elements come from.
  public struct Tensor: Hashable, Sendable {
    public let name: String
    public let dtype: DType
    public let shape: Shape
    /// The tensor of the adapter that holds the elements.
    public let source: TensorDescription
    /// The rows of the source that are taken, in the order that `permutation` gives.
    public let rows: Range<Int>
    public let permutation: RowPermutation
    /// Whether columns of the source become rows (the A factor of an embedding).
    public let isTransposed: Bool
    /// What every element is multiplied by; 1 for nothing.
    public let factor: Double
    /// Where the elements come from if not from rows of `source` as they are.
    var gather: Gather?
  }

  /// A module of the adapter, for reports.
  public struct Module: Hashable, Sendable {
    public let name: String
    public let rank: Int
    /// PEFT's multiplier of B · A.
    public let scaling: Double
    /// What `lora_b` is multiplied by, because the file's one alpha cannot say it.
    public let foldedFactor: Double
    /// The GGUF tensors of the base that it changes.
    public let targets: [String]
  }

  /// A remark that does not stop the conversion.
  public struct Note: Hashable, Sendable {
    public let place: String
    public let text: String

    public init(place: String, text: String) {
      self.place = place
      self.text = text
    }
  }

  /// A file that the conversion reads, and that its output must not replace.
  public struct Input: Hashable, Sendable {
    /// What it is, for the error: `the base's config.json`.
    public let name: String
    public let path: String

    public init(_ name: String, path: String) {
      self.name = name
      self.path = path
    }
  }

  public let adapter: AdapterDirectory
  /// What is read besides the adapter's weights.
  public let inputs: [Input]
  public let metadata: GGUFMetadata
  public let tensors: [Tensor]
  public let modules: [Module]
  public let layout: GGUFLayout
  /// `adapter.lora.alpha`.
  public let alpha: Float
  /// `adapter.alora.invocation_tokens`; nil for a plain LoRA.
  public let invocationTokens: [Int]?
  /// The type asked for; `auto` is resolved.
  public let outputType: OutputType
  public let notes: [Note]
  /// Who made the adapter and from what.
  public let identity: AdapterIdentity
}

extension ConversionPlan {
  /// What the user decides.
  public struct Options: Sendable {
    public var outputType = OutputType.f32
    /// `org/name` of the base, recorded instead of what the adapter says.
    public var baseModelID: String?
    /// Tokenizes a legacy adapter's invocation string without added special tokens; nil where there is no tokenizer.
    public var tokenize: (@Sendable (String) throws -> [Int])?
    /// What is read besides the adapter's directory and ``BaseModel/path``: a tokenizer, the further parts of a GGUF.
    public var inputs: [Input] = []

    public init() {}
  }

  /// Plans the conversion of `adapter` for `base`.
  ///
  /// - Throws: ``ConversionError``, ``PEFTError``, ``GGUFError``.
  public init(adapter: AdapterDirectory, base: BaseModel, options: Options = Options()) throws {
    let matcher = try ModuleMatcher(adapter.configuration)
    let pairs = try adapter.pairs.map { pair in
      try Self.located(pair, in: base, adapter: adapter, matcher: matcher)
    }
    let scalings = try pairs.map { try matcher.scaling(ofModule: Self.patternName($0)) }
    try Self.check(pairs, against: scalings, path: adapter.weightsPath)
    guard scalings.contains(where: { $0.value != 0 }) else {
      throw ConversionError(
        .noEffect, path: adapter.configurationPath, place: "$.lora_alpha",
        problem: "alpha is 0, so the adapter does nothing (and llama.cpp would read 0 as scale 1)",
        remedy: "give lora_alpha the value that the adapter was trained with")
    }
    guard let scaling = ScalingPlan(scalings: scalings, configuredAlpha: adapter.configuration.alpha) else {
      throw ConversionError(
        .scalingNotFinite, path: adapter.configurationPath, place: "$.lora_alpha",
        problem: "the scaling that alpha and rank give is not a number that f32 can hold")
    }
    var notes = adapter.configuration.notes.map { Note(place: $0.place, text: $0.text) }
    notes += try Self.missingModules(adapter, located: pairs, base: base, matcher: matcher)
    identity = AdapterIdentity(
      directory: adapter.path, baseModelName: adapter.configuration.baseModelName, baseModelID: options.baseModelID,
      weightCount: Self.weightCount(pairs.map(\.pair)))
    notes += identity.notes.map { Note(place: "base", text: $0) }
    notes += Self.baseMismatch(adapter, base: base, baseModelID: options.baseModelID)
    let invocation = try Self.invocationTokens(adapter, base: base, options: options, notes: &notes)

    let outputType = options.outputType == .auto ? Self.losslessType(pairs.map(\.pair), scaling) : options.outputType
    var tensors: [Tensor] = []
    var stacks = ExpertStacks(path: adapter.weightsPath)
    for (index, located) in pairs.enumerated() {
      let factor = scaling.factors[index]
      switch located.module.kind {
      case .experts(let experts):
        tensors += try Self.tensors(
          located, experts, factor: factor, among: pairs, version: adapter.configuration.version,
          outputType: outputType,
          path: adapter.weightsPath)
      case .expert(let expert, let count):
        try stacks.add(located, expert: expert, count: count, factor: factor)
      default: tensors += Self.tensors(located.pair, module: located.module, factor: factor, outputType: outputType)
      }
    }
    tensors += try stacks.tensors(outputType: outputType)
    modules = zip(pairs, zip(scalings, scaling.factors)).map { located, numbers in
      Module(
        name: located.module.name, rank: Self.rank(of: located), scaling: numbers.0.value, foldedFactor: numbers.1,
        targets: located.module.targets.map(\.tensorName))
    }
    metadata = Self.metadata(
      base: base, identity: identity, alpha: scaling.alpha, invocation: invocation,
      fileType: outputType.fileType)
    layout = try GGUFLayout(
      metadata: metadata,
      tensors: tensors.map { TensorDeclaration(name: $0.name, dtype: $0.dtype, shape: $0.shape) })
    self.adapter = adapter
    inputs = Self.inputs(adapter, base: base, options: options)
    self.tensors = tensors
    self.alpha = scaling.alpha
    self.invocationTokens = invocation
    self.outputType = outputType
    self.notes = notes
  }

  /// The two output tensors for each GGUF tensor that the module's weight is in. They share the A factor.
  private static func tensors(
    _ pair: FactorPair, module: WeightModule, factor: Double, outputType: OutputType
  ) -> [Tensor] {
    module.targets.flatMap { target -> [Tensor] in
      let columns = pair.isEmbedding ? [pair.inputCount, pair.rank] : [pair.rank, pair.inputCount]
      guard let shapeA = Shape(columns), let shapeB = Shape(rows: target.rowCount, columns: pair.rank) else {
        return []
      }
      return [
        Tensor(
          name: target.tensorName + ".lora_a", dtype: outputType.dtype(columnCount: shapeA.columnCount), shape: shapeA,
          source: pair.a, rows: 0..<pair.rank, permutation: .none, isTransposed: pair.isEmbedding, factor: 1,
          gather: Gather(columnsOf: pair.a, target)),
        Tensor(
          name: target.tensorName + ".lora_b", dtype: outputType.dtype(columnCount: pair.rank), shape: shapeB,
          source: pair.b, rows: target.rows, permutation: target.permutation, isTransposed: false, factor: factor,
          gather: Gather(rowsOf: pair.b, target)),
      ]
    }
  }

  /// The keys in the reference's order; `general.file_type`, which the reference leaves out, before the adapter's own.
  private static func metadata(
    base: BaseModel, identity: AdapterIdentity, alpha: Float, invocation: [Int]?, fileType: UInt32
  ) -> GGUFMetadata {
    var metadata = GGUFMetadata()
    metadata["general.architecture"] = .string(base.architectureName)
    metadata["general.type"] = .string("adapter")
    metadata["adapter.type"] = .string("lora")
    for entry in identity.entries { metadata[entry.key] = GGUFValue(entry.value) }
    metadata["general.file_type"] = .uint32(fileType)
    metadata["adapter.lora.alpha"] = .float32(alpha)
    if let invocation {
      metadata["adapter.alora.invocation_tokens"] = .array(GGUFArray(invocation.map { UInt32(clamping: $0) }))
    }
    metadata["general.quantization_version"] = .uint32(2)
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
