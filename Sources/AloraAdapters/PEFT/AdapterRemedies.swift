internal import AloraSystem

/// What a user can do about something that a GGUF adapter can't express. It depends on the adapter: an aLoRA can't be
/// merged, because a merged model is active everywhere.
///
/// Source: PEFT `tuners/lora/variants.py` (`ALoraLinearVariant.merge_safe`), `tuners/lora/conversion.py`
/// (`save_as_lora`), DeepSpeed `runtime/config.py` (`stage3_gather_16bit_weights_on_model_save`).
struct AdapterRemedies: Sendable {
  let isActivated: Bool

  /// Merge the adapter; train an aLoRA again.
  var merge: Remedy {
    isActivated
      ? "train it again without this; an aLoRA can't be merged into the base"
      : .advice("merge the adapter into the base with PEFT, and convert the merged model: \(Self.mergeWithPEFT)")
  }

  /// What alora itself can merge, and an adapter's factors alone can't say.
  var mergeFactors: Remedy { isActivated ? merge : .mergeAdapter }

  /// For a tensor that merging needs and a GGUF adapter can't hold.
  var notInFactors: Remedy { isActivated ? notAFactor : .mergeAdapter }

  private static let mergeWithPEFT =
    "python -c \"from peft import AutoPeftModelForCausalLM as M; "
    + "M.from_pretrained('ADAPTER').merge_and_unload().save_pretrained('merged')\""

  var notAFactor: Remedy {
    isActivated
      ? "a GGUF adapter holds only LoRA factors: train it again without this; an aLoRA can't be merged into the base"
      : .advice(
        "a GGUF adapter holds only LoRA factors: train it without this, or merge it with PEFT: \(Self.mergeWithPEFT)")
  }

  /// For factors that were saved while other processes held them.
  var ungathered: Remedy {
    "set stage3_gather_16bit_weights_on_model_save and save again, or recover the weights with DeepSpeed's zero_to_fp32.py"
  }

  /// For an adapter of another type than LORA.
  static func type(_ type: String) -> Remedy {
    switch type {
    case "LOHA", "LOKR":
      "turn it into a LoRA with PEFT's save_as_lora(), or merge it into the base with merge_and_unload()"
    case "PROMPT_TUNING", "PREFIX_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING", "CPT", "ADAPTION_PROMPT":
      "train a LoRA instead: it changes what the model reads, not its weights, so it can't be merged either"
    case "XLORA", "POLY": "train a LoRA instead: it mixes several adapters for each input"
    default: "merge it into the base with merge_and_unload(), or train a LoRA"
    }
  }
}
