package import AloraModels
internal import CAloraKernels

/// How matrix products are computed.
package enum Backend: String, CaseIterable, Sendable {
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
package final class Model: Sendable {
  typealias Layer = AloraModels.Layer<WeightMatrix, FloatBuffer>
  typealias Block = AloraModels.Block<WeightMatrix, FloatBuffer>
  typealias Mixer = AloraModels.Mixer<WeightMatrix, FloatBuffer>
  typealias Attention = AloraModels.Attention<WeightMatrix, FloatBuffer>
  typealias Mamba2 = AloraModels.Mamba2<WeightMatrix, FloatBuffer>
  typealias ShortConvolution = AloraModels.ShortConvolution<WeightMatrix, FloatBuffer>
  typealias GatedDelta = AloraModels.GatedDelta<WeightMatrix, FloatBuffer>
  typealias UngatedNetwork = AloraModels.UngatedNetwork<WeightMatrix>
  typealias BottleneckNetwork = AloraModels.BottleneckNetwork<WeightMatrix, FloatBuffer>
  typealias StreamUpdate = AloraModels.StreamUpdate<WeightMatrix, FloatBuffer>
  typealias LayerInputNetwork = AloraModels.LayerInputNetwork<WeightMatrix>
  typealias LayerInputs = AloraModels.LayerInputs<WeightMatrix, FloatBuffer>
  typealias FeedForward = AloraModels.FeedForward<WeightMatrix, FloatBuffer>
  typealias Network = AloraModels.GatedNetwork<WeightMatrix>
  typealias Mixture = AloraModels.ExpertMixture<WeightMatrix, FloatBuffer>
  typealias Norm = AloraModels.Norm<FloatBuffer>

  /// The files that it was loaded from.
  package let source: ModelSource
  package var path: String { source.path }
  package let graph: ModelGraph
  package let backend: Backend
  /// The bytes of the tensors in the model's files.
  package let fileByteCount: Int
  /// The bytes of the matrices in memory.
  package let weightByteCount: Int
  let layers: [Layer]
  /// The blocks of all layers, one after the other.
  let blocks: [(layer: Int, block: Block)]
  /// After this block, a row doesn't bear on any other.
  let lastMixerIndex: Int?
  let blockSizes: BlockSizes
  let cacheLayout: KVLayout
  let recurrentLayout: RecurrentLayout
  let embedding: RowSource
  let embeddingType: alora_type
  let layerInputs: LayerInputs?
  let layerInputTable: RowSource?
  let streams: ParallelStreams<WeightMatrix>?
  let finalNorm: Norm
  let output: WeightMatrix
  let blas: OpenBLAS?
  /// Errors that occurred while weights in the file were read. The model can't be used after one.
  let failures: Failures

  package var vocabularySize: Int { graph.base.hyperparameters.vocabularySize }

  /// Loads the model at a path: a Hugging Face directory or a GGUF.
  ///
  /// - Throws: as ``init(source:backend:keepsWeights:pool:)``, and as ``ModelSource/init(path:)``.
  package convenience init(
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
  package init(
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
    let failures = Failures()
    self.failures = failures
    func matrix(_ matrix: GraphMatrix) throws -> WeightMatrix {
      let (rows, bias) = (try file.rows(of: matrix), try file.bias(of: matrix))
      if streams { return try WeightMatrix(streaming: rows, bias: bias, failures: failures, arena: arena) }
      let loaded = try WeightMatrix(rows, bias: bias, isDense: isDense, pool: pool, arena: arena)
      byteCount += loaded.byteCount
      return loaded
    }
    let layers = try graph.layers.map { try $0.map(matrix: matrix, vector: file.values) }
    self.layers = layers
    let blocks = Self.blocks(of: layers)
    self.blocks = blocks
    lastMixerIndex = blocks.lastIndex { $0.block.leavesStates }
    blockSizes = BlockSizes(layers)
    cacheLayout = graph.cacheLayout
    recurrentLayout = RecurrentLayout(of: layers)
    embedding = try file.rows(of: graph.embedding)
    embeddingType = try embedding.kernelType()
    layerInputs = try graph.layerInputs?.map(matrix: matrix, vector: file.values)
    layerInputTable = try graph.layerInputs.map { try file.rows(of: $0.table) }
    self.streams = try graph.streams?.map(matrix)
    finalNorm = try graph.finalNorm.map(file.values)
    output = try matrix(graph.output)
    weightByteCount = byteCount
    arena.endLoading()
  }

  /// The same weights in other layers.
  init(_ other: Model, layers: [Layer]) {
    source = other.source
    graph = other.graph
    backend = other.backend
    fileByteCount = other.fileByteCount
    weightByteCount = other.weightByteCount
    self.layers = layers
    blocks = Self.blocks(of: layers)
    lastMixerIndex = other.lastMixerIndex
    blockSizes = other.blockSizes
    cacheLayout = other.cacheLayout
    recurrentLayout = RecurrentLayout(of: layers)
    embedding = other.embedding
    embeddingType = other.embeddingType
    layerInputs = other.layerInputs
    layerInputTable = other.layerInputTable
    streams = other.streams
    finalNorm = other.finalNorm
    output = other.output
    blas = other.blas
    failures = other.failures
  }

  private static func blocks(of layers: [Layer]) -> [(layer: Int, block: Block)] {
    layers.enumerated().flatMap { index, layer in layer.blocks.map { (layer: index, block: $0) } }
  }
}

extension Block {
  /// Whether it keeps keys and values, or a state, for later tokens.
  fileprivate var leavesStates: Bool {
    switch operation {
    case .mixer(.attention(let attention)): attention.sharedLayer == nil
    case .mixer: true
    case .feedForward, .streams: false
    }
  }
}
