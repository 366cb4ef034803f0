internal import AloraSystem
internal import AloraJSON

/// How the weights beside a configuration were quantized, when its `quantization_config` says so.
///
/// Source: transformers `utils/quantization_config.py` (`QuantizationMethod`).
struct QuantizationMethod {
  let name: String
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
  }

  func refusal(path: String) -> ArchitectureError {
    ArchitectureError(
      .quantizedWeights, path: path, place: place, problem: "the weights are quantized with \(name)",
      remedy: "use the model before it was quantized, or a GGUF")
  }
}
