package import AloraGGUF
package import AloraJSON

/// A matrix of the graph: some rows of a tensor. Where both files only turn halves of heads into pairs, they are in the order
/// that Hugging Face has them; where the orders differ otherwise, rows and columns are in GGUF's, whose blocks can't be divided.
package struct GraphMatrix: Hashable, Sendable {
  /// Rows `rows` of a tensor with `rowCount` rows in all (those of all experts together).
  package struct Place: Hashable, Sendable {
    package let name: String
    /// As many rows as the range has, from its start on, `step` apart.
    package let rows: Range<Int>
    package let rowCount: Int
    package var step = 1
    /// Which of the rows, counted from the range's start; nil: all in turn.
    package var order: ElementOrder?
    package var form = Form.rows
    /// The tensor with the biases of all rows; nil for the usual name.
    package var biasName: String?

    /// How many rows of the graph's matrix it has.
    package var count: Int { order?.count ?? rows.count }

    /// The tensor's row that is one of the matrix's.
    package func row(_ row: Int) -> Int { rows.lowerBound + (order?.source(of: row) ?? row * step) }

    /// How the tensor holds the rows.
    package enum Form: Hashable, Sendable {
      /// Row after row.
      case rows
      /// As columns: [matrices, columns, rows], numbered matrix by matrix.
      case columns(matrixCount: Int)
      /// Row after row in blocks of MXFP4, [matrices, rows, blocks, 16], with the blocks' exponents in another tensor.
      case mxfp4(exponents: String)
    }
  }

  /// In GGUF: `blk.0.attn_q.weight`. Adapters are looked up by this name.
  package let gguf: Place
  /// Where else a GGUF may have it.
  package var otherGGUF: [Place] = []
  /// The order of the GGUF's rows.
  package let permutation: RowPermutation
  /// In Hugging Face's files: `model.layers.0.self_attn.q_proj.weight`.
  package let huggingFace: Place
  /// Where else Hugging Face's files may have it.
  package var otherHuggingFace: [Place] = []
  package let columnCount: Int
  /// The order of columns that Hugging Face's files lack; nil for none.
  package var columns: ElementOrder?
  /// What biases of Hugging Face's files are multiplied by.
  package var biasMultiplier: Float = 1
  /// Whether the model has a bias here; nil if the weights decide it.
  package let hasBias: Bool?

  package var rowCount: Int { gguf.count }

  init(
    gguf: Place, otherGGUF: [Place] = [], permutation: RowPermutation, huggingFace: Place,
    otherHuggingFace: [Place] = [], columnCount: Int, hasBias: Bool?
  ) {
    self.gguf = gguf
    self.otherGGUF = otherGGUF
    self.permutation = permutation
    self.huggingFace = huggingFace
    self.otherHuggingFace = otherHuggingFace
    self.columnCount = columnCount
    self.hasBias = hasBias
  }
}

/// A norm's weight, or another list of numbers.
package struct GraphVector: Hashable, Sendable {
  /// How the files hold the elements.
  package enum Form: Hashable, Sendable {
    /// One after the other.
    case elements
    /// Hugging Face has the logarithms of what is used with the other sign; GGUF has what is used.
    case negativeExponential
    /// [elements / rows, rows] in both, used as [rows, elements / rows].
    case transposed(rowCount: Int)
  }

  package let ggufName: String
  package let huggingFaceName: String
  /// Where else Hugging Face's files may have it.
  package var otherHuggingFaceNames: [String] = []
  package let count: Int
  /// Added to the elements of Hugging Face's file; GGUF has them as they are used.
  package let huggingFaceOffset: Float
  package var form = Form.elements
  /// The order of elements, or of rows of [elements / rows, rows], that Hugging Face's files lack; nil for none.
  package var order: ElementOrder?
  /// The extents in files that have more than one; extents of 1 don't count.
  package var extents: [Int]?
  /// The extents in a GGUF, if they are others.
  package var ggufExtents: [Int]?
  /// Whether a file without it means zeros.
  package var isOptional = false

  init(ggufName: String, huggingFaceName: String, count: Int, huggingFaceOffset: Float = 0) {
    self.ggufName = ggufName
    self.huggingFaceName = huggingFaceName
    self.count = count
    self.huggingFaceOffset = huggingFaceOffset
  }
}

/// The computation of a model: which tensors it reads, and its numbers.
package struct ModelGraph: Sendable {
  package let base: BaseModel
  package let parameters: GraphParameters
  package let layers: [GraphLayer]
  package let embedding: GraphMatrix
  /// Nil if layers read nothing but the stream.
  package let layerInputs: LayerInputs<GraphMatrix, GraphVector>?
  /// Nil for a model with one residual stream.
  package let streams: ParallelStreams<GraphMatrix>?
  package let finalNorm: Norm<GraphVector>
  /// Equal to `embedding` if the model ties them.
  package let output: GraphMatrix

  /// - Throws: as ``BaseModel/init(configuration:)``; ``ArchitectureError`` `unsupportedVariant`.
  package init(configuration json: JSON) throws {
    try self.init(configuration: json, base: BaseModel(configuration: json))
  }

  init(configuration json: JSON, base: BaseModel) throws {
    _ = try base.architecture()
    let found = try Architecture.find(configuration: json)
    let rules = found.architecture.numbers
    let numbers = try GraphNumbers(configuration: found.reader, base.hyperparameters, rules)
    let biases = try GraphTables.Biases(rules.biases, found.reader)
    self = try GraphTables(base: base, biases: biases).graph(numbers)
  }

  /// - Throws: as ``BaseModel/init(gguf:)``; ``ArchitectureError`` `unsupportedVariant`.
  package init(gguf file: GGUFFileSet) throws { try self.init(gguf: file, base: BaseModel(gguf: file)) }

  init(gguf file: GGUFFileSet, base: BaseModel) throws {
    let numbers = try GraphNumbers(
      gguf: file, base.hyperparameters, architecture: base.architectureName, base.architecture().numbers)
    self = try GraphTables(base: base, biases: nil).graph(numbers)
  }

  init(
    base: BaseModel, parameters: GraphParameters, layers: [GraphLayer], embedding: GraphMatrix,
    layerInputs: LayerInputs<GraphMatrix, GraphVector>?, streams: ParallelStreams<GraphMatrix>?,
    finalNorm: Norm<GraphVector>, output: GraphMatrix
  ) {
    self.base = base
    self.parameters = parameters
    self.layers = layers
    self.embedding = embedding
    self.layerInputs = layerInputs
    self.streams = streams
    self.finalNorm = finalNorm
    self.output = output
  }
}
