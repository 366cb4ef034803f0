import Foundation

/// Builds a small PEFT adapter on disk, well made or with one thing wrong.
///
/// The default fits testdata/conversion/bases/llama: two layers, hidden size 64, 4 heads of 16 and 2 key-value heads.
package struct AdapterBuilder {
  package struct Tensor {
    package var name: String
    package var dtype = "F32"
    package var shape: [Int]
    package var bytes: [UInt8]
    /// Overrides `data_offsets`.
    package var offsets: [Int]?

    package init(_ name: String, _ shape: [Int], _ values: [Float]) {
      self.name = name
      self.shape = shape
      bytes = values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
    }
  }

  /// The members of adapter_config.json as JSON texts, in order.
  package var configuration: [(String, String)] = [
    ("peft_type", "\"LORA\""), ("r", "4"), ("lora_alpha", "8"), ("target_modules", "[\"q_proj\", \"o_proj\"]"),
    ("alora_invocation_tokens", "[5, 17, 6]"),
  ]
  package var tensors: [Tensor] = []
  /// The whole text of adapter_config.json, instead of `configuration`.
  package var configurationText: String?
  /// The whole bytes of the weights file, instead of `tensors`.
  package var weights: [UInt8]?
  /// The header's text, instead of one made from `tensors`.
  package var header: String?
  package var weightsName = "adapter_model.safetensors"

  package init() {
    for layer in 0..<2 {
      for (module, outputs) in [("q_proj", 64), ("o_proj", 64)] {
        let name = "base_model.model.model.layers.\(layer).self_attn.\(module)"
        tensors.append(Tensor("\(name).lora_A.weight", [4, 64], Self.values(4 * 64, seed: layer)))
        tensors.append(Tensor("\(name).lora_B.weight", [outputs, 4], Self.values(outputs * 4, seed: layer + 7)))
      }
    }
  }

  package static func values(_ count: Int, seed: Int) -> [Float] {
    (0..<count).map { Float(($0 * 37 + seed * 101) % 199 - 99) / 256 }
  }

  /// Sets a member of adapter_config.json; nil removes it.
  package mutating func set(_ name: String, _ json: String?) {
    if let json, let index = configuration.firstIndex(where: { $0.0 == name }) {
      configuration[index].1 = json
    } else if let json {
      configuration.append((name, json))
    } else {
      configuration.removeAll { $0.0 == name }
    }
  }

  package func write(to directory: String) throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let text = configurationText ?? "{" + configuration.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}"
    try Data(text.utf8).write(to: URL(fileURLWithPath: directory + "/adapter_config.json"))
    try Data(weights ?? safetensors()).write(to: URL(fileURLWithPath: directory + "/" + weightsName))
  }

  /// The bytes of the weights file.
  package func safetensors() -> [UInt8] {
    var data: [UInt8] = []
    var members: [String] = []
    for tensor in tensors {
      let offsets = tensor.offsets ?? [data.count, data.count + tensor.bytes.count]
      members.append(
        "\"\(tensor.name)\":{\"dtype\":\"\(tensor.dtype)\",\"shape\":\(tensor.shape),\"data_offsets\":\(offsets)}")
      data += tensor.bytes
    }
    let text = Array((header ?? "{" + members.joined(separator: ",") + "}").utf8)
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text + data
  }
}
