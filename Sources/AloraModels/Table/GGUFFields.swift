internal import AloraGGUF
internal import AloraTensors

/// The numbers that a table's expressions ask for, from the metadata of a base's GGUF.
///
/// Configurations call one number by many names; llama.cpp has one key for each.
/// Source: llama.cpp `gguf-py/gguf/constants.py` (`Keys`).
struct GGUFFields: Sendable {
  private let file: GGUFFileSet
  private let architecture: String

  init(_ file: GGUFFileSet, architecture: String) {
    self.file = file
    self.architecture = architecture
  }

  private static let keys: [String: String] = {
    var keys: [String: String] = [:]
    for (key, fields) in [
      "embedding_length": ["hidden_size", "n_embd", "d_model", "model_dim"],
      "attention.head_count": ["num_attention_heads", "n_head", "n_heads", "num_heads"],
      "attention.head_count_kv": [
        "num_key_value_heads", "num_kv_heads", "n_kv_heads", "multi_query_group_num", "num_query_groups",
        "num_attention_groups", "attn_config.kv_n_heads",
      ],
      "attention.value_length": ["v_head_dim"], "attention.q_lora_rank": ["q_lora_rank"],
      "attention.indexer.head_count": ["indexer_n_heads", "index_n_heads"],
      "attention.indexer.key_length": ["indexer_head_dim", "index_head_dim"],
      "attention.kv_lora_rank": ["kv_lora_rank"], "rope.dimension_count": ["qk_rope_head_dim"],
      "attention.key_length": ["head_dim", "kv_channels", "hidden_size_per_head"],
      "feed_forward_length": ["intermediate_size", "n_inner", "ffn_hidden_size", "d_ff", "mlp_hidden_size"],
      "expert_feed_forward_length": ["moe_intermediate_size", "moe_ffn_hidden_size", "ffn_config.ffn_hidden_size"],
      "expert_count": [
        "num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "moe_num_primary_experts",
        "ffn_config.moe_num_experts",
      ],
      "expert_shared_feed_forward_length": ["shared_intermediate_size", "shared_expert_intermediate_size"],
      "ssm.group_count": ["linear_num_key_heads", "mamba_n_groups", "n_groups"],
      "ssm.time_step_rank": ["linear_num_value_heads", "mamba_n_heads", "mamba_num_heads"],
      "ssm.state_size": ["linear_key_head_dim", "mamba_d_state", "ssm_state_size", "state_size"],
      "ssm.inner_size": ["mamba_d_ssm"],
    ] as [String: [String]] {
      for field in fields { keys[field] = key }
    }
    return keys
  }()

  func integer(_ name: String, layer: Int?) -> Int? {
    switch name {
    case "vocab_size": return file.tensor(named: "token_embd.weight")?.shape.dimensions.first
    case "n_shared_head":
      guard let heads = number("attention.head_count", layer), let shared = number("attention.head_count_kv", layer),
        shared > 0
      else { return nil }
      return heads / shared
    case "mamba_expand", "expand":
      guard let inner = number("ssm.inner_size", layer), let hidden = number("embedding_length", layer), hidden > 0
      else { return nil }
      return inner / hidden
    case "linear_value_head_dim", "mamba_d_head", "mamba_head_dim":
      guard let inner = number("ssm.inner_size", layer), let heads = number("ssm.time_step_rank", layer), heads > 0
      else { return nil }
      return inner / heads
    default: break
    }
    guard let key = Self.keys[name] else { return nil }
    // Layers with a sliding window may have heads of another size.
    if key == "attention.key_length", let layer, isSliding(layer),
      let number = number("attention.key_length_swa", layer)
    {
      return number
    }
    // Some converters state no width of shared experts.
    if key == "expert_shared_feed_forward_length", let layer,
      let gate = file.tensor(named: "blk.\(layer).ffn_gate_shexp.weight"), gate.shape.rank == 2
    {
      return gate.shape.dimensions[0]
    }
    // Latent attention states both the widths that it computes with and those of its heads.
    if name == "v_head_dim", let number = number("attention.value_length_mla", layer) { return number }
    if let number = number(key, layer) { return number }
    switch key {
    case "attention.key_length":
      guard let hidden = number("embedding_length", layer), let heads = number("attention.head_count", layer), heads > 0
      else { return nil }
      return hidden / heads
    case "attention.head_count_kv": return number("attention.head_count", layer)
    case "feed_forward_length": return number("expert_feed_forward_length", layer)
    case "expert_shared_feed_forward_length", "expert_feed_forward_length": return number("feed_forward_length", layer)
    default: return nil
    }
  }

  /// Whether a layer has a sliding window, as far as a list of layers says so.
  private func isSliding(_ layer: Int) -> Bool {
    let key = "\(architecture).attention.sliding_window_pattern"
    guard case .array(let array)? = file.metadata[key] else { return false }
    if let flags = array.booleans { return flags.indices.contains(layer) && flags[layer] }
    guard let numbers = array.integers else { return false }
    return numbers.indices.contains(layer) && numbers[layer] != 0
  }

  /// One number, or the layer's of a list.
  private func number(_ name: String, _ layer: Int?) -> Int? {
    let key = "\(architecture).\(name)"
    let range = 0...Hyperparameters.extent.upperBound
    guard case .array = file.metadata[key] else {
      return (try? file.metadata.integer(ifPresent: key, in: range)) ?? nil
    }
    guard let numbers = try? file.metadata.integers(forKey: key) else { return nil }
    let number = layer.map { numbers.indices.contains($0) ? numbers[$0] : 0 } ?? numbers.max() ?? 0
    return range.contains(number) ? number : nil
  }
}
