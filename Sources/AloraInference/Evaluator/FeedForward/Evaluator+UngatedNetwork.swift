internal import AloraModels
internal import CAloraKernels

extension Evaluator {
  /// down · (relu (up · x))² of all rows, with the adapters' changes.
  func run(_ network: Model.UngatedNetwork, _ layer: Int, _ input: Rows, _ pass: Pass) {
    let (isa, up) = (isa, pass.up.with(columnCount: network.up.rowCount))
    multiply(input, [Product(matrix: network.up, slot: .layer(.up), output: up)], layer, pass)
    forEachRow(pass.rowCount, packing: up, in: pass) { rows in
      let x = unsafe up[rows.lowerBound]
      unsafe alora_relu_squared(isa, x, x, rows.count * up.columnCount)
    }
    multiply(up, [Product(matrix: network.down, slot: .layer(.down), output: pass.output)], layer, pass)
  }
}
