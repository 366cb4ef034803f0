internal import AloraAdapters
internal import AloraModels

/// The factors of one expert in one tensor of the base.
struct FactorsOfExpert {
  /// [r, in]
  let a: [Float]
  /// [out, r]
  let b: [Float]
  let rank: Int
  let scale: Float

  /// A converted adapter has zeros for an expert that the adapter leaves out.
  var areZero: Bool { a.allSatisfy { $0 == 0 } && b.allSatisfy { $0 == 0 } }
}

/// Reads factors of experts. The two tensors that were read last are kept, because one has the factors of many experts.
struct ExpertFloats {
  private var kept: [(factor: BoundAdapter.Factor, values: [Float])] = []

  private mutating func floats(of factor: BoundAdapter.Factor) throws -> [Float] {
    if let found = kept.first(where: { $0.factor.tensor == factor.tensor && $0.factor.file === factor.file }) {
      return found.values
    }
    let values = try RowSource(factor).floats()
    kept = kept.suffix(1) + [(factor, values)]
    return values
  }

  /// Nil for an expert that stays as it is.
  ///
  /// - Throws: ``FileError``; ``InferenceError`` `unsupportedType`.
  mutating func factors(of number: Int, in update: BoundAdapter.ExpertUpdate) throws -> FactorsOfExpert? {
    guard let expert = update.experts[number] else { return nil }
    let a = try floats(of: expert.a)
    let b = try floats(of: expert.b)
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

/// Makes the updates of experts.
struct ExpertFactors {
  let isDense: Bool
  let arena: WeightArena
  private var floats = ExpertFloats()

  init(isDense: Bool, arena: WeightArena) {
    self.isDense = isDense
    self.arena = arena
  }

  /// The updates of one product of all experts; nil if the adapter has none.
  ///
  /// - Throws: ``FileError``; ``InferenceError`` `unsupportedType`.
  mutating func update(_ matrices: [GraphMatrix], _ parts: AdapterParts) throws -> ModuleUpdate? {
    var updates: [LowRankUpdate?] = []
    for (number, matrix) in matrices.enumerated() {
      let factors = try Self.factors(of: number, matrix, parts, &floats)
      updates.append(factors.map { update($0, matrix) })
    }
    return updates.contains { $0 != nil } ? ModuleUpdate(updates) : nil
  }

  private func update(_ factors: FactorsOfExpert, _ matrix: GraphMatrix) -> LowRankUpdate {
    LowRankUpdate(
      a: WeightMatrix(
        factors.a, rowCount: factors.rank, columnCount: matrix.columnCount, isDense: isDense, arena: arena),
      b: WeightMatrix(factors.b, rowCount: matrix.rowCount, columnCount: factors.rank, isDense: isDense, arena: arena),
      scale: factors.scale)
  }

  /// The factors of one expert's matrix, which may be some rows of what the base's tensor has for the expert.
  static func factors(
    of number: Int, _ matrix: GraphMatrix, _ parts: AdapterParts, _ floats: inout ExpertFloats
  ) throws -> FactorsOfExpert? {
    for place in [matrix.gguf] + matrix.otherGGUF {
      guard let update = parts.experts[place.name], let all = try floats.factors(of: number, in: update) else {
        continue
      }
      let first = place.rows.lowerBound - number * update.outputCount
      let rows = (first * all.rank)..<((first + matrix.rowCount) * all.rank)
      return FactorsOfExpert(a: all.a, b: Array(all.b[rows]), rank: all.rank, scale: all.scale)
    }
    return nil
  }
}
