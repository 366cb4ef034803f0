internal import AloraAdapters
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

/// What an adapter adds to some rows of a matrix in a tensor of the base.
struct MatrixUpdate {
  /// Where the factors are, and how they lie to the tensor.
  enum Factors {
    /// Factors of one module. The maps give the row of B for each row of the tensor, -1 for a row that doesn't change, and
    /// the column of A for each column; nil if nothing moves. For a transposed tensor, rows and columns are exchanged.
    case module(BoundAdapter.Member, rowMap: [Int]?, columnMap: [Int]?)
    /// Those rows of an expert's update.
    case expert(BoundAdapter.ExpertUpdate, number: Int, rows: Range<Int>)
  }

  let module: String
  /// Which of the tensor's matrices; 0 if it is one.
  let matrix: Int
  /// The rows of the matrix.
  let rows: Range<Int>
  let factors: Factors
  /// Whether the tensor's rows are the module's inputs.
  let isTransposed: Bool
  /// Whether the update is rounded to the tensor's type before it is added; see ``BoundAdapter/Member/isRoundedFirst``.
  let isRoundedFirst: Bool
}

extension BoundAdapter.Member {
  /// Whether PEFT rounds the update to the weight's type before it adds it: for parameters and embeddings, and not for linear
  /// modules and DoRA.
  ///
  /// Source: PEFT 0.21.2 `tuners/lora/layer.py` (`ParamWrapper.get_delta_weight`, `Embedding.merge`).
  var isRoundedFirst: Bool { magnitude == nil && (isParameter || module.kind == .embedding) }
}

/// What an update is made of, in the tensor's order of rows and columns.
struct LoadedUpdate {
  let product: LowRankProduct
  let scale: Float
  /// DoRA's norms, one for each output: the tensor's rows, or its columns if it is transposed.
  let magnitude: [Float]?
}

/// Reads the factors of updates.
struct UpdateReader {
  private var experts = ExpertFactorReader { try Self.elements(of: $0.tensor, in: $0.file) }
  private static let chunkElementCount = 1 << 18

  /// - Throws: ``FileError``; ``AdapterError`` `notFinite`.
  mutating func load(_ update: MatrixUpdate) throws -> LoadedUpdate? {
    switch update.factors {
    case .module(let member, let rowMap, let columnMap):
      return try Self.load(member, rowMap: rowMap, columnMap: columnMap, isTransposed: update.isTransposed)
    case .expert(let experts, let number, let rows):
      guard let expert = experts.experts[number], let found = try self.experts.factors(of: number, in: experts) else {
        return nil
      }
      let b = Array(found.b[(rows.lowerBound * found.rank)..<(rows.upperBound * found.rank)])
      let magnitude = try expert.magnitude.map { factor in
        let values = try Self.elements(of: factor.tensor, in: factor.file)
        return rows.map { values[experts.sourceRow(of: $0)] }
      }
      let inputs = experts.inputCount
      return LoadedUpdate(
        product: update.isTransposed
          ? LowRankProduct(
            left: Self.transposed(found.a, columnCount: inputs),
            right: Self.transposed(b, columnCount: found.rank), rank: found.rank, columnCount: rows.count)
          : LowRankProduct(left: b, right: found.a, rank: found.rank, columnCount: inputs),
        scale: expert.scale, magnitude: magnitude)
    }
  }

  private static func load(
    _ member: BoundAdapter.Member, rowMap: [Int]?, columnMap: [Int]?, isTransposed: Bool
  ) throws -> LoadedUpdate {
    let (pair, rank) = (member.pair, member.rank)
    // [r, in] and [out, r]
    var a = try elements(of: pair.a, in: member.fileOfA)
    if pair.hasInputRows { a = transposed(a, columnCount: rank) }
    var b = try elements(of: pair.b, in: member.fileOfB)
    if pair.isOutputMinor { b = transposed(b, columnCount: pair.outputCount) }
    var magnitude = try member.magnitude.map { try elements(of: $0.tensor, in: $0.file) }
    if let rowMap {
      var moved = [Float](repeating: 0, count: rowMap.count * rank)
      for (row, source) in rowMap.enumerated() where source >= 0 {
        for k in 0..<rank { moved[row * rank + k] = b[source * rank + k] }
      }
      b = moved
      magnitude = magnitude.map { values in rowMap.map { $0 < 0 ? 1 : values[$0] } }
    }
    if let columnMap {
      let width = pair.inputCount
      var moved = [Float](repeating: 0, count: rank * columnMap.count)
      for k in 0..<rank {
        for (column, source) in columnMap.enumerated() { moved[k * columnMap.count + column] = a[k * width + source] }
      }
      a = moved
    }
    let (inputs, outputs) = (a.count / rank, b.count / rank)
    return LoadedUpdate(
      product: isTransposed
        ? LowRankProduct(
          left: transposed(a, columnCount: inputs), right: transposed(b, columnCount: rank), rank: rank,
          columnCount: outputs)
        : LowRankProduct(left: b, right: a, rank: rank, columnCount: inputs),
      scale: Float(member.scaling.value), magnitude: magnitude)
  }

  private static func transposed(_ values: [Float], columnCount: Int) -> [Float] {
    let rowCount = values.count / columnCount
    guard rowCount > 1, columnCount > 1 else { return values }
    return unsafe [Float](unsafeUninitializedCapacity: values.count) { buffer, count in
      for row in 0..<rowCount {
        for column in 0..<columnCount { unsafe buffer[column * rowCount + row] = values[row * columnCount + column] }
      }
      count = values.count
    }
  }

  /// All elements of a factor.
  private static func elements(of tensor: TensorDescription, in file: MappedFile) throws -> [Float] {
    var all: [Float] = []
    all.reserveCapacity(tensor.shape.elementCount)
    var chunk: [Float] = []
    var first = 0
    // Whole blocks of every type: none has more than 256 elements, and all are powers of two.
    while first < tensor.shape.elementCount {
      let count = min(chunkElementCount, tensor.shape.elementCount - first)
      try ElementConversion.widen(tensor, first..<(first + count), in: file, into: &chunk)
      guard ElementConversion.largestMagnitude(chunk).isFinite else {
        throw AdapterError.notFinite(file.path, tensor: tensor.name)
      }
      all += chunk
      first += count
    }
    return all
  }
}
