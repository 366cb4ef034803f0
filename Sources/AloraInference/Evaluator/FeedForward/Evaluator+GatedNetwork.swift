internal import AloraModels
internal import CAloraKernels

extension Evaluator {
  /// down · (activation (gate · x) * (up · x)) of all rows, with the adapters' changes.
  func run(_ network: Model.Network, _ layer: Int, _ input: Rows, _ pass: Pass, into output: Rows) {
    let width = network.gate.rowCount
    let (gate, up) = (pass.gate.with(columnCount: width), pass.up.with(columnCount: width))
    multiply(
      input,
      [
        Product(matrix: network.gate, slot: .layer(.gate), output: gate),
        Product(matrix: network.up, slot: .layer(.up), output: up),
      ], layer, pass)
    activate(gate, up, network, count: pass.rowCount, pass)
    multiply(gate, [Product(matrix: network.down, slot: .layer(.down), output: output)], layer, pass)
  }

  /// gate = activation (cut-off (multiplier · gate)) * up, in place and packed.
  func activate(_ gate: Rows, _ up: Rows, _ network: Model.Network, count: Int, _ pass: Pass) {
    let (isa, multiplier) = (isa, network.gateMultiplier)
    forEachRow(count, packing: gate, in: pass) { rows in
      let (x, y) = unsafe (gate[rows.lowerBound], up[rows.lowerBound])
      let elementCount = rows.count * gate.columnCount
      if multiplier != 1 { unsafe alora_scale_by(isa, multiplier, x, x, elementCount) }
      if let cutOff = network.cutOff {
        let width = gate.columnCount
        unsafe alora_cut_off(isa, x, width, cutOff, x, width, rows.count, width)
      }
      switch network.activation {
      case .silu: unsafe alora_silu_multiply(isa, x, y, x, elementCount)
      case .geluTanh: unsafe alora_gelu_tanh_multiply(isa, x, y, x, elementCount)
      case .clampedSwish(let slope, let limit):
        unsafe alora_clamped_swish_multiply(isa, slope, limit, x, y, x, elementCount)
      }
    }
  }
}
