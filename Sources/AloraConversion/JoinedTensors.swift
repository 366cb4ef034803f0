internal import AloraAdapters
internal import AloraModels
internal import AloraTensors

extension ConversionPlan {
  /// A module's part of a tensor that several modules share.
  struct Block: Hashable, Sendable {
    let gather: Gather
    let firstRow: Int
    let firstColumn: Int
    /// What its elements are multiplied by.
    let factor: Double
  }
}

/// Updates of modules that share a tensor of the base, as one update: their A factors one below the other, their B
/// factors along the diagonal.
struct JoinedTensors {
  private struct Member {
    let part: WeightTarget.Part
    let a: Gather
    let b: Gather
    let scaling: Double
  }

  private let alpha: Float
  private var members: [String: [Member]] = [:]
  private var order: [String] = []

  /// - Parameter alpha: the file's.
  init(alpha: Float) { self.alpha = alpha }

  mutating func add(_ target: WeightTarget, _ part: WeightTarget.Part, a: Gather, b: Gather, scaling: Double) {
    if members[target.tensorName] == nil { order.append(target.tensorName) }
    members[target.tensorName, default: []].append(Member(part: part, a: a, b: b, scaling: scaling))
  }

  func tensors(outputType: OutputType) -> [ConversionPlan.Tensor] {
    order.flatMap { name -> [ConversionPlan.Tensor] in
      guard let found = members[name]?.sorted(by: { $0.part.firstRow < $1.part.firstRow }), let first = found.first,
        let sourceA = first.a.firstSource, let sourceB = first.b.firstSource
      else { return [] }
      let rank = found.reduce(0) { $0 + $1.a.rowCount }
      let engine = GGUFAdapterFormat.scale(alpha: alpha, rank: rank)
      let (columns, rows) = (first.a.columnCount, first.part.tensorRowCount)
      let experts = first.a.isStacked ? [first.a.sliceCount] : []
      guard let shapeA = Shape(experts + [rank, columns]), let shapeB = Shape(experts + [rows, rank]) else { return [] }
      var blocksA: [ConversionPlan.Block] = []
      var blocksB: [ConversionPlan.Block] = []
      var row = 0
      for member in found {
        let factor = engine == Float(member.scaling) ? 1 : member.scaling / Double(engine)
        blocksA.append(ConversionPlan.Block(gather: member.a, firstRow: row, firstColumn: 0, factor: 1))
        blocksB.append(
          ConversionPlan.Block(gather: member.b, firstRow: member.part.firstRow, firstColumn: row, factor: factor))
        row += member.a.rowCount
      }
      func tensor(_ suffix: String, _ shape: Shape, _ source: TensorDescription, _ blocks: [ConversionPlan.Block])
        -> ConversionPlan.Tensor
      {
        ConversionPlan.Tensor(
          name: name + suffix, dtype: outputType.dtype(columnCount: shape.columnCount), shape: shape, source: source,
          rows: 0..<shape.rowCount, permutation: .none, isTransposed: false, factor: 1, blocks: blocks)
      }
      return [
        tensor(GGUFAdapterFormat.suffixA, shapeA, sourceA, blocksA),
        tensor(GGUFAdapterFormat.suffixB, shapeB, sourceB, blocksB),
      ]
    }
  }
}
