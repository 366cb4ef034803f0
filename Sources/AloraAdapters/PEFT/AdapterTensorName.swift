/// The meaning of a tensor's name in `adapter_model.safetensors`.
///
/// PEFT saves `base_model.model.<module>.lora_A.weight`. In memory the adapter's name comes before `.weight`; some tools
/// save it that way (`….lora_A.default.weight`), or leave `base_model.model.` out.
/// Source: PEFT `utils/save_and_load.py`, llama.cpp `convert_lora_to_gguf.py` (`get_base_tensor_name`).
enum AdapterTensorName: Hashable, Sendable {
  enum Factor: Hashable, Sendable { case a, b }

  /// A factor of the update of a linear module or, with `isEmbedding`, of an embedding.
  case factor(Factor, module: String, isEmbedding: Bool)
  /// DoRA's trained norms of a module's weight, one for each output.
  case magnitude(module: String)
  /// The frozen weight under an adapted embedding or output layer, which PEFT saves beside it.
  case baseLayer(module: String)
  /// Anything else, with a description based on its name.
  case other(String)

  init(_ name: String) { self = Parsed(name).name }

  /// A name without the wrappers that training frameworks leave in it.
  struct Parsed {
    let name: AdapterTensorName
    /// The wrappers that were stripped: `_orig_mod.`, a second `base_model.model.`.
    let wrappers: [String]

    init(_ name: String) {
      let (path, wrappers) = Self.unwrapped(name)
      self.wrappers = wrappers
      self.name = AdapterTensorName(path: path)
    }

    private static let prefix = "base_model.model."
    /// Inserted at any level, by torch.compile, FSDP, activation checkpointing, DataParallel, DeepSpeed, Accelerate and Thunder.
    private static let inserted: Set<Substring> = [
      "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "module", "_forward_module", "_thunder_module",
    ]

    private static func unwrapped(_ name: String) -> (String, [String]) {
      var wrappers: [String] = []
      func note(_ wrapper: String) { if !wrappers.contains(wrapper) { wrappers.append(wrapper) } }
      let parts = name.split(separator: ".", omittingEmptySubsequences: false)
      let kept = parts.filter { part in
        if inserted.contains(part) { note(part + ".") }
        return !inserted.contains(part)
      }
      var path = kept.count == parts.count ? name : kept.joined(separator: ".")
      var prefixCount = 0
      while path.hasPrefix(prefix) {
        path = String(path.dropFirst(prefix.count))
        prefixCount += 1
      }
      if prefixCount > 1 { note(prefix) }
      return (path, wrappers)
    }
  }

  private init(path: String) {
    let parts = path.split(separator: ".", omittingEmptySubsequences: false)
    guard let index = parts.firstIndex(where: { $0.hasPrefix("lora_") }) else {
      self = Self.withoutFactor(path)
      return
    }
    let module = parts[..<index].joined(separator: ".")
    let rest = parts[(index + 1)...]
    let hasWeight = rest.last == "weight" && rest.count <= 2
    guard !module.isEmpty, !parts[..<index].contains("") else {
      self = .other("a LoRA factor without a module")
      return
    }
    switch parts[index] {
    case "lora_A" where hasWeight: self = .factor(.a, module: module, isEmbedding: false)
    case "lora_B" where hasWeight: self = .factor(.b, module: module, isEmbedding: false)
    case "lora_embedding_A" where rest.count <= 1 || hasWeight: self = .factor(.a, module: module, isEmbedding: true)
    case "lora_embedding_B" where rest.count <= 1 || hasWeight: self = .factor(.b, module: module, isEmbedding: true)
    case "lora_A" where rest.last == "bias", "lora_B" where rest.last == "bias":
      self = .other("a trained bias of a LoRA factor (lora_bias)")
    case "lora_magnitude_vector" where rest.isEmpty || hasWeight: self = .magnitude(module: module)
    case "lora_down", "lora_up":
      self = .other("a LoRA factor under another tool's name: PEFT saves lora_A and lora_B, not lora_down and lora_up")
    default: self = .other("an unknown kind of LoRA parameter")
    }
  }

  private static func withoutFactor(_ path: String) -> AdapterTensorName {
    for head in ["lm_head", "embed_tokens"] where path.hasSuffix("\(head).base_layer.weight") {
      return .baseLayer(module: String(path.dropLast(".base_layer.weight".count)))
    }
    if path.contains("modules_to_save") { return .other("a module saved whole (modules_to_save)") }
    if path.contains("token_adapter") || path.contains("trainable_tokens") { return .other("trained token embeddings") }
    if path.hasSuffix(".bias") { return .other("a trained bias (bias = all or lora_only)") }
    if path.contains("norm") {
      return .other("a trained norm, which llama.cpp reads from an adapter and doesn't apply")
    }
    if path.hasSuffix("embed_tokens.weight") || path.hasSuffix("lm_head.weight") {
      return .other("a whole embedding or output layer, saved after the vocabulary was resized or trained")
    }
    return .other("not a LoRA factor")
  }
}
