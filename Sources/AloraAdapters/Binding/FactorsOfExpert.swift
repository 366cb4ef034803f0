/// The factors of one expert in one tensor of the base, in GGUF's order of rows and columns.
package struct FactorsOfExpert: Sendable {
  /// Shape: [r, in]
  package let a: [Float]
  /// Shape: [out, r]
  package let b: [Float]
  package let rank: Int
  package let scale: Float

  package init(a: [Float], b: [Float], rank: Int, scale: Float) {
    self.a = a
    self.b = b
    self.rank = rank
    self.scale = scale
  }

  /// A converted adapter has zeros for an expert that the adapter leaves out.
  package var areZero: Bool { a.allSatisfy { $0 == 0 } && b.allSatisfy { $0 == 0 } }
}

/// Reads factors of experts. The two tensors that were read last are kept, because one has the factors of many experts.
package struct ExpertFactorReader {
  private let read: (BoundAdapter.Factor) throws -> [Float]
  private var kept: [(factor: BoundAdapter.Factor, values: [Float])] = []

  /// - Parameter read: gives the elements of a factor's tensor.
  package init(_ read: @escaping (BoundAdapter.Factor) throws -> [Float]) { self.read = read }

  private mutating func values(of factor: BoundAdapter.Factor) throws -> [Float] {
    if let found = kept.first(where: { $0.factor.tensor == factor.tensor && $0.factor.file === factor.file }) {
      return found.values
    }
    let values = try read(factor)
    kept = kept.suffix(1) + [(factor, values)]
    return values
  }

  /// Nil for an expert that stays as it is.
  ///
  /// - Throws: what reading a tensor throws.
  package mutating func factors(of number: Int, in update: BoundAdapter.ExpertUpdate) throws -> FactorsOfExpert? {
    guard let expert = update.experts[number] else { return nil }
    let a = try values(of: expert.a)
    let b = try values(of: expert.b)
    let (rank, inputs, outputs) = (expert.rank, update.inputCount, update.outputCount)
    var factors = (a: [Float](), b: [Float]())
    factors.a.reserveCapacity(rank * inputs)
    factors.b.reserveCapacity(rank * outputs)
    let (sourceA, sourceB) = update.isSwapped ? (b, a) : (a, b)
    for row in 0..<rank {
      for column in 0..<inputs { factors.a.append(sourceA[update.placeInA(number, row: row, column: column)]) }
    }
    for row in 0..<outputs {
      for column in 0..<rank { factors.b.append(sourceB[update.placeInB(number, row: row, column: column)]) }
    }
    return FactorsOfExpert(a: factors.a, b: factors.b, rank: rank, scale: expert.scale)
  }
}
