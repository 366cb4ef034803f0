internal import AloraModels
internal import AloraSystem
internal import AloraGGUF
internal import AloraJSON
internal import AloraSafetensors
internal import AloraTensors

/// A base model's files: a Hugging Face directory or a GGUF.
enum ModelFile {
  case huggingFace(SafetensorsFileSet)
  case gguf(GGUFFileSet)

  /// Opens the files and reads the description of the graph.
  static func open(_ path: String) throws -> (ModelFile, ModelGraph) {
    if FileSystem.kind(of: path) == .directory {
      let configuration = try JSONDocument(path: path + "/config.json", allowsNonFinite: true)
      let graph = try ModelGraph(configuration: configuration.root)
      return (.huggingFace(try SafetensorsFileSet(directory: path)), graph)
    }
    let file = try GGUFFileSet(path: path)
    return (.gguf(file), try ModelGraph(gguf: file))
  }

  private var source: any TensorSource {
    switch self {
    case .huggingFace(let files): files
    case .gguf(let files): files
    }
  }

  private var path: String {
    switch self {
    case .huggingFace(let files): files.path
    case .gguf(let files): files.path
    }
  }

  /// The bytes of all tensors.
  var byteCount: Int { source.tensors.reduce(0) { $0 + $1.byteRange.count } }

  private func missing(_ name: String) -> InferenceError {
    InferenceError(
      .missingTensor, path: path, place: "tensor \(name)", problem: "the graph needs it, and the file does not have it",
      remedy: "give the whole model")
  }

  private func wrongShape(_ tensor: TensorDescription, _ expected: String) -> InferenceError {
    InferenceError(
      .wrongShape, path: path, place: "tensor \(tensor.name)",
      problem: "its shape is \(tensor.shape), expected \(expected)")
  }

  /// An output layer that is tied to the embedding has no weights of its own, or the same.
  ///
  /// Source: `tie_weights` of transformers, which up to version 4 passes over such weights, and from 5 on uses them.
  /// - Throws: `ambiguousOutput`; ``FileError``.
  func checkTiedOutput(_ graph: ModelGraph) throws {
    guard case .huggingFace(let files) = self, graph.base.hyperparameters.tiesEmbeddings,
      let output = files.tensor(named: "lm_head.weight"),
      let embedding = files.tensor(named: graph.embedding.huggingFace.name),
      try !files.haveEqualBytes(output, embedding)
    else { return }
    throw InferenceError(
      .ambiguousOutput, path: path, place: "tensor lm_head.weight",
      problem: "config.json ties the output layer to the embedding, and this is another matrix: "
        + "transformers 4 passes over it, transformers 5 uses it",
      remedy: "set tie_word_embeddings to false, or leave the tensor out, whichever the model was trained with")
  }

  /// Where the rows of a matrix lie.
  ///
  /// - Throws: `missingTensor`, `wrongShape`.
  func rows(of matrix: GraphMatrix) throws -> RowSource {
    let (place, permutation) =
      switch self {
      case .huggingFace: (matrix.huggingFace, RowPermutation.none)
      case .gguf: (matrix.gguf, matrix.permutation)
      }
    guard let tensor = source.tensor(named: place.name) else { throw missing(place.name) }
    let shape = tensor.shape
    guard shape.rank >= 2, shape.columnCount == matrix.columnCount, shape.rowCount == place.rowCount else {
      throw wrongShape(tensor, "[\(place.rowCount), \(matrix.columnCount)]")
    }
    return RowSource(
      file: try source.file(of: tensor), tensor: tensor, rows: place.rows, permutation: permutation)
  }

  /// The elements of a norm's weight.
  ///
  /// - Throws: `missingTensor`, `wrongShape`, `unsupportedType`.
  func values(of vector: GraphVector, adding offset: Float) throws -> FloatBuffer {
    let name = if case .gguf = self { vector.ggufName } else { vector.huggingFaceName }
    guard let tensor = source.tensor(named: name) else { throw missing(name) }
    guard tensor.shape.dimensions == [vector.count] else { throw wrongShape(tensor, "[\(vector.count)]") }
    let values = try RowSource(
      file: try source.file(of: tensor), tensor: tensor, rows: 0..<1, permutation: .none
    ).floats()
    return FloatBuffer(offset == 0 ? values : values.map { offset + $0 })
  }

  /// The bias beside a matrix, in the matrix's order of rows; nil where there is none.
  ///
  /// - Throws: `missingTensor` where the configuration announces one, `wrongShape`, `unsupportedType`.
  func bias(of matrix: GraphMatrix) throws -> FloatBuffer? {
    if matrix.hasBias == false { return nil }
    let place = if case .gguf = self { matrix.gguf } else { matrix.huggingFace }
    let name = String(place.name.dropLast("weight".count)) + "bias"
    guard let tensor = source.tensor(named: name) else {
      if matrix.hasBias == true { throw missing(name) }
      return nil
    }
    guard tensor.shape.dimensions == [place.rowCount] else { throw wrongShape(tensor, "[\(place.rowCount)]") }
    let values = try RowSource(
      file: try source.file(of: tensor), tensor: tensor, rows: 0..<1, permutation: .none
    ).floats()
    let permutation = if case .gguf = self { matrix.permutation } else { RowPermutation.none }
    return FloatBuffer(
      place.rows.indices.map { values[place.rows.lowerBound + permutation.targetRow(of: $0 - place.rows.lowerBound)] })
  }
}
