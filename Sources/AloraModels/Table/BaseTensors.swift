internal import AloraGGUF
internal import AloraTensors

/// The tensors of a base's GGUF, which decide where an adapter's factors go.
struct BaseTensors: Sendable {
  private let file: GGUFFileSet

  init(_ file: GGUFFileSet) { self.file = file }

  func shape(_ name: String) -> [Int]? { file.tensor(named: name)?.shape.dimensions }

  /// The targets as the file has them: themselves, the one tensor that holds them all together, or parts of a tensor
  /// that other modules share.
  ///
  /// - Parameter rowCount: how many rows another tensor of the layer would have if the file had it.
  /// - Returns: nil if the file has none of these, or with other shapes.
  func fit(
    _ targets: [WeightTarget], experts: Int?, columnCount: Int, kind: WeightModule.Kind, rowCount: (String) -> Int?
  ) -> [WeightTarget]? {
    if kind == .outputLayer, let name = targets.first?.tensorName, shape(name) == nil { return targets }
    if targets.allSatisfy({ fits($0.tensorName, [experts, $0.rowCount, columnCount]) }) { return targets }
    if let joined = joined(targets), fits(joined.tensorName, [experts, joined.rowCount, columnCount]) {
      return [joined]
    }
    let parts = targets.compactMap { target in
      fits(target.tensorName, [experts, target.rowCount, columnCount])
        ? target : part(target, experts: experts, columnCount: columnCount, rowCount: rowCount)
    }
    return parts.count == targets.count ? parts : nil
  }

  /// Whether the file has the tensor, or one that it is a part of.
  func hasJoined(_ name: String) -> Bool { Self.joined(name).map { shape($0.name) != nil } ?? false }

  private func fits(_ name: String, _ extents: [Int?]) -> Bool { shape(name) == extents.compactMap(\.self) }

  /// Tensors that llama.cpp's converter can write as one, with their rows one after the other.
  ///
  /// Source: llama.cpp `conversion/base.py` (`modify_tensors`: `fuse_gate_up_exps`, `fuse_qkv`).
  private static let joins: KeyValuePairs<String, [String]> = [
    "ffn_gate_up_exps": ["ffn_gate_exps", "ffn_up_exps"], "attn_qkv": ["attn_q", "attn_k", "attn_v"],
  ]

  /// The joined tensor that a tensor may be a part of, and all of its parts.
  private static func joined(_ name: String) -> (name: String, parts: [String])? {
    let pieces = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard pieces.count >= 2, pieces.last == "weight" else { return nil }
    func named(_ leaf: String) -> String { (pieces.dropLast(2) + [leaf, "weight"]).joined(separator: ".") }
    guard let join = joins.first(where: { $0.value.contains(pieces[pieces.count - 2]) }) else { return nil }
    return (named(join.key), join.value.map(named))
  }

  /// A target as rows of the tensor that it shares with other modules.
  private func part(
    _ target: WeightTarget, experts: Int?, columnCount: Int, rowCount: (String) -> Int?
  ) -> WeightTarget? {
    guard let (name, parts) = Self.joined(target.tensorName) else { return nil }
    var first = 0
    var total = 0
    for other in parts {
      guard let count = other == target.tensorName ? target.rowCount : rowCount(other) else { return nil }
      if other == target.tensorName { first = total }
      total += count
    }
    guard fits(name, [experts, total, columnCount]) else { return nil }
    return WeightTarget(
      tensorName: name, rows: target.rows, permutation: target.permutation, columns: target.columns,
      factors: target.factors, part: WeightTarget.Part(firstRow: first, tensorRowCount: total))
  }

  /// The targets of one module as one: `ffn_gate_exps` and `ffn_up_exps` as `ffn_gate_up_exps`.
  private func joined(_ targets: [WeightTarget]) -> WeightTarget? {
    guard let first = targets.first, let (name, parts) = Self.joined(first.tensorName),
      parts == targets.map(\.tensorName), targets.allSatisfy({ $0.columns == first.columns && $0.factors.isEmpty })
    else { return nil }
    let extent = targets.map(\.rows.upperBound).max() ?? 0
    let orders = targets.compactMap { target -> ElementOrder? in
      let start = target.rows.lowerBound
      switch target.permutation {
      case .none: return ElementOrder([(start, [(target.rows.count, 1)])], extent: extent)
      case .order(let order): return order.shifted(by: start, extent: extent)
      case .halvesToPairs(let headDimension):
        let heads = target.rows.count / headDimension
        return ElementOrder(
          [(start, [(heads, headDimension), (headDimension / 2, 1), (2, headDimension / 2)])], extent: extent)
      case .pairsToHalves(let headDimension, let rotaryDimension):
        let half = rotaryDimension / 2
        return ElementOrder(
          stride(from: start, to: target.rows.upperBound, by: headDimension).flatMap { head in
            [(head, [(half, 2)]), (head + 1, [(half, 2)])]
              + (rotaryDimension < headDimension
                ? [(head + rotaryDimension, [(headDimension - rotaryDimension, 1)])] : [])
          }, extent: extent)
      }
    }
    guard orders.count == targets.count, let order = ElementOrder.joined(orders, extent: extent) else { return nil }
    return WeightTarget(
      tensorName: name, rows: 0..<extent, permutation: order.isIdentity(of: extent) ? .none : .order(order),
      columns: first.columns, factors: [])
  }
}
