internal import AloraModels
internal import CAloraKernels

extension Evaluator {
  /// x + norm (up · (down · x)) of all rows, with the adapters' changes.
  func run(_ network: Model.BottleneckNetwork, _ layer: Int, _ input: Rows, _ pass: Pass) {
    let (isa, inner, output) = (isa, pass.up.with(columnCount: network.down.rowCount), pass.output)
    multiply(input, [Product(matrix: network.down, slot: .layer(.bottleneckDown), output: inner)], layer, pass)
    pack(inner, count: pass.rowCount, in: pass)
    multiply(inner, [Product(matrix: network.up, slot: .layer(.bottleneckUp), output: output)], layer, pass)
    forEachRow(pass.rowCount) { rows in
      self.normalize(output, network.norm, into: output, rows)
      let y = unsafe output[rows.lowerBound]
      unsafe alora_add(isa, input[rows.lowerBound], y, y, rows.count * output.columnCount)
    }
  }
}
