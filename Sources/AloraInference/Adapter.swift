package import AloraAdapters
package import AloraTensors
internal import AloraModels
internal import CAloraKernels

/// The update that an adapter adds to one matrix: scale · B · A.
final class LowRankUpdate: Sendable {
  /// [r, in]
  let a: WeightMatrix
  /// [out, r], in the graph's order of rows.
  let b: WeightMatrix
  let scale: Float

  init(a: WeightMatrix, b: WeightMatrix, scale: Float) {
    self.a = a
    self.b = b
    self.scale = scale
  }
}

/// The update that an adapter adds to rows of the token embedding.
struct EmbeddingUpdate: Sendable {
  /// [vocabulary, r]
  let a: FloatBuffer
  /// [hidden, r]
  let b: FloatBuffer
  let rank: Int
  let scale: Float
}

/// A LoRA adapter's weights, ready to be added to a model's. One value serves any number of sequences.
package final class Adapter: Sendable {
  package let path: String
  /// What the adapter adds, in one number: SHA-256 over names, scales and factors as f32. A converted adapter whose
  /// factors and scales are the same numbers has the same digest.
  package let digest: Digest
  /// Nil for an ordinary LoRA, which is active everywhere.
  package let invocationTokens: [Int]?
  /// The token that the model itself switches the adapter on with; nil for an adapter in files of its own.
  package let controlToken: Int?
  /// How many modules of the base it changes.
  package let moduleCount: Int
  /// Notes for the user.
  package let notes: [AdapterNote]
  let layers: [Layer]
  let outputLayer: LowRankUpdate?
  let embedding: EmbeddingUpdate?

  /// Loads an adapter for a model: a PEFT directory or a GGUF.
  ///
  /// - Throws: ``FileError``, ``JSONError``, ``SafetensorsError``, ``GGUFError``, ``AdapterError``,
  ///   ``InferenceError``.
  package convenience init(path: String, model: Model, pool: ThreadPool) throws {
    try self.init(
      AdapterParts(
        path: path, base: model.graph.base, options: BoundAdapter.Options(base: model.source, adapterPath: path)),
      path: path, model: model, pool: pool)
  }

  /// Loads an adapter that was located in the model's base.
  ///
  /// - Throws: ``FileError``, ``AdapterError``, ``InferenceError``.
  package convenience init(_ adapter: BoundAdapter, model: Model, pool: ThreadPool) throws {
    try self.init(AdapterParts(adapter), path: adapter.path, model: model, pool: pool)
  }

  private init(_ parts: AdapterParts, path: String, model: Model, pool: ThreadPool) throws {
    self.path = path
    invocationTokens = parts.invocationTokens
    controlToken = parts.controlToken
    moduleCount = parts.moduleCount
    notes = parts.notes
    let isDense = model.backend == .openblas
    let arena = WeightArena(byteCount: parts.byteCount)
    var shared: [String: WeightMatrix] = [:]
    func update(_ matrix: GraphMatrix) throws -> LowRankUpdate? {
      guard let pair = parts.pairs[matrix.gguf.name], !pair.isEmbedding else { return nil }
      let a = try shared[matrix.gguf.name] ?? WeightMatrix(pair.a, isDense: isDense, pool: pool, arena: arena)
      shared[matrix.gguf.name] = a
      let rows = pair.rows(of: matrix)
      let b =
        try pair.dividedValues(of: rows).map {
          WeightMatrix($0, rowCount: matrix.rowCount, columnCount: pair.rank, isDense: isDense, arena: arena)
        } ?? WeightMatrix(rows, isDense: isDense, pool: pool, arena: arena)
      return LowRankUpdate(a: a, b: b, scale: pair.scale)
    }
    var experts = ExpertFactors(isDense: isDense, arena: arena)
    layers = try model.graph.layers.map { layer in
      try Layer { kind in
        let matrices = layer.matrices(of: kind)
        guard !kind.isOfExperts else { return try experts.update(matrices, parts) }
        return try matrices.first.flatMap { try update($0) }.map { ModuleUpdate([$0]) }
      }
    }
    let isTied = model.graph.base.hyperparameters.tiesEmbeddings
    outputLayer = isTied ? nil : try update(model.graph.output)
    embedding = try parts.pairs[model.graph.embedding.gguf.name].flatMap { pair in
      guard pair.isEmbedding else { return nil }
      let (a, rank) = (try pair.a.floats(), pair.rank)
      // PEFT has the columns of [r, vocabulary], GGUF the rows of [vocabulary, r].
      let vocabulary = pair.isTransposed ? a.count / rank : 0
      let rows = pair.isTransposed ? (0..<a.count).map { a[$0 % rank * vocabulary + $0 / rank] } : a
      return EmbeddingUpdate(
        a: FloatBuffer(rows), b: FloatBuffer(try pair.valuesOfB()), rank: rank, scale: pair.scale)
    }
    digest = try parts.digest()
    arena.endLoading()
  }

  /// - Parameter scale: gives the new scale for one there is.
  private init(_ other: Adapter, named name: [Float], scale: (Float) -> Float) {
    func scaled(_ update: LowRankUpdate?) -> LowRankUpdate? {
      update.map { LowRankUpdate(a: $0.a, b: $0.b, scale: scale($0.scale)) }
    }
    path = other.path
    invocationTokens = other.invocationTokens
    controlToken = other.controlToken
    moduleCount = other.moduleCount
    notes = other.notes
    layers = other.layers.map { layer in Layer { layer[$0]?.scaled(scale) } }
    outputLayer = scaled(other.outputLayer)
    embedding = other.embedding.map {
      EmbeddingUpdate(a: $0.a, b: $0.b, rank: $0.rank, scale: scale($0.scale))
    }
    var hasher = Digest.Hasher()
    hasher.add(other.digest.bytes)
    hasher.add(name)
    digest = hasher.end()
  }

  private init(_ other: Adapter, layers: [Layer], name: String) {
    path = other.path
    invocationTokens = other.invocationTokens
    controlToken = other.controlToken
    moduleCount = other.moduleCount
    notes = other.notes
    self.layers = layers
    outputLayer = other.outputLayer
    embedding = other.embedding
    var hasher = Digest.Hasher()
    hasher.add(other.digest.bytes)
    hasher.add(name)
    digest = hasher.end()
  }

  /// The same adapter with other updates in its layers. Adapters of the same layers have the same name.
  func replacing(layers: [Layer], named name: String) -> Adapter { Adapter(self, layers: layers, name: name) }

  /// The same adapter with its scaling multiplied, as engines do that take a scale with each request. Factors are shared.
  package func scaled(by factor: Float) -> Adapter {
    factor == 1 ? self : Adapter(self, named: [factor]) { $0 * factor }
  }

  /// The same adapter with B · A taken as it is, its scaling left out; nil if that changes nothing.
  package func unscaled() -> Adapter? {
    let scales = updates.map(\.scale) + (embedding.map { [$0.scale] } ?? [])
    return scales.allSatisfy { $0 == 1 } ? nil : Adapter(self, named: [0, 1]) { _ in 1 }
  }

  /// All updates of linear modules.
  private var updates: [LowRankUpdate] {
    let inLayers = layers.flatMap { layer in ModuleKind.allCases.flatMap { layer[$0]?.parts ?? [] } }
    return (inLayers + [outputLayer]).compactMap { $0 }
  }

  /// The largest rank among its modules; 0 if it has none.
  package var largestRank: Int {
    max(updates.map(\.a.rowCount).max() ?? 0, embedding?.rank ?? 0)
  }

  /// The first adapted position of a text; nil if the adapter is off.
  ///
  /// An aLoRA is active by PEFT's rule: from the start of its invocation's last occurrence. A control token switches its
  /// adapter on where it occurs first.
  package func activationStart(in tokens: [Int]) -> Int? {
    if let controlToken { return tokens.firstIndex(of: controlToken) }
    return ActivationRule.peft.start(in: tokens, invocation: invocationTokens)
  }

  /// Whether it is an aLoRA.
  package var isActivated: Bool { invocationTokens != nil }
}
