internal import AloraModels
internal import AloraSystem

extension ModuleLocator {
  /// Where a stack of experts, as MLX has it, goes: the base's parameter or first expert, and its GGUF tensor.
  ///
  /// MLX splits fused parameters (`gate_up_proj`) and calls its modules otherwise than transformers (`switch_mlp`,
  /// `switch_glu`, `experts`). The last part of the name tells which of an expert's weights it is.
  ///
  /// Source: mlx-lm `mlx_lm/models/switch_layers.py` (`SwitchGLU`, `SwitchMLP`).
  ///
  /// - Throws: `unknownModule`, `wrongShape`, `neverApplied`.
  func stack(of pair: FactorPair) throws(AdapterError) -> (module: WeightModule, target: WeightTarget) {
    let parts = pair.module.split(separator: ".")
    let names = [
      "gate_proj": "ffn_gate_exps", "up_proj": "ffn_up_exps", "down_proj": "ffn_down_exps", "fc1": "ffn_up_exps",
      "fc2": "ffn_down_exps",
    ]
    guard let leaf = parts.last, let name = names[String(leaf)], let layer = parts.lazy.compactMap({ Int($0) }).first
    else {
      throw error(
        .unknownModule, pair, "it is a stack of experts of an unknown kind",
        "train the experts' gate_proj, up_proj and down_proj")
    }
    let tensorName = "blk.\(layer).\(name).weight"
    for module in base.modules(ofTensor: tensorName) {
      guard let target = module.targets.first(where: { $0.tensorName == tensorName }) else { continue }
      let count = module.expertCount
      guard pair.stackCounts == (count, count), pair.inputCount == module.inputCount,
        pair.outputCount == target.rowCount
      else {
        throw error(
          .wrongShape, pair,
          "the adapter has \(pair.stackCounts.a) experts that map \(pair.inputCount) inputs to \(pair.outputCount) outputs, "
            + "the base \(count) that map \(module.inputCount) to \(target.rowCount)", adapter.baseRemedy)
      }
      try checkApplied(module)
      return (module, target)
    }
    let joined = "blk.\(layer).ffn_gate_up_exps.weight"
    throw base.modules(ofTensor: joined).isEmpty
      ? error(
        .unknownModule, pair, "the base (\(base.architectureName)) has no experts there: no \(tensorName)",
        adapter.baseRemedy)
      : error(
        .unknownModule, pair,
        "the base has the experts' gate_proj and up_proj in one tensor, and MLX's factors are apart",
        "give a base with separate \(name) tensors")
  }
}
