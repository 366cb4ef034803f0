internal import AloraSystem
internal import AloraAdapters
internal import AloraModels
internal import AloraTensors

extension ConversionPlan {
  /// The two output tensors for each GGUF tensor that a parameter of experts becomes.
  ///
  /// A holds the experts one after the other, [E · r, in]; B has them innermost, [out, r · E].
  ///
  /// - Parameter natural: whether A is of the inputs.
  static func tensors(
    _ member: BoundAdapter.Member, _ experts: WeightModule.Experts, factor: Double, isNatural natural: Bool,
    outputType: OutputType
  ) -> [Tensor] {
    let (pair, module, rank) = (member.pair, member.module, member.rank)
    let stacked = experts.count * rank
    return module.targets.flatMap { target -> [Tensor] in
      guard let shapeA = Shape([experts.count, rank, module.inputCount]),
        let shapeB = Shape([experts.count, target.rowCount, rank])
      else { return [] }
      func gather(
        _ source: TensorDescription, _ rows: Int, _ columns: Int, _ strides: (slice: Int, row: Int, column: Int),
        first: Int = 0, rowOrder: RowPermutation = .none, columnOrder: RowPermutation = .none
      ) -> Gather {
        Gather(
          sources: [source], isShared: true, sliceCount: experts.count, rowCount: rows, columnCount: columns,
          sliceStride: strides.slice, rowStride: strides.row, columnStride: strides.column, firstRow: first,
          rowOrder: rowOrder, columnOrder: columnOrder, rowFactors: [])
      }
      let (sourceA, sourceB) = natural ? (pair.a, pair.b) : (pair.b, pair.a)
      let gatherA = gather(
        sourceA, rank, module.inputCount,
        natural ? (rank * module.inputCount, module.inputCount, 1) : (1, experts.count, stacked),
        columnOrder: target.columns)
      let gatherB = gather(
        sourceB, target.rowCount, rank,
        natural ? (1, stacked, experts.count) : (rank * module.outputCount, 1, module.outputCount),
        first: target.rows.lowerBound, rowOrder: target.permutation)
      return [
        Tensor(
          name: target.tensorName + GGUFAdapterFormat.suffixA, dtype: outputType.dtype(columnCount: module.inputCount),
          shape: shapeA,
          source: sourceA, rows: 0..<rank, permutation: .none, isTransposed: false, factor: 1, gather: gatherA),
        Tensor(
          name: target.tensorName + GGUFAdapterFormat.suffixB, dtype: outputType.dtype(columnCount: rank),
          shape: shapeB,
          source: sourceB, rows: target.rows, permutation: target.permutation, isTransposed: false, factor: factor,
          gather: gatherB),
      ]
    }
  }
}

/// Modules of single experts, which become stacks. An expert that an adapter leaves out gets zeros.
struct ExpertStacks {
  private struct Stack {
    let target: WeightTarget
    let inputCount: Int
    let rank: Int
    let factor: Double
    var a: [TensorDescription?]
    var b: [TensorDescription?]
  }

  private let path: String
  private var stacks: [String: Stack] = [:]
  private var order: [String] = []

  init(path: String) { self.path = path }

  mutating func add(_ member: BoundAdapter.Member, expert: Int, count: Int, factor: Double) throws {
    let pair = member.pair
    for target in member.module.targets {
      let name = target.tensorName
      if stacks[name] == nil {
        order.append(name)
        let none = [TensorDescription?](repeating: nil, count: count)
        stacks[name] = Stack(
          target: target, inputCount: pair.inputCount, rank: pair.rank, factor: factor, a: none, b: none)
      }
      guard let stack = stacks[name], stack.rank == pair.rank, stack.factor == factor,
        stack.target.rows == target.rows
      else {
        throw ConversionError(
          .unevenExperts, path: path, place: "module \(pair.module)",
          problem: "its rank or scaling differs from those of other experts that become \(name)",
          remedy: "train all experts with one rank and alpha")
      }
      stacks[name]?.a[expert] = pair.a
      stacks[name]?.b[expert] = pair.b
    }
  }

  func tensors(outputType: OutputType) throws -> [ConversionPlan.Tensor] {
    var tensors: [ConversionPlan.Tensor] = []
    for name in order {
      guard let stack = stacks[name], let a = stack.a.compactMap(\.self).first,
        let b = stack.b.compactMap(\.self).first,
        let shapeA = Shape([stack.a.count, stack.rank, stack.inputCount]),
        let shapeB = Shape([stack.b.count, stack.target.rowCount, stack.rank])
      else { continue }
      func gather(
        _ sources: [TensorDescription?], _ rows: Int, _ columns: Int, stride: Int, first: Int,
        _ rowOrder: RowPermutation,
        _ columnOrder: RowPermutation
      ) -> Gather {
        Gather(
          sources: sources, isShared: false, sliceCount: sources.count, rowCount: rows, columnCount: columns,
          sliceStride: 0, rowStride: stride, columnStride: 1, firstRow: first, rowOrder: rowOrder,
          columnOrder: columnOrder, rowFactors: [])
      }
      tensors.append(
        ConversionPlan.Tensor(
          name: name + GGUFAdapterFormat.suffixA, dtype: outputType.dtype(columnCount: stack.inputCount), shape: shapeA,
          source: a,
          rows: 0..<stack.rank, permutation: .none, isTransposed: false, factor: 1,
          gather: gather(
            stack.a, stack.rank, stack.inputCount, stride: stack.inputCount, first: 0, .none, stack.target.columns)))
      tensors.append(
        ConversionPlan.Tensor(
          name: name + GGUFAdapterFormat.suffixB, dtype: outputType.dtype(columnCount: stack.rank), shape: shapeB,
          source: b,
          rows: stack.target.rows, permutation: stack.target.permutation, isTransposed: false, factor: stack.factor,
          gather: gather(
            stack.b, stack.target.rowCount, stack.rank, stride: stack.rank, first: stack.target.rows.lowerBound,
            stack.target.permutation, .none)))
    }
    return tensors
  }
}
