internal import AloraModels
internal import CAloraKernels

extension Evaluator {
  /// output · (GELU (gate · x) * layer input) of all rows, with the adapters' changes.
  func run(_ network: Model.LayerInputNetwork, _ layer: Int, _ input: Rows, _ pass: Pass) {
    let (isa, size) = (isa, network.gate.rowCount)
    let (gate, all) = (pass.gate.with(columnCount: size), pass.layerInputs)
    multiply(input, [Product(matrix: network.gate, slot: .layer(.layerInputGate), output: gate)], layer, pass)
    forEachRow(pass.rowCount, packing: gate, in: pass) { rows in
      for row in rows {
        unsafe alora_gelu_tanh_multiply(isa, gate[row], all[row] + layer * size, gate[row], size)
      }
    }
    multiply(
      gate, [Product(matrix: network.output, slot: .layer(.layerInputOutput), output: pass.output)], layer, pass)
  }
}
