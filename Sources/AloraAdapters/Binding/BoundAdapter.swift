package import AloraModels
package import AloraSystem
package import AloraTensors
internal import AloraTokenization

/// An adapter located in a base: which module each factor pair changes, by how much, and from which tokens on.
///
/// Conversion plans from it and inference loads from it, so that an adapter that can be computed with can be converted.
package struct BoundAdapter: Sendable {
  /// A module of the base with the factors that change it.
  package struct Member: Sendable {
    /// The base's module.
    package let module: WeightModule
    /// The GGUF tensors of the base that the pair changes: all of the module's, or the one that a GGUF's pair is for.
    package let targets: [WeightTarget]
    package let pair: FactorPair
    /// The rank; of experts, that of one of them.
    package let rank: Int
    package let scaling: ModuleMatcher.Scaling
    package let fileOfA: MappedFile
    package let fileOfB: MappedFile
    /// Whether the rows of B are in GGUF's order already.
    package let isInGGUFOrder: Bool
    /// DoRA's trained norms of the weight, one for each output; nil for a plain LoRA.
    package var magnitude: Factor?
    /// Whether PEFT adapts the module's weight as a parameter (`target_parameters`) and not the module.
    package var isParameter = false
  }

  /// A factor in its file.
  package struct Factor: Sendable {
    package let file: MappedFile
    package let tensor: TensorDescription
    /// The rows of the tensor that are meant.
    package let rows: Range<Int>
    /// How the rows were reordered from Hugging Face's order.
    package let permutation: RowPermutation
    /// Whether the tensor is stored by columns, as MLX does; `rows` are then its columns.
    package var isStoredByColumns = false
  }

  /// The update of one GGUF tensor of the base, or of the part of it that is one module's.
  package struct Update: Sendable {
    package let target: WeightTarget
    /// Shape: [r, in]; of an embedding [r, vocabulary] if `isTransposed`, else [vocabulary, r].
    package let a: Factor
    /// Shape: [out, r]
    package let b: Factor
    package let rank: Int
    package let scale: Float
    package let isEmbedding: Bool
    package let isTransposed: Bool
    /// Whether the rows of B and the columns of A are in GGUF's order already.
    package let isInGGUFOrder: Bool
    package var tensorName: String { target.tensorName }
  }

  package let path: String
  package let members: [Member]
  /// Nil for a plain LoRA, which is active everywhere.
  package let invocationTokens: [Int]?
  /// The token that the model itself switches the adapter on with, at its first occurrence; nil for an adapter in files of its
  /// own.
  package var controlToken: Int?
  package let notes: [AdapterNote]
  /// The version of PEFT that saved it; nil if it doesn't say so.
  let peftVersion: String?
  /// See ``ExpertOrder``.
  let expertOrders: [String: ExpertOrder]

  /// One for each GGUF tensor of the base that the adapter changes, except experts': see ``expertUpdates()``.
  package var updates: [Update] {
    members.filter { !$0.isOfExperts }.flatMap { member in
      member.targets.map { target in
        let pair = member.pair
        let isAByColumns = pair.hasInputRows && !pair.isEmbedding
        return Update(
          target: target,
          a: Factor(
            file: member.fileOfA, tensor: pair.a,
            rows: 0..<(isAByColumns ? pair.rank : pair.a.shape.rowCount), permutation: .none,
            isStoredByColumns: isAByColumns),
          b: Factor(
            file: member.fileOfB, tensor: pair.b,
            rows: pair.isStack
              ? 0..<pair.b.shape.rowCount : member.isInGGUFOrder ? 0..<target.tensorRowCount : target.rows,
            permutation: member.isInGGUFOrder && !pair.isStack ? target.permutation : .none,
            isStoredByColumns: pair.isOutputMinor),
          rank: pair.rank, scale: Float(member.scaling.value), isEmbedding: pair.isEmbedding,
          isTransposed: pair.isEmbedding && !pair.hasInputRows, isInGGUFOrder: member.isInGGUFOrder)
      }
    }
  }
}

extension BoundAdapter {
  /// Choices of the user.
  package struct Options: Sendable {
    /// Tokenizes an invocation that is given as text, without added special tokens; nil if there is no tokenizer.
    package var tokenize: (@Sendable (String) throws -> [Int])?
    /// Leaves out the factors of vision and audio towers, which a text model doesn't have.
    package var leavesOutTowers = false
    /// What the adapter is bound for.
    package var use = AdapterUse.factors

    package init() {}

    /// Takes the base's tokenizer, or else the one saved beside the adapter. Only a legacy adapter, which gives its
    /// invocation as text, makes it open.
    package init(base: ModelSource, adapterPath: String) {
      if base.tokenizerPath != nil {
        tokenize = { try base.tokenizer().encode($0, addsSpecialTokens: false) }
      } else if let path = Tokenizer.tokenizerPath(ofModel: adapterPath) {
        tokenize = { try Tokenizer(path: path).encode($0, addsSpecialTokens: false) }
      }
    }
  }
}

/// An adapter that was opened, whatever it is stored as.
package enum AdapterSource: Sendable {
  case peft(AdapterDirectory)
  case gguf(GGUFAdapter)

  /// - Parameters:
  ///   - readsWeights: false for what the configuration alone tells; such an adapter can't be bound.
  ///   - use: what the adapter is read for.
  /// - Throws: what reading the found kind throws.
  package init(
    path: String, readsWeights: Bool = true, ignoredFields: Set<String> = [], use: AdapterUse = .factors
  ) throws {
    self =
      if case .gguf = try PathContents(path: path) {
        .gguf(try GGUFAdapter(path: path))
      } else {
        .peft(
          try AdapterDirectory(
            path: path, readsWeights: readsWeights, ignoredFields: ignoredFields, use: use))
      }
  }

  /// - Throws: as binding either kind.
  package func bound(to base: BaseModel, options: BoundAdapter.Options = .init()) throws -> BoundAdapter {
    switch self {
    case .peft(let directory): try BoundAdapter(directory, base: base, options: options)
    case .gguf(let adapter): try BoundAdapter(adapter, base: base, use: options.use)
    }
  }
}
