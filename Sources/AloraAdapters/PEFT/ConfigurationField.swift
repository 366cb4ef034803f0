internal import AloraSystem
internal import AloraJSON

/// How each field of `adapter_config.json` is treated. A field that isn't in the table is unknown.
enum ConfigurationField {
  /// Read into `AdapterConfiguration`.
  case used
  /// Doesn't bear on what the trained weights mean, whatever its value.
  case harmless
  /// Changes what the weights mean in a way that GGUF can't express, unless it is empty (null, false, {}, [], "").
  case refusedUnlessEmpty(problem: String, remedy: Advice)

  /// As ``refusedUnlessEmpty(problem:remedy:)``, except that merging honours it.
  case mergedOnly(problem: String)

  enum Advice: Sendable {
    /// Merge the adapter, or train an aLoRA again.
    case merge
    case retrain
    case text(Remedy)

    func remedy(_ remedies: AdapterRemedies) -> Remedy {
      switch self {
      case .merge: remedies.merge
      case .retrain: "train again without it"
      case .text(let text): text
      }
    }
  }

  static func named(_ name: String) -> ConfigurationField? { table[name] }

  /// Whether a field that isn't in the table has to do with the activation. Such a field is never ignored.
  static func isAboutInvocation(_ name: String) -> Bool {
    let name = name.lowercased()
    if name.contains("invocation") || name.contains("alora") { return true }
    // Not what PEFT calls an activation, such as `activation_function`.
    return ["activation_", "trigger_"].contains { name.hasPrefix($0) }
      && ["token", "string", "text", "start", "offset", "position"].contains { name.contains($0) }
  }

  private static let table: [String: ConfigurationField] = [
    "peft_type": .used, "r": .used, "lora_alpha": .used, "use_rslora": .used, "rank_pattern": .used,
    "alpha_pattern": .used, "target_modules": .used, "exclude_modules": .used, "layers_to_transform": .used,
    "layers_pattern": .used, "bias": .used, "alora_invocation_tokens": .used, "invocation_string": .used,
    "alora_invocation_string": .used, "use_alora": .used,
    "base_model_name_or_path": .used, "revision": .used, "task_type": .used, "peft_version": .used,
    "init_lora_weights": .used, "fan_in_fan_out": .used, "ensure_weight_tying": .used, "target_parameters": .used,

    "auto_mapping": .harmless, "inference_mode": .harmless, "lora_dropout": .harmless, "megatron_core": .harmless,
    // Settings of initializations; the initialization itself is judged by init_lora_weights.
    "loftq_config": .harmless, "eva_config": .harmless, "corda_config": .harmless, "lora_ga_config": .harmless,
    // Only the backward pass and the placement on devices.
    "velora_config": .harmless, "runtime_config": .harmless, "ephemeral_gpu_offload": .harmless,
    "qalora_group_size": .harmless,
    // Left behind by Unsloth, by older versions of PEFT and by the hub's loaders.
    "enable_lora": .harmless, "merge_weights": .harmless, "_commit_hash": .harmless, "transformers_version": .harmless,
    "unsloth_fixed": .harmless, "unsloth_version": .harmless,

    "use_dora": .mergedOnly(
      problem: "DoRA rescales whole weights by trained magnitudes, which GGUF adapters can't express"),
    "lora_bias": .refusedUnlessEmpty(
      problem: "the adapter trains a bias of lora_B, which GGUF adapters can't express", remedy: .merge),
    "modules_to_save": .refusedUnlessEmpty(
      problem: "whole modules were trained and saved beside the LoRA factors, which GGUF adapters can't express",
      remedy: .merge),
    "trainable_token_indices": .refusedUnlessEmpty(
      problem: "token embeddings were trained, which GGUF adapters can't express", remedy: .merge),
    "layer_replication": .refusedUnlessEmpty(
      problem: "the adapter is for a model with replicated layers, which the base doesn't have", remedy: .merge),
    "megatron_config": .refusedUnlessEmpty(
      problem: "the adapter was trained on Megatron's parallel layers", remedy: .retrain),
    "use_qalora": .refusedUnlessEmpty(problem: "QALoRA pools the input before lora_A", remedy: .retrain),
    "use_bdlora": .refusedUnlessEmpty(problem: "BD-LoRA keeps its factors in block-diagonal form", remedy: .retrain),
    "arrow_config": .refusedUnlessEmpty(problem: "Arrow routes between several adapters per token", remedy: .retrain),
    "kasa_config": .refusedUnlessEmpty(
      problem: "KaSA changes the base weight and puts a diagonal between the factors", remedy: .merge),
    "monteclora_config": .refusedUnlessEmpty(
      problem: "MonteCLoRA samples its weights", remedy: .retrain),
    "modules_to_tie": .refusedUnlessEmpty(problem: "tied saved modules can't be expressed", remedy: .merge),
    "use_vera": .refusedUnlessEmpty(problem: "VeRA shares frozen factors between layers", remedy: .retrain),
    "corda_cache": .harmless,
  ]
}

extension JSON {
  /// Null, false, zero, an empty string, list or object: a field that is switched off.
  var isSwitchedOff: Bool {
    switch kind {
    case .null: true
    case .boolean: (try? boolean()) == false
    case .integer, .number: (try? number()) == 0
    case .string: (try? string())?.isEmpty ?? false
    case .array: (try? elements())?.isEmpty ?? false
    case .object: (try? members())?.isEmpty ?? false
    }
  }
}
