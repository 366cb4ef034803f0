internal import AloraSystem
internal import AloraModels
internal import AloraAdapters
internal import AloraTensors

/// The factors of an adapter, found and checked, whichever file they are in.
struct AdapterParts {
  struct Pair {
    /// [r, in]. An embedding's is [r, vocabulary] if `isTransposed`, otherwise [vocabulary, r].
    let a: RowSource
    /// [out, r]: the rows for one GGUF tensor of the base.
    let b: RowSource
    let rank: Int
    let scale: Float
    let isEmbedding: Bool
    let isTransposed: Bool
    /// What rows of B were multiplied by as the weights of a GGUF are, for a base that multiplies the products; mostly empty.
    var divisors: [WeightTarget.RowFactor] = []

    /// All elements of some rows of B, for a base that multiplies products; nil if the rows are as they are stored.
    func dividedValues(of rows: RowSource) throws -> [Float]? {
      divisors.isEmpty ? nil : try divided(rows.floats(), firstRow: rows.rows.lowerBound - b.rows.lowerBound)
    }

    /// The elements of B.
    func valuesOfB() throws -> [Float] { divisors.isEmpty ? try b.floats() : divided(try b.floats(), firstRow: 0) }

    private func divided(_ values: [Float], firstRow: Int) -> [Float] {
      let factors = divisors.flatMap { [Float](repeating: Float($0.value), count: $0.rowCount) }
      return values.enumerated().map { index, value in
        // An embedding's are all the same, and counted along its tokens.
        let factor = factors[isEmbedding ? 0 : firstRow + index / rank]
        return factor == 0 ? 0 : value / factor
      }
    }

    /// The rows of B for a matrix of the graph, which may be some rows of the GGUF tensor only.
    func rows(of matrix: GraphMatrix) -> RowSource {
      precondition(b.order == nil || matrix.gguf.order == nil, "rows in one order")
      let first = b.rows.lowerBound + matrix.gguf.rows.lowerBound
      return RowSource(
        file: b.file, tensor: b.tensor, rows: first..<(first + matrix.rowCount), permutation: b.permutation,
        order: b.order ?? matrix.gguf.order)
    }
  }

  /// By the name of the base's tensor in GGUF.
  private(set) var pairs: [String: Pair] = [:]
  /// What is added to experts, by the name of the base's tensor in GGUF.
  let experts: [String: [BoundAdapter.ExpertUpdate]]
  let invocationTokens: [Int]?
  let moduleCount: Int
  let controlToken: Int?

  let notes: [AdapterNote]

  /// Opens an adapter and locates it in a base.
  ///
  /// - Throws: as ``AdapterSource``.
  init(path: String, base: BaseModel, options: BoundAdapter.Options) throws {
    var options = options
    options.use = .computing
    try self.init(AdapterSource(path: path).bound(to: base, options: options))
  }

  /// - Throws: `unsupportedModule` for factors that MLX stores by columns; ``AdapterError`` `ambiguousExperts`.
  init(_ adapter: BoundAdapter) throws {
    if adapter.updates.contains(where: \.b.isStoredByColumns) {
      throw InferenceError(
        .unsupportedModule, path: adapter.path,
        problem: "MLX stores the factors by columns, and they are run by rows",
        remedy: "convert the adapter to GGUF, and run that")
    }
    experts = try adapter.expertUpdates()
    invocationTokens = adapter.invocationTokens
    moduleCount = adapter.members.count
    controlToken = adapter.controlToken
    notes = adapter.notes
    for update in adapter.updates {
      let target = update.target
      var (a, b) = (RowSource(update.a), RowSource(update.b))
      // The graph has such rows and columns in GGUF's order.
      if case .order(let columns) = target.columns, !update.isInGGUFOrder { a.columns = columns }
      if case .order(let order) = target.permutation {
        b = RowSource(
          file: b.file, tensor: b.tensor,
          rows: update.isInGGUFOrder ? b.rows : b.rows.lowerBound..<(b.rows.lowerBound + order.count),
          permutation: .none, order: update.isInGGUFOrder ? nil : order)
      }
      pairs[update.tensorName] = Pair(
        a: a, b: b, rank: update.rank, scale: update.scale, isEmbedding: update.isEmbedding,
        isTransposed: update.isTransposed, divisors: update.isInGGUFOrder ? target.factors : [])
    }
  }

  /// The bytes of all factors in their files.
  var byteCount: Int {
    let ofPairs = pairs.values.reduce(0) { $0 + $1.a.tensor.byteRange.count + $1.b.tensor.byteRange.count }
    return ofPairs + experts.values.joined().reduce(0) { $0 + 4 * $1.elementCount }
  }

  /// The digest of names, scales and factors.
  func digest() throws -> Digest {
    var hasher = Digest.Hasher()
    for (name, pair) in pairs.sorted(by: { $0.key < $1.key }) {
      hasher.add(name)
      hasher.add([pair.scale, Float(pair.rank)])
      let a = try pair.a.floats()
      let columns = pair.isTransposed ? a.count / pair.rank : 0
      hasher.add(pair.isTransposed ? (0..<a.count).map { a[$0 % pair.rank * columns + $0 / pair.rank] } : a)
      hasher.add(try pair.valuesOfB())
    }
    var reader = ExpertFactorReader { try RowSource($0).floats() }
    for (name, updates) in experts.sorted(by: { $0.key < $1.key }) {
      hasher.add(name)
      for update in updates.sorted(by: { $0.firstRow < $1.firstRow }) {
        for number in update.experts.indices {
          guard let factors = try reader.factors(of: number, in: update), !factors.areZero else { continue }
          hasher.add([Float(number), factors.scale, Float(factors.rank)])
          hasher.add(factors.a)
          hasher.add(factors.b)
        }
      }
    }
    return hasher.end()
  }
}

extension RowSource {
  init(_ factor: BoundAdapter.Factor) {
    self.init(file: factor.file, tensor: factor.tensor, rows: factor.rows, permutation: factor.permutation)
  }
}
