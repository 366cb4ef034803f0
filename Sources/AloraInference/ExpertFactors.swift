internal import AloraAdapters
internal import AloraModels

/// Makes the updates of experts.
struct ExpertFactors {
  let isDense: Bool
  let arena: WeightArena
  private var reader = ExpertFactorReader { try RowSource($0).floats() }

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
      let factors = try Self.factors(of: number, matrix, parts, &reader)
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
    of number: Int, _ matrix: GraphMatrix, _ parts: AdapterParts, _ reader: inout ExpertFactorReader
  ) throws -> FactorsOfExpert? {
    for place in [matrix.gguf] + matrix.otherGGUF {
      for update in parts.experts[place.name] ?? [] {
        let first = place.rows.lowerBound - number * update.tensorRowCount - update.firstRow
        guard first >= 0, first + matrix.rowCount <= update.outputCount,
          let all = try reader.factors(of: number, in: update)
        else { continue }
        let rows = (first * all.rank)..<((first + matrix.rowCount) * all.rank)
        return FactorsOfExpert(a: all.a, b: Array(all.b[rows]), rank: all.rank, scale: all.scale)
      }
    }
    return nil
  }
}
