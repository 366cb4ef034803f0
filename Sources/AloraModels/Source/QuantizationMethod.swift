internal import AloraSystem
internal import AloraJSON

/// How the weights beside a configuration were quantized, when its `quantization_config` says so.
///
/// Source: transformers `utils/quantization_config.py` (`QuantizationMethod`).
package struct QuantizationMethod: Sendable {
  let name: String
  /// Whether the weights are floats of eight bits with scales beside them, which can be widened.
  package let isEightBitFloat: Bool
  /// The rows and columns that share a scale, where the configuration names them.
  package let blockShape: (rows: Int, columns: Int)?
  private let place: String

  /// Nil if the configuration names none.
  init?(configuration json: JSON) throws {
    var found = try json[optional: "quantization_config"]
    if found == nil { found = try json[optional: "text_config"]?[optional: "quantization_config"] }
    // Older files of compressed-tensors.
    if found == nil { found = try json[optional: "compression_config"] }
    guard let found, found.kind == .object else { return nil }
    place = found.jsonPath
    let method = try found[optional: "quant_method"]?.string()
    let isFourBit = try found[optional: "load_in_4bit"]?.boolean() ?? false
    let isEightBit = try found[optional: "load_in_8bit"]?.boolean() ?? false
    switch method?.lowercased() {
    case "gptq": name = "GPTQ"
    case "awq": name = "AWQ"
    case "fp8", "fbgemm_fp8": name = "FP8"
    case "mxfp4": name = "MXFP4"
    case let other?: name = other + (isFourBit ? " (4-bit)" : isEightBit ? " (8-bit)" : "")
    case nil: name = isFourBit || isEightBit ? "bitsandbytes" : "an unknown method"
    }
    isEightBitFloat = try Self.isEightBitFloat(found, method: method?.lowercased())
    blockShape = try Self.blockShape(found)
  }

  /// Source: transformers' `FineGrainedFP8Config` and `FbgemmFp8Config`; compressed-tensors' `QuantizationConfig`;
  /// ModelOpt's `hf_quant_config.json`.
  private static func isEightBitFloat(_ json: JSON, method: String?) throws -> Bool {
    switch method {
    case "fp8", "fbgemm_fp8": return true
    case "modelopt": return try json[optional: "quant_algo"]?.string().hasPrefix("FP8") ?? false
    case "compressed-tensors":
      let weights = try weights(json)
      return try !weights.isEmpty
        && weights.allSatisfy { weights in
          try weights[optional: "num_bits"]?.integer() == 8 && weights[optional: "type"]?.string() == "float"
        }
    default: return false
    }
  }

  private static func blockShape(_ json: JSON) throws -> (rows: Int, columns: Int)? {
    var shape = try json[optional: "weight_block_size"]
    if shape == nil { shape = try weights(json).first?[optional: "block_structure"] }
    guard let shape, shape.kind == .array else { return nil }
    let extents = try shape.integers(in: 1...(1 << 20))
    return extents.count == 2 ? (extents[0], extents[1]) : nil
  }

  /// The descriptions of the weights in a configuration of compressed-tensors, one for each group of layers.
  private static func weights(_ json: JSON) throws -> [JSON] {
    guard let groups = try json[optional: "config_groups"], groups.kind == .object else { return [] }
    return try groups.members().compactMap { try $0.value[optional: "weights"] }
  }

  /// Microscaling 4-bit floats, which the experts of some architectures are published in.
  var isMXFP4: Bool { name == "MXFP4" }

  package func refusal(path: String) -> ArchitectureError {
    ArchitectureError(
      .quantizedWeights, path: path, place: place, problem: "the weights are quantized with \(name)",
      remedy: "use the model before it was quantized, or a GGUF")
  }
}
