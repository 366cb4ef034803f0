public import AloraModels
internal import CAloraKernels

/// How matrix products are computed.
public enum Backend: String, CaseIterable, Sendable {
  /// The kernels of this package: the same bits everywhere.
  case exact
  /// OpenBLAS, as a second opinion: near, but not the same bits.
  case openblas
}

/// A base model's weights, ready to compute with.
///
/// Memory: the packed weights take as many bytes as in the file (rows rounded up to 32), the token embedding stays in the
/// file and is read row by row. With ``Backend/openblas`` all weights are widened to f32. A model that is to be used once
/// may leave its weights in the file; each pass reads them then.
public final class Model: Sendable {
  struct FeedForward: Sendable {
    let gate: WeightMatrix
    let up: WeightMatrix
    let down: WeightMatrix
  }

  struct Layer: Sendable {
    let attentionNorm: FloatBuffer
    let query: WeightMatrix
    let key: WeightMatrix
    let value: WeightMatrix
    let output: WeightMatrix
    let queryNorm: FloatBuffer?
    let keyNorm: FloatBuffer?
    let postAttentionNorm: FloatBuffer?
    let feedForwardNorm: FloatBuffer
    let feedForward: FeedForward?
    let router: WeightMatrix?
    let experts: [FeedForward]
    let postFeedForwardNorm: FloatBuffer?
  }

  /// The files that it was loaded from.
  public let source: ModelSource
  public var path: String { source.path }
  public let graph: ModelGraph
  public let backend: Backend
  /// The bytes of the tensors in the model's files.
  public let fileByteCount: Int
  /// The bytes of the matrices in memory.
  public let weightByteCount: Int
  let layers: [Layer]
  let embedding: RowSource
  let embeddingType: alora_type
  let finalNorm: FloatBuffer
  let output: WeightMatrix
  let blas: OpenBLAS?
  /// What went wrong while weights that stay in the file were read; such a model is of no more use.
  let failures = Failures()

  public var vocabularySize: Int { graph.base.hyperparameters.vocabularySize }

  /// Loads the model at a path: a Hugging Face directory or a GGUF.
  ///
  /// - Throws: as ``init(source:backend:keepsWeights:pool:)``, and as ``ModelSource/init(path:)``.
  public convenience init(
    path: String, backend: Backend = .exact, keepsWeights: Bool = true, pool: ThreadPool
  ) throws {
    try self.init(source: ModelSource(path: path), backend: backend, keepsWeights: keepsWeights, pool: pool)
  }

  /// Loads a model.
  ///
  /// - Parameters:
  ///   - keepsWeights: false leaves matrices in the file. One pass over them is faster then, by the time that it takes to
  ///     make memory; more are slower. Has no meaning for ``Backend/openblas``. Results are the same bits.
  ///   - pool: the threads that share the work.
  /// - Throws: ``FileError``, ``JSONError``, ``SafetensorsError``, ``GGUFError``, ``ArchitectureError``,
  ///   ``InferenceError`` (`missingTensor`, `wrongShape`, `unsupportedType`, `ambiguousOutput`, `missingLibrary`).
  public init(
    source: ModelSource, backend: Backend = .exact, keepsWeights: Bool = true, pool: ThreadPool
  ) throws {
    blas = backend == .openblas ? try OpenBLAS() : nil
    let graph = try source.graph()
    let file = try WeightReader(source)
    try file.checkTiedOutput(graph)
    self.source = source
    self.graph = graph
    self.backend = backend
    let isDense = backend == .openblas
    fileByteCount = file.byteCount
    var byteCount = 0
    let streams = !keepsWeights && !isDense
    let arena = WeightArena(byteCount: streams ? 0 : file.byteCount)
    let failures = failures
    func matrix(_ matrix: GraphMatrix) throws -> WeightMatrix {
      let (rows, bias) = (try file.rows(of: matrix), try file.bias(of: matrix))
      if streams { return try WeightMatrix(streaming: rows, bias: bias, failures: failures, arena: arena) }
      let loaded = try WeightMatrix(rows, bias: bias, isDense: isDense, pool: pool, arena: arena)
      byteCount += loaded.byteCount
      return loaded
    }
    func vector(_ vector: GraphVector) throws -> FloatBuffer {
      try file.values(of: vector, adding: graph.parameters.normOffset)
    }
    func network(_ network: GraphFeedForward) throws -> FeedForward {
      FeedForward(gate: try matrix(network.gate), up: try matrix(network.up), down: try matrix(network.down))
    }
    layers = try graph.layers.map { layer in
      Layer(
        attentionNorm: try vector(layer.attentionNorm), query: try matrix(layer.query), key: try matrix(layer.key),
        value: try matrix(layer.value), output: try matrix(layer.output), queryNorm: try layer.queryNorm.map(vector),
        keyNorm: try layer.keyNorm.map(vector), postAttentionNorm: try layer.postAttentionNorm.map(vector),
        feedForwardNorm: try vector(layer.feedForwardNorm), feedForward: try layer.feedForward.map(network),
        router: try layer.router.map(matrix), experts: try layer.experts.map(network),
        postFeedForwardNorm: try layer.postFeedForwardNorm.map(vector))
    }
    embedding = try file.rows(of: graph.embedding)
    embeddingType = try embedding.kernelType()
    finalNorm = try vector(graph.finalNorm)
    output = try matrix(graph.output)
    weightByteCount = byteCount
    arena.endLoading()
  }
}
