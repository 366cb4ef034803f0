/// The format of a LoRA adapter in GGUF: keys, names, limits and the alpha rule. The reader and the writer both use
/// only these.
///
/// Source: llama.cpp `src/llama-adapter.cpp` and `src/llama-adapter.h`, `gguf-py/gguf/constants.py`, build 11434.
package enum GGUFAdapterFormat {
  package enum Key {
    package static let type = "general.type"
    package static let architecture = "general.architecture"
    package static let fileType = "general.file_type"
    package static let quantizationVersion = "general.quantization_version"
    package static let adapterType = "adapter.type"
    package static let alpha = "adapter.lora.alpha"
    package static let invocationTokens = "adapter.alora.invocation_tokens"
    package static let adapterPrefix = "adapter."
    /// The `general.*` keys that say what the weights are, or how the file is read.
    package static let ofWeights: Set = [architecture, type, fileType, quantizationVersion, "general.alignment"]
  }

  /// The value of ``Key/type``.
  package static let type = "adapter"
  /// The value of ``Key/adapterType``.
  package static let adapterType = "lora"

  /// Shape: [r, in]; of the token embedding, [vocabulary, r].
  package static let suffixA = ".lora_a"
  /// Shape: [out, r].
  package static let suffixB = ".lora_b"
  /// llama.cpp silently skips tensors with this ending.
  package static let skippedSuffix = "_norm.weight"
  package static let embeddingTensor = "token_embd.weight"

  /// The largest number of invocation tokens.
  package static let invocationLimit = 1 << 16

  /// llama.cpp's factor of B · A, in f32. An alpha of 0, or a missing one, means scale 1.
  ///
  /// Source: `llama_adapter_lora_weight::get_scale`.
  package static func scale(alpha: Float, rank: Int) -> Float { alpha == 0 ? 1 : alpha / Float(rank) }

  /// The name of the base's tensor that a factor belongs to; nil if the factor's name has neither suffix.
  package static func factor(_ name: String) -> (base: String, isA: Bool)? {
    if name.hasSuffix(suffixA) { return (String(name.dropLast(suffixA.count)), true) }
    if name.hasSuffix(suffixB) { return (String(name.dropLast(suffixB.count)), false) }
    return nil
  }
}
