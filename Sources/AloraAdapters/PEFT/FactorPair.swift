internal import AloraSystem
package import AloraTensors

/// The two factors of the update of one module: ΔW = scaling · B · A.
package struct FactorPair: Hashable, Sendable {
  /// The module's path in the base model, `model.layers.0.self_attn.q_proj`; in a GGUF, the name of the base's tensor.
  package let module: String
  /// Whether the module is an embedding, whose update is looked up instead of multiplied.
  package let isEmbedding: Bool
  /// How the factors lie in their file.
  let storage: Storage
  /// Shape: [r, in]; see ``Storage``.
  package let a: TensorDescription
  /// Shape: [out, r]; see ``Storage``.
  package let b: TensorDescription

  /// How files order the rows and columns of factors.
  enum Storage: Hashable, Sendable {
    /// A is [r, in], B is [out, r]; of an embedding too.
    case peft
    /// As PEFT's, but A of an embedding is [vocabulary, r]. Experts are stacked: [experts, r, in], [experts, out, r].
    case gguf
    /// A is [in, r], B is [r, out]; of an embedding [vocabulary, r] and [r, out]. Experts are stacked as in GGUF.
    case mlx
  }

  init(module: String, isEmbedding: Bool, storage: Storage = .peft, a: TensorDescription, b: TensorDescription) {
    self.module = module
    self.isEmbedding = isEmbedding
    self.storage = storage
    self.a = a
    self.b = b
  }

  package var rank: Int { isOutputMinor ? b.shape.matrixRowCount : b.shape.columnCount }
  /// The number of inputs of the module; of an embedding, the vocabulary size.
  package var inputCount: Int { hasInputRows ? a.shape.matrixRowCount : a.shape.columnCount }
  /// The number of outputs of the module.
  package var outputCount: Int { isOutputMinor ? b.shape.columnCount : b.shape.matrixRowCount }
  /// The rank that A has; the same as ``rank`` in every pair that makes sense.
  var rankOfA: Int { hasInputRows ? a.shape.columnCount : a.shape.matrixRowCount }
  /// How many matrices A and B hold: one for each expert in a GGUF, else 1.
  package var stackCounts: (a: Int, b: Int) { (a.shape.matrixCount, b.shape.matrixCount) }
  /// Whether the pair is a stack of matrices, one for each expert.
  package var isStack: Bool { a.shape.rank == 3 && b.shape.rank == 3 }
  /// Whether A is stored transposed: [in, r].
  package var hasInputRows: Bool {
    switch storage {
    case .peft: false
    case .gguf: isEmbedding
    case .mlx: !isStack
    }
  }
  /// Whether B is stored transposed: [r, out].
  package var isOutputMinor: Bool { storage == .mlx && !isStack }
}

extension Shape {
  /// The rows of each matrix in a stack of them.
  fileprivate var matrixRowCount: Int { rank < 2 ? 1 : dimensions[rank - 2] }
  /// How many matrices there are.
  fileprivate var matrixCount: Int { dimensions.dropLast(2).reduce(1, *) }
}
