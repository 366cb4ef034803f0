internal import AloraAdapters
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

/// What an adapter adds to one GGUF tensor of the base, in GGUF's order of rows and columns.
struct TensorUpdate {
  let name: String
  /// One, or one for each module that shares the tensor.
  private let parts: [BoundAdapter.Update]

  var rank: Int { parts.reduce(0) { $0 + $1.rank } }

  /// No factor comes near it; a hostile base could give a tensor any number of rows.
  static let elementLimit = 1 << 30

  static func all(of adapter: BoundAdapter) -> [TensorUpdate] {
    var parts: [String: [BoundAdapter.Update]] = [:]
    var order: [String] = []
    for update in adapter.updates {
      if parts[update.tensorName] == nil { order.append(update.tensorName) }
      parts[update.tensorName, default: []].append(update)
    }
    return order.map { name in
      TensorUpdate(name: name, parts: (parts[name] ?? []).sorted { $0.target.firstRow < $1.target.firstRow })
    }
  }

  /// Shape: [r, in]; of an embedding [vocabulary, r].
  func valuesOfA() throws -> [Float] { try parts.flatMap { try $0.valuesOfA() } }

  /// Shape: [out, r]. The factors of modules that share the tensor are along the diagonal, as a conversion joins them.
  func scaledValuesOfB() throws -> [Float] {
    guard let first = parts.first, !first.isInGGUFOrder, first.target.part != nil else {
      return try parts.flatMap { try $0.scaledValuesOfB() }
    }
    let (count, overflow) = first.target.tensorRowCount.multipliedReportingOverflow(by: rank)
    guard !overflow, count <= Self.elementLimit else {
      throw InspectionError(
        path: first.b.file.path, problem: "the factors of \(name) are too large to be compared", remedy: nil)
    }
    var all = [Float](repeating: 0, count: count)
    var column = 0
    for part in parts {
      let values = try part.scaledValuesOfB()
      for (index, value) in values.enumerated() {
        all[(part.target.firstRow + index / part.rank) * rank + column + index % part.rank] = value
      }
      column += part.rank
    }
    return all
  }
}

/// What an adapter adds to the experts in one GGUF tensor of the base, in GGUF's order of rows and columns.
struct ExpertTensorUpdate {
  /// The factors of one expert.
  typealias Factors = (a: [Float], scaledB: [Float], rank: Int)

  /// One, or one for each module that shares the tensor, in the order of their rows.
  private let parts: [BoundAdapter.ExpertUpdate]

  init(_ parts: [BoundAdapter.ExpertUpdate]) { self.parts = parts.sorted { $0.firstRow < $1.firstRow } }

  var expertCount: Int { parts.map(\.experts.count).max() ?? 0 }
  var largestRank: Int { parts.reduce(0) { $0 + $1.largestRank } }

  /// The factors of an expert; nil if it stays as it is. Those of modules that share the tensor are along the diagonal.
  ///
  /// - Throws: ``FileError``; ``InspectionError``.
  func factors(ofExpert number: Int, _ reader: inout ExpertFactorReader) throws -> Factors? {
    let found = try parts.map { part in
      let own = part.experts.indices.contains(number) ? try reader.factors(of: number, in: part) : nil
      return (part: part, factors: own ?? .zeros(like: part))
    }
    guard let rowCount = parts.first?.tensorRowCount, !found.allSatisfy({ $0.factors.areZero }) else { return nil }
    let rank = found.reduce(0) { $0 + $1.factors.rank }
    let (count, overflow) = rowCount.multipliedReportingOverflow(by: rank)
    guard !overflow, count <= TensorUpdate.elementLimit else {
      throw InspectionError(path: nil, problem: "the factors of an expert are too large to be compared", remedy: nil)
    }
    var b = [Float](repeating: 0, count: count)
    var column = 0
    for (part, factors) in found {
      for (index, value) in factors.b.enumerated() {
        b[(part.firstRow + index / factors.rank) * rank + column + index % factors.rank] = value * factors.scale
      }
      column += factors.rank
    }
    return (found.flatMap(\.factors.a), b, rank)
  }
}

extension FactorsOfExpert {
  /// Factors as other experts have them.
  fileprivate static func zeros(like part: BoundAdapter.ExpertUpdate) -> FactorsOfExpert {
    let rank = part.largestRank
    return FactorsOfExpert(
      a: [Float](repeating: 0, count: rank * part.inputCount), b: [Float](repeating: 0, count: rank * part.outputCount),
      rank: rank, scale: 1)
  }
}

extension BoundAdapter.ExpertUpdate {
  fileprivate var largestRank: Int { experts.compactMap { $0?.rank }.max() ?? 0 }
}

extension WeightTarget {
  fileprivate var firstRow: Int { part?.firstRow ?? 0 }
}

extension BoundAdapter.Update {
  /// Shape: [r, in]; of an embedding [vocabulary, r].
  fileprivate func valuesOfA() throws -> [Float] {
    let values = try a.values()
    let columns = values.count / max(rank, 1)
    if isTransposed { return values.indices.map { values[$0 % rank * columns + $0 / rank] } }
    guard !isInGGUFOrder, target.columns != .none else { return values }
    return (0..<rank).flatMap { row in
      (0..<columns).map { values[row * columns + target.columns.sourceRow(of: $0)] }
    }
  }

  /// Shape: [out, r]
  fileprivate func scaledValuesOfB() throws -> [Float] {
    var values = try b.values()
    if !isInGGUFOrder {
      if target.permutation != .none {
        values = (0..<target.rowCount).flatMap { row -> ArraySlice<Float> in
          let source = target.permutation.sourceRow(of: row)
          return values[(source * rank)..<((source + 1) * rank)]
        }
      }
      var first = 0
      for factor in target.factors {
        let end = min(first + factor.rowCount * rank, values.count)
        for index in first..<end { values[index] = Float(Double(values[index]) * factor.value) }
        first = end
      }
    }
    return values.map { $0 * scale }
  }
}

extension BoundAdapter.Factor {
  /// The elements of the rows that are meant, in the file's order.
  ///
  /// - Throws: ``FileError``; ``InspectionError`` for a type that isn't decoded.
  func values() throws -> [Float] {
    guard ElementConversion.canWiden(tensor.dtype) else {
      throw InspectionError(
        path: file.path, problem: "tensor \(tensor.name): elements of type \(tensor.dtype) aren't decoded", remedy: nil)
    }
    let bytes = try file.read(tensor.byteRange)
    var all: [Float] = []
    ElementConversion.widen(bytes, tensor.dtype, count: tensor.shape.elementCount, into: &all)
    let columns = isStoredByColumns ? tensor.shape.rowCount : tensor.shape.columnCount
    if isStoredByColumns {
      let stride = tensor.shape.columnCount
      all = (0..<all.count).map { all[$0 % columns * stride + $0 / columns] }
    }
    return Array(all[(rows.lowerBound * columns)..<(rows.upperBound * columns)])
  }
}
