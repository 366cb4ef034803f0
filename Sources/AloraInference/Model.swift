public import AloraArchitectures
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
/// file and is read row by row. With ``Backend/openblas`` all weights are widened to f32.
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

  public let path: String
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

  public var vocabularySize: Int { graph.base.hyperparameters.vocabularySize }

  /// Loads a model.
  ///
  /// - Parameters:
  ///   - path: a directory with config.json and safetensors, or a GGUF.
  ///   - pool: the threads that share the work.
  /// - Throws: ``FileError``, ``JSONError``, ``SafetensorsError``, ``GGUFError``, ``ArchitectureError``,
  ///   ``InferenceError`` (`missingTensor`, `wrongShape`, `unsupportedType`, `missingLibrary`).
  public init(path: String, backend: Backend = .exact, pool: ThreadPool) throws {
    blas = backend == .openblas ? try OpenBLAS() : nil
    let (file, graph) = try ModelFile.open(path)
    self.path = path
    self.graph = graph
    self.backend = backend
    let isDense = backend == .openblas
    fileByteCount = file.byteCount
    var byteCount = 0
    let arena = WeightArena(byteCount: file.byteCount)
    func matrix(_ matrix: GraphMatrix) throws -> WeightMatrix {
      let loaded = try WeightMatrix(
        file.rows(of: matrix), bias: file.bias(of: matrix), isDense: isDense, pool: pool, arena: arena)
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
