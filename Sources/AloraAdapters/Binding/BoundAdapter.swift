public import AloraModels
public import AloraSystem
public import AloraTensors

/// An adapter located in a base: which module each factor pair changes, by how much, and from which tokens on.
///
/// Conversion plans from it and inference loads from it, so that an adapter that can be computed with can be converted.
public struct BoundAdapter: Sendable {
  /// A module of the base with the factors that change it.
  public struct Member: Sendable {
    /// The base's module.
    public let module: WeightModule
    /// The GGUF tensors of the base that the pair changes: all of the module's, or the one that a GGUF's pair is for.
    public let targets: [WeightTarget]
    public let pair: FactorPair
    /// The rank; of experts, that of one of them.
    public let rank: Int
    public let scaling: ModuleMatcher.Scaling
    public let fileOfA: MappedFile
    public let fileOfB: MappedFile
    /// Whether the rows of B are in GGUF's order already.
    let isInGGUFOrder: Bool
  }

  /// A factor in its file.
  public struct Factor: Sendable {
    public let file: MappedFile
    public let tensor: TensorDescription
    /// The rows of the tensor that are meant.
    public let rows: Range<Int>
    /// What was done to the rows on the way from Hugging Face's order.
    public let permutation: RowPermutation
  }

  /// What is added to one GGUF tensor of the base.
  public struct Update: Sendable {
    public let tensorName: String
    /// Shape: [r, in]; of an embedding [r, vocabulary] if `isTransposed`, else [vocabulary, r].
    public let a: Factor
    /// Shape: [out, r]
    public let b: Factor
    public let rank: Int
    public let scale: Float
    public let isEmbedding: Bool
    public let isTransposed: Bool
  }

  public let path: String
  public let members: [Member]
  /// Nil for a plain LoRA, which is active everywhere.
  public let invocationTokens: [Int]?
  public let notes: [AdapterNote]

  /// One for each GGUF tensor of the base that the adapter changes.
  public var updates: [Update] {
    members.flatMap { member in
      member.targets.map { target in
        let pair = member.pair
        return Update(
          tensorName: target.tensorName,
          a: Factor(file: member.fileOfA, tensor: pair.a, rows: 0..<pair.a.shape.rowCount, permutation: .none),
          b: Factor(
            file: member.fileOfB, tensor: pair.b,
            rows: member.isInGGUFOrder ? 0..<target.rowCount : target.rows,
            permutation: member.isInGGUFOrder ? target.permutation : .none),
          rank: pair.rank, scale: Float(member.scaling.value), isEmbedding: pair.isEmbedding,
          isTransposed: pair.isEmbedding && !pair.hasInputRows)
      }
    }
  }
}

extension BoundAdapter {
  /// What the user decides.
  public struct Options: Sendable {
    /// Tokenizes an invocation that is given as text, without added special tokens; nil if there is no tokenizer.
    public var tokenize: (@Sendable (String) throws -> [Int])?
    /// Leaves out the factors of vision and audio towers, which a text model doesn't have.
    public var leavesOutTowers = false

    public init() {}
  }
}

/// An adapter that was opened, whatever it is stored as.
public enum AdapterSource: Sendable {
  case peft(AdapterDirectory)
  case gguf(GGUFAdapter)

  /// - Parameter readsWeights: false for what the configuration alone tells; such an adapter can't be bound.
  /// - Throws: what reading the found kind throws.
  public init(path: String, readsWeights: Bool = true) throws {
    self =
      if case .gguf = try PathContents(path: path) {
        .gguf(try GGUFAdapter(path: path))
      } else {
        .peft(try AdapterDirectory(path: path, readsWeights: readsWeights))
      }
  }

  /// - Throws: as binding either kind.
  public func bound(to base: BaseModel, options: BoundAdapter.Options = .init()) throws -> BoundAdapter {
    switch self {
    case .peft(let directory): try BoundAdapter(directory, base: base, options: options)
    case .gguf(let adapter): try BoundAdapter(adapter, base: base)
    }
  }
}
