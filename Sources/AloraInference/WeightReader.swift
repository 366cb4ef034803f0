internal import AloraModels
internal import AloraSystem
internal import AloraGGUF
internal import AloraSafetensors
internal import AloraTensors

/// Reads the weights that a graph names from a model's files.
struct WeightReader {
  let source: any TensorSource
  let path: String
  /// How the weights were quantized; nil if the configuration doesn't say.
  let quantization: QuantizationMethod?
  /// Whether names and the order of rows are a GGUF's.
  private let isGGUF: Bool

  /// - Throws: as ``ModelSource/weights()``.
  init(_ model: ModelSource) throws {
    source = try model.weights()
    quantization = try model.quantization()
    path = model.gguf?.path ?? (source as? SafetensorsFileSet)?.path ?? model.path
    isGGUF = model.gguf != nil
  }

  private func tensor(named name: String) -> TensorDescription? {
    isGGUF ? source.tensor(named: name) : source.tensor(ofTextModel: name)
  }

  /// The bytes of all tensors.
  var byteCount: Int { source.tensors.reduce(0) { $0 + $1.byteRange.count } }

  func missing(_ name: String) -> InferenceError {
    InferenceError(
      .missingTensor, path: path, place: "tensor \(name)",
      problem: "the model needs it, and the file doesn't contain it",
      remedy: "pass the whole model")
  }

  func wrongShape(_ tensor: TensorDescription, _ expected: String) -> InferenceError {
    InferenceError(
      .wrongShape, path: path, place: "tensor \(tensor.name)",
      problem: "its shape is \(tensor.shape), expected \(expected)")
  }

  func unsupportedType(_ tensor: TensorDescription, _ problem: String) -> InferenceError {
    InferenceError(.unsupportedType, path: path, place: "tensor \(tensor.name)", problem: problem)
  }

  /// An output layer that is tied to the embedding has no weights of its own, or the same.
  ///
  /// Source: `tie_weights` of transformers, which up to version 4 passes over such weights, and from 5 on uses them.
  /// - Throws: `ambiguousOutput`; ``FileError``.
  func checkTiedOutput(_ graph: ModelGraph) throws {
    guard !isGGUF, graph.base.hyperparameters.tiesEmbeddings,
      let output = tensor(named: "lm_head.weight"),
      let embedding = tensor(named: graph.embedding.huggingFace.name),
      try !source.haveEqualBytes(output, embedding)
    else { return }
    throw InferenceError(
      .ambiguousOutput, path: path, place: "tensor lm_head.weight",
      problem: "the configuration ties the output layer to the embedding, and this is another matrix: "
        + "transformers 4 ignores it, transformers 5 uses it",
      remedy: "set tie_word_embeddings to false, or leave the tensor out, whichever the model was trained with")
  }

  /// The place of a matrix that this model has. Of several in one tensor, its shape decides.
  ///
  /// Source: transformers 5 `core_model_loading.py` (`Transpose` with `check_dims`), which takes a square as it is.
  /// - Throws: `missingTensor`.
  private func place(of matrix: GraphMatrix) throws -> (GraphMatrix.Place, TensorDescription) {
    let first = isGGUF ? matrix.gguf : matrix.huggingFace
    let places = [first] + (isGGUF ? matrix.otherGGUF : matrix.otherHuggingFace)
    let found = places.compactMap { place in tensor(named: place.name).map { (place, $0) } }
    guard let (place, tensor) = found.first else { throw missing(first.name) }
    let alternatives = found.filter { $0.0.name == place.name }
    return alternatives.first { fits(tensor, $0.0, columnCount: matrix.columnCount) } ?? (place, tensor)
  }

  private func fits(_ tensor: TensorDescription, _ place: GraphMatrix.Place, columnCount: Int) -> Bool {
    switch place.form {
    case .rows: tensor.shape.columnCount == columnCount && tensor.shape.rowCount == place.rowCount
    case .columns(let count): tensor.shape.dimensions == [count, columnCount, place.rowCount / max(1, count)]
    case .mxfp4: true
    }
  }

  /// Where the rows of a matrix lie.
  ///
  /// - Throws: `missingTensor`, `wrongShape`, `unsupportedType`.
  func rows(of matrix: GraphMatrix) throws -> RowSource {
    let (place, tensor) = try place(of: matrix)
    let shape = tensor.shape
    let form: RowSource.Form
    switch place.form {
    case .rows:
      guard shape.rank >= 2, shape.columnCount == matrix.columnCount, shape.rowCount == place.rowCount else {
        throw wrongShape(tensor, "[\(place.rowCount), \(matrix.columnCount)]")
      }
      precondition(place.step == 1, "rows that aren't columns or blocks follow one another")
      form = .rows
    case .columns(let count):
      let perMatrix = place.rowCount / max(1, count)
      guard shape.dimensions == [count, matrix.columnCount, perMatrix] else {
        throw wrongShape(tensor, "[\(count), \(matrix.columnCount), \(perMatrix)]")
      }
      form = .columns(matrix: place.rows.lowerBound / max(1, perMatrix), step: place.step)
    case .mxfp4(let name):
      guard let exponents = self.tensor(named: name) else { throw missing(name) }
      let blocks = matrix.columnCount / 32
      guard tensor.dtype == .u8 else { throw unsupportedType(tensor, "blocks of MXFP4 are U8, not \(tensor.dtype)") }
      guard exponents.dtype == .u8 || exponents.dtype == .f8E8M0 else {
        throw unsupportedType(exponents, "exponents of MXFP4 are U8, not \(exponents.dtype)")
      }
      let outer = Array(shape.dimensions.dropLast(2))
      guard outer.reduce(1, *) == place.rowCount, blocks * 32 == matrix.columnCount,
        shape.dimensions == outer + [blocks, 16]
      else { throw wrongShape(tensor, "[\(place.rowCount), \(blocks), 16]") }
      guard exponents.shape.dimensions == outer + [blocks] else {
        throw wrongShape(exponents, "[\(place.rowCount), \(blocks)]")
      }
      form = .mxfp4(exponents: exponents, file: try source.file(of: exponents), step: place.step)
    }
    return RowSource(
      file: try source.file(of: tensor), tensor: tensor,
      rows: place.rows.lowerBound..<(place.rows.lowerBound + place.count),
      permutation: isGGUF ? matrix.permutation : .none, form: form, scales: try scales(of: tensor), order: place.order,
      columns: isGGUF ? nil : matrix.columns)
  }

  /// The elements of a norm's weight, or of another list of numbers.
  ///
  /// - Throws: `missingTensor`, `wrongShape`, `unsupportedType`.
  func values(of vector: GraphVector) throws -> FloatBuffer {
    let names = isGGUF ? [vector.ggufName] : [vector.huggingFaceName] + vector.otherHuggingFaceNames
    guard let tensor = names.lazy.compactMap(tensor).first else {
      guard vector.isOptional else { throw missing(names[0]) }
      return FloatBuffer(count: vector.count, isZeroed: true)
    }
    let extents = isGGUF ? vector.ggufExtents ?? vector.extents : vector.extents
    let found = tensor.shape.dimensions
    let fits = extents.map { $0.filter { $0 != 1 } == found.filter { $0 != 1 } } ?? (found == [vector.count])
    guard fits else { throw wrongShape(tensor, "\(extents ?? [vector.count])") }
    let values = try floats(of: tensor)
    func ordered(_ values: [Float]) -> [Float] {
      guard !isGGUF, let order = vector.order else { return values }
      return values.indices.map { values[order.source(of: $0)] }
    }
    switch vector.form {
    case .elements:
      let offset = isGGUF ? 0 : vector.huggingFaceOffset
      return FloatBuffer(ordered(offset == 0 ? values : values.map { offset + $0 }))
    case .negativeExponential:
      // PyTorch's exponential, which llama.cpp's converter takes, rounds nearly always correctly.
      return FloatBuffer(ordered(isGGUF ? values : values.map { -Float(ExactMath.exp(Double($0))) }))
    case .transposed(let rowCount):
      let columnCount = vector.count / rowCount
      let sources = (0..<columnCount).map { isGGUF ? $0 : vector.order?.source(of: $0) ?? $0 }
      return FloatBuffer((0..<vector.count).map { values[sources[$0 % columnCount] * rowCount + $0 / columnCount] })
    }
  }

  /// The bias beside a matrix, in the matrix's order of rows; nil if there is none.
  ///
  /// - Throws: `missingTensor` if the configuration announces one, `wrongShape`, `unsupportedType`.
  func bias(of matrix: GraphMatrix) throws -> FloatBuffer? {
    if matrix.hasBias == false { return nil }
    let (place, _) = try place(of: matrix)
    let name = place.biasName ?? String(place.name.dropLast("weight".count)) + "bias"
    guard let tensor = tensor(named: name) else {
      if matrix.hasBias == true { throw missing(name) }
      return nil
    }
    guard tensor.shape.rank <= 2, tensor.shape.elementCount == place.rowCount else {
      throw wrongShape(tensor, "[\(place.rowCount)]")
    }
    let values = try floats(of: tensor)
    let permutation = isGGUF ? matrix.permutation : .none
    let multiplier = isGGUF ? 1 : matrix.biasMultiplier
    return FloatBuffer(
      (0..<matrix.rowCount).map { multiplier * values[place.row(permutation.targetRow(of: $0))] })
  }

  /// All elements of a norm or a bias. Only a matrix may have scales.
  ///
  /// - Throws: `unsupportedType`.
  private func floats(of tensor: TensorDescription) throws -> [Float] {
    guard scaleTensor(of: tensor) == nil else {
      throw unsupportedType(tensor, "a norm or bias of type \(tensor.dtype) with a scale isn't read")
    }
    return try RowSource(
      file: try source.file(of: tensor), tensor: tensor, rows: 0..<tensor.shape.rowCount, permutation: .none
    ).floats()
  }
}
