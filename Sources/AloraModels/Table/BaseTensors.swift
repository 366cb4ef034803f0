internal import AloraGGUF
internal import AloraTensors

/// The tensors of a base's GGUF, which decide where an adapter's factors go.
struct BaseTensors: Sendable {
  private let file: GGUFFileSet

  init(_ file: GGUFFileSet) { self.file = file }

  func shape(_ name: String) -> [Int]? { file.tensor(named: name)?.shape.dimensions }

  /// The targets as the file has them: themselves, or the one tensor that holds them all together.
  ///
  /// - Returns: nil if the file has neither, or with other shapes.
  func fit(
    _ targets: [WeightTarget], experts: Int?, columnCount: Int, kind: WeightModule.Kind
  ) -> [WeightTarget]? {
    if kind == .outputLayer, let name = targets.first?.tensorName, shape(name) == nil { return targets }
    if targets.allSatisfy({ fits($0.tensorName, [experts, $0.rowCount, columnCount]) }) { return targets }
    guard let joined = joined(targets), fits(joined.tensorName, [experts, joined.rowCount, columnCount]) else {
      return nil
    }
    return [joined]
  }

  private func fits(_ name: String, _ extents: [Int?]) -> Bool { shape(name) == extents.compactMap(\.self) }

  /// `ffn_gate_exps` and `ffn_up_exps` as `ffn_gate_up_exps`.
  private func joined(_ targets: [WeightTarget]) -> WeightTarget? {
    guard targets.count == 2, targets[0].tensorName.hasSuffix(".ffn_gate_exps.weight"),
      targets[1].tensorName.hasSuffix(".ffn_up_exps.weight")
    else { return nil }
    let name = targets[0].tensorName.dropLast("ffn_gate_exps.weight".count) + "ffn_gate_up_exps.weight"
    let extent = targets.map(\.rows.upperBound).max() ?? 0
    let orders = targets.compactMap { target -> ElementOrder? in
      switch target.permutation {
      case .none: ElementOrder([(target.rows.lowerBound, [(target.rows.count, 1)])], extent: extent)
      case .order(let order): order
      case .halvesToPairs: nil
      }
    }
    guard orders.count == 2, let order = ElementOrder.joined(orders, extent: extent) else { return nil }
    let isWhole = order.count == extent && orders[0].runStart == 0 && orders[1].runStart == orders[0].count
    return WeightTarget(
      tensorName: String(name), rows: 0..<extent, permutation: isWhole ? .none : .order(order),
      columns: targets[0].columns, factors: [])
  }
}
