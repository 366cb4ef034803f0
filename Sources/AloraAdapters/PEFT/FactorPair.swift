internal import AloraSystem
package import AloraTensors

/// The two factors of the update of one module: ΔW = scaling · B · A.
package struct FactorPair: Hashable, Sendable {
  /// The module's path in the base model, `model.layers.0.self_attn.q_proj`; in a GGUF, the name of the base's tensor.
  package let module: String
  /// Whether the module is an embedding, whose update is looked up instead of multiplied.
  package let isEmbedding: Bool
  /// Whether `a` of an embedding is [vocabulary, r], as in GGUF, instead of PEFT's [r, vocabulary].
  let isStoredByRow: Bool
  /// Shape: [r, in].
  package let a: TensorDescription
  /// Shape: [out, r].
  package let b: TensorDescription

  init(module: String, isEmbedding: Bool, isStoredByRow: Bool = false, a: TensorDescription, b: TensorDescription) {
    self.module = module
    self.isEmbedding = isEmbedding
    self.isStoredByRow = isStoredByRow
    self.a = a
    self.b = b
  }

  package var rank: Int { b.shape.columnCount }
  /// The number of inputs of the module; of an embedding, the vocabulary size.
  package var inputCount: Int { hasInputRows ? a.shape.matrixRowCount : a.shape.columnCount }
  /// The number of outputs of the module.
  package var outputCount: Int { b.shape.matrixRowCount }
  /// The rank that A has; the same as ``rank`` in every pair that makes sense.
  var rankOfA: Int { hasInputRows ? a.shape.columnCount : a.shape.matrixRowCount }
  /// How many matrices A and B hold: one for each expert in a GGUF, else 1.
  var stackCounts: (a: Int, b: Int) { (a.shape.matrixCount, b.shape.matrixCount) }
  /// Whether A is stored transposed.
  var hasInputRows: Bool { isEmbedding && isStoredByRow }
}

extension Shape {
  /// The rows of each matrix in a stack of them.
  fileprivate var matrixRowCount: Int { rank < 2 ? 1 : dimensions[rank - 2] }
  /// How many matrices there are.
  fileprivate var matrixCount: Int { dimensions.dropLast(2).reduce(1, *) }
}
