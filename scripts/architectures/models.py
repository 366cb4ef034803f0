"""The models that are traced: every class that llama.cpp converts and transformers has, with what each needs."""

import json

TOKENIZER = {"tokenizer.json": json.dumps({"model": {"vocab": {str(i): i for i in range(200)}}, "added_tokens": []})}
MLA = {"num_key_value_heads": (4, 6, 8, 10), "head_dim": (8, 12, 20, 10)}
DENSE_GRANITE = {"num_local_experts": 0, "num_experts_per_tok": 0, "shared_intermediate_size": (112, 104, 136, 72)}
MIXED = ["mamba", "attention", "mamba", "attention"]
MAMBA = {"mamba_d_conv": 4, "layer_types": MIXED}
RAW = {"raw_configuration": True}

# Widths that are rounded up to a multiple, or that depend on the number of layers.
FREE_LFM2 = {"free": ("feed_forward.w1", "feed_forward.w2", "feed_forward.w3")}
PER_LAYER = ("embed_tokens_per_layer", "per_layer_model_projection")
# With M-RoPE, llama.cpp reorders the rotary rows of q and k, a loop over three runs, which rules can't say; alora does it
# (`RotaryOrder.swift`). So such a variant isn't traced, but the oracles try it.
MROPE = {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "mrope_section": [2, 1, 1]}}
GLM_V = [{}, {"tag": "M-RoPE", "traced": False, "over": {"_text": MROPE}}]
GLOBAL = {"layer_types": ["sliding_attention", "full_attention"] * 2, "global_head_dim": (32, 28, 36, 20)}
# The reference wants a multiple of 64.
NEMOTRON = {"mamba_head_dim": (8, 16, 56, 16)}
QWEN4 = {"indexer_n_heads": (2, 3, 5, 4), "indexer_kv_heads": 1, "indexer_head_dim": (16, 28, 36, 24), "indexer_budget": 64, "indexer_compress_ratio": 16}
GEMMA4 = {
    "dense": GLOBAL,
    "keys as values": {**GLOBAL, "attention_k_eq_v": True, "num_global_key_value_heads": (1, 2, 4, 5)},
    "experts": {**GLOBAL, "enable_moe_block": True, "num_experts": (5, 4, 6, 7), "top_k_experts": 2, "moe_intermediate_size": (32, 40, 56, 44)},
}

SWA = {
    "swa_num_attention_heads": (3, 5, 7, 4), "swa_num_key_value_heads": (3, 5, 7, 4), "swa_q_lora_rank": (24, 28, 36, 20),
    "swa_kv_lora_rank": (16, 26, 34, 18), "swa_head_dim": (18, 26, 44, 22), "swa_qk_nope_head_dim": (10, 14, 24, 12),
    "swa_v_head_dim": (6, 10, 16, 8), "swa_qk_rope_head_dim": (8, 12, 20, 10),
}
STEP_LAYERS = ["full_attention", "sliding_attention"] * 2
FULL_AND_LINEAR = ["linear_attention", "full_attention"] * 2


def linear_attention(**more):
    """What config.json has of such layers, and what transformers makes of it."""
    heads, size = (4, 6, 8, 10), (16, 24, 20, 12)
    return (
        {"linear_num_heads": heads, "linear_head_dim": size},
        tuple({"head_dim": d, "num_heads": n, "short_conv_kernel_size": 4, **more} for n, d in zip(heads, size)),
    )


def times_four(*numbers):
    return tuple([n] * 4 for n in numbers)


# Class: a list of variants. `over` goes to the configuration class, `raw` into config.json, `when` into the table.
SPECIAL = {
    # The converter knows the norms of the first BitNet models, whose linear modules have the same names.
    "BitNetForCausalLM": [{
        "over": {"tie_word_embeddings": True},
        "renamed_on_disk": [(r"attn_sub_norm", "inner_attn_ln"), (r"ffn_sub_norm", "ffn_layernorm")],
    }],
    "BambaForCausalLM": [
        {"over": {"attn_layer_indices": [1, 3]}, "raw": {"attn_layer_indices": [1, 3], "layer_types": None}, **RAW}
    ],
    "Cohere2ForCausalLM": [{"raw": {"rotary_pct": 1.0}}],
    "GPTNeoXForCausalLM": [{"raw": {"rotary_pct": 0.25}, **RAW}],
    "GPT2LMHeadModel": [{"over": {"n_inner": (112, 104, 136, 72)}, "raw": {"n_ctx": 512}}],
    "GPTBigCodeForCausalLM": [{"over": {"n_inner": (112, 104, 136, 72)}}],
    "DeepseekV2ForCausalLM": [
        {"tag": "with a query rank", "over": MLA},
        {"tag": "without a query rank", "over": {**MLA, "q_lora_rank": None}},
    ],
    "DeepseekV3ForCausalLM": [{"over": MLA}],
    "DeepseekV32ForCausalLM": [{"over": MLA}],
    "Glm4MoeLiteForCausalLM": [{"over": MLA}],
    "GlmMoeDsaForCausalLM": [{"over": MLA}],
    "YoutuForCausalLM": [{"over": MLA}],
    "FalconForCausalLM": [
        {
            "tag": "grouped", "over": {"head_dim": "absent", "new_decoder_architecture": True, "num_kv_heads": (2, 3, 2, 5)},
            "raw": {"num_kv_heads": (2, 3, 2, 5)}, **RAW, "when": [["new_decoder_architecture", "true"]],
        },
        {
            "tag": "one key-value head", "over": {"head_dim": "absent", "multi_query": True, "new_decoder_architecture": False},
            "raw": {"n_head_kv": 1, "num_kv_heads": 1}, **RAW, "when": [["multi_query", "true"]],
        },
        {
            "tag": "all heads", "over": {"head_dim": "absent", "multi_query": False, "new_decoder_architecture": False},
            "raw": {"n_head_kv": (4, 6, 8, 10), "num_kv_heads": (4, 6, 8, 10)}, **RAW,
        },
    ],
    "FalconH1ForCausalLM": [
        {
            "over": {"mamba_d_ssm": (128, 96, 576, 320), "head_dim": (16, 24, 20, 12)},
            "raw": {"head_dim": (16, 24, 20, 12)}, **RAW,
        }
    ],
    "FalconMambaForCausalLM": [{"over": {"intermediate_size": (128, 192, 384, 320), "expand": 2}}],
    "MambaForCausalLM": [{"over": {"intermediate_size": (128, 192, 384, 320), "expand": 2}}],
    "Mamba2ForCausalLM": [
        {"over": {"num_heads": (16, 12, 8, 20), "head_dim": (8, 8, 72, 16), "expand": (2, 1, 3, 2)}}
    ],
    "Gemma3ForCausalLM": [{"files": TOKENIZER}],
    "Gemma3ForConditionalGeneration": [{"files": TOKENIZER}],
    "Gemma3TextModel": [{"files": TOKENIZER}],
    "Gemma4ForCausalLM": [
        {"tag": tag, "files": TOKENIZER, "over": over, "raw": {"global_head_dim": (32, 28, 36, 20), "num_global_key_value_heads": over.get("num_global_key_value_heads")}}
        for tag, over in GEMMA4.items()
    ],
    "Gemma4ForConditionalGeneration": [
        {"tag": tag, "files": TOKENIZER, "over": {"_text": over}, "raw": {"text": {"global_head_dim": (32, 28, 36, 20), "num_global_key_value_heads": over.get("num_global_key_value_heads")}}}
        for tag, over in GEMMA4.items()
    ],
    "Gemma4UnifiedForConditionalGeneration": [
        {"tag": tag, "files": TOKENIZER, "over": {"_text": over}, "raw": {"text": {"moe_intermediate_size": (32, 40, 56, 44), "global_head_dim": (32, 28, 36, 20), "num_global_key_value_heads": over.get("num_global_key_value_heads")}}}
        for tag, over in GEMMA4.items()
    ],
    "GraniteMoeHybridForCausalLM": [
        {
            "tag": "attention only, dense", "when": [["layer_types", "lacks", "mamba", "linear_attention"], ["num_local_experts", "0"]],
            "over": {**DENSE_GRANITE, "layer_types": ["attention"] * 4, "position_embedding_type": "rope"}, "raw": {"layer_types": ["attention"] * 4}, **RAW,
        },
        {
            "tag": "attention only, experts", "when": [["layer_types", "lacks", "mamba", "linear_attention"]],
            "over": {"layer_types": ["attention"] * 4, "position_embedding_type": "rope"}, "raw": {"layer_types": ["attention"] * 4}, **RAW,
        },
        {
            "tag": "Mamba, dense", "when": [["num_local_experts", "0"]],
            "over": {**MAMBA, **DENSE_GRANITE}, "raw": {"layer_types": MIXED}, **RAW,
        },
        {"tag": "Mamba, experts", "over": MAMBA, "raw": {"layer_types": MIXED}, **RAW},
    ],
    "HunYuanDenseV1ForCausalLM": [{"over": {"head_dim": (16, 24, 20, 12), "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}}],
    "HunYuanVLForConditionalGeneration": [{"over": {"_text": {"head_dim": (16, 24, 20, 12), "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}}}],
    "Lfm2ForCausalLM": [{**FREE_LFM2, "over": {"layer_types": ["conv", "full_attention", "conv", "full_attention"]}}],
    "Lfm2Model": [{**FREE_LFM2}],
    "Lfm2MoeForCausalLM": [
        {"over": {"layer_types": ["conv", "full_attention", "conv", "full_attention"], "num_dense_layers": 2}}
    ],
    "MiniMaxM2ForCausalLM": [{"raw": {"rotary_dim": 8}, **RAW}],
    "NemotronForCausalLM": [{"over": {"head_dim": (16, 24, 20, 12)}}],
    "NemotronHForCausalLM": [
        {
            "tag": "dense", "when": [["num_experts_per_tok", "absent"]], **RAW,
            "over": {"layers_block_type": ["mamba", "attention", "mlp", "mamba"], **NEMOTRON},
            "raw": {"num_experts_per_tok": None, "n_routed_experts": None, "layers_block_type": None, "hybrid_override_pattern": "M*-M", "num_hidden_layers": 4},
        },
        {"tag": "experts", "over": NEMOTRON},
    ],
    # Its GGUF can't say that there are fewer key-value heads, which no published model has.
    "PhiForCausalLM": [{"tried": False}, {"traced": False, "over": {"num_key_value_heads": (4, 6, 8, 10)}}],
    "MiMoV2FlashForCausalLM": [{"raw": {"swa_head_dim": (16, 24, 20, 12), "swa_num_attention_heads": (4, 6, 8, 10), "swa_v_head_dim": (14, 18, 30, 22), "swa_num_key_value_heads": (4, 6, 4, 10), "partial_rotary_factor": 0.5, "swa_rope_theta": 10000.0, "rope_theta": 10000.0, "hybrid_layer_pattern": [0, 1, 1, 1], "topk_method": "noaux_tc", "rope_parameters": None}, **RAW}],
    "MuseGlimmerForConditionalGeneration": [{"over": {"_vision_config": {"pos_emb_height": 4, "pos_emb_width": 4, "max_position_embeddings": 16}, "projector_hidden_size": 32, "out_hidden_size": 64}}],
    "DeepseekV4ForCausalLM": [{
        "over": {
            "head_dim": (16, 24, 20, 12), "partial_rotary_factor": (0.5, 0.25, 0.4, 0.5), "num_key_value_heads": 1, "o_groups": (2, 3, 2, 5), "o_lora_rank": (14, 18, 22, 26),
            "mlp_layer_types": ["hash_moe", "moe", "moe", "moe"], "compress_rates": {"compressed_sparse_attention": 4, "heavily_compressed_attention": 8},
            "layer_types": ["heavily_compressed_attention", "compressed_sparse_attention"] * 2,
        },
        "raw": {"num_hash_layers": 1, "compress_ratios": [8, 4, 8, 4], "qk_rope_head_dim": (8, 6, 8, 6)}, **RAW,
        "renamed_on_disk": [(r"^model\.", ""), ("^embed_tokens", "embed"), (r"^hc_head\.hc_", "hc_head_"), (r"\.attn\.norm\.", ".attn.kv_norm.")],
    }],
    "Dots3NoteForCausalLM": [{
        "over": {**MLA, **SWA, "head_dim": (26, 34, 46, 24), "index_head_dim": (16, 28, 36, 24), "layer_types": ["full_attention", "sliding_attention"] * 2, "first_k_dense_replace": 1, "shared_experts_intermediate_size": (48, 72, 80, 60)},
        "raw": {**SWA, "scoring_func": "sigmoid", "first_k_dense_replace": 1, "sliding_window_size": 32, "layer_types": ["full_attention", "sliding_attention"] * 2}, **RAW,
    }],
    "Glm5NextForConditionalGeneration": [{
        "over": {"_text": {**MLA, "index_topk": 16, "index_kpool": 4, "qk_rope_head_dim": 0, "mlp_layer_types": ["dense"] + ["sparse"] * 3, "layer_types": ["linear_attention", "indexed_attention"] * 2, **linear_attention()[0]}},
        "raw": {"text": {"linear_attn_config": linear_attention()[1], "mla_use_nope": True, "first_k_dense_replace": 1}}, **RAW,
    }],
    "HYV4ForCausalLM": [{"over": MLA, "renamed_on_disk": [(r"model\.hc_pre\.hc_head\.", "model.hc_head."), (r"\.hc_pre\.(hc_\w+_layer)\.hc_", r".\1.hc_pre.hc_"), (r"(\.mlp\.(?:\w+\.)?)linear_gate", r"\1gate_proj")]}],
    "HunYuanMoEV1ForCausalLM": [{
        "raw": {"moe_intermediate_size": times_four(112, 104, 136, 72), "moe_topk": [2] * 4, "num_shared_expert": [1] * 4}, **RAW,
    }],
    "KimiLinearForCausalLM": [{
        "over": {**MLA, "layer_types": FULL_AND_LINEAR, **linear_attention()[0]},
        "raw": {"linear_attn_config": linear_attention(full_attn_layers=[2, 4], kda_layers=[1, 3])[1], "first_k_dense_replace": 1}, **RAW,
        # transformers saves the dense layer as if it had experts.
        "renamed_on_disk": [(r"layers\.0\.block_sparse_moe\.", "layers.0.mlp.")],
    }],
    "Step3p7ForConditionalGeneration": [{
        "over": {"_text": {
            "layer_types": STEP_LAYERS, "mlp_layer_types": ["dense"] + ["sparse"] * 3, "num_sliding_attention_heads": (8, 9, 12, 15),
            "share_expert_dim": (48, 72, 80, 60), "sliding_window": 32,
        }},
        "raw": {"text": {
            "num_attention_groups": (2, 3, 2, 5), "attention_other_setting": tuple({"num_attention_heads": n, "num_attention_groups": g} for n, g in ((8, 2), (9, 3), (12, 2), (15, 5))),
            "partial_rotary_factors": [0.5, 1.0] * 2, "moe_num_experts": (5, 4, 6, 7), "moe_top_k": 2, "moe_layers_enum": "1,2,3",
            # What the published config.json calls otherwise.
            "n_routed_experts": "absent", "num_local_experts": "absent", "num_sliding_attention_heads": "absent",
        }}, **RAW,
        "row_defaults": {"moe_num_experts": "n_routed_experts", "attention_other_setting.num_attention_heads": "num_sliding_attention_heads"},
    }],
    "MiniMaxM3SparseForConditionalGeneration": [{**RAW, "raw": {"text": {"n_shared_experts": 1, "moe_layer_freq": [0, 1, 1, 1], "sparse_attention_config": {"sparse_num_index_heads": 2, "sparse_index_dim": 8, "sparse_topk_blocks": 2, "sparse_block_size": 16, "sparse_local_block": 1}}}}],
    "Qwen4ExpForCausalLM": [{"over": QWEN4}], "Qwen4ExpForConditionalGeneration": [{"over": {"_text": QWEN4}}],
    "Dots1ForCausalLM": [{"over": {"n_routed_experts": (5, 4, 6, 7), "n_shared_experts": 1}}],
    "GraniteSpeechForConditionalGeneration": [{"skip": True}],
    "GraniteSpeechPlusForConditionalGeneration": [{"skip": True}],
    "JanusForConditionalGeneration": [{"skip": True}],
    "Qwen3OmniMoeForConditionalGeneration": [{"skip": True}],
    "Qwen3VLMoeForConditionalGeneration": [{"transposed_on_disk": ("experts.gate_up_proj", "experts.down_proj")}],
    "Glm4vForConditionalGeneration": GLM_V, "Glm4vMoeForConditionalGeneration": GLM_V, "GlmOcrForConditionalGeneration": GLM_V,
    "T5ForConditionalGeneration": [{"skip": True}],
    "PocketTTSModel": [{"skip": True}],
}

# Classes with code of their own in checkpoints, and one in transformers whose modules have other names.
TWO_NAMES = ("HunYuanMoEV1ForCausalLM", "KimiLinearForCausalLM", "Step3p7ForConditionalGeneration")

# Encoders, drafts and speech models, which nobody serves with a LoRA adapter of a language model; and HrmText, whose two
# modules have layers of one name each.
OTHERS = ("HrmText", "Bert", "Camembert", "NomicBert", "Roberta", "T5", "UMT5", "Assistant", "PocketTTS", "Eagle", "DFlash", "EuroBert")


# Classes whose model or GGUF takes hidden_size / num_attention_heads for the size of a head. So it is that at the fourth size.
USUAL_HEADS = ("Granite", "Bamba", "GlmForCausalLM", "Glm4vFor", "Phi", "Qwen2VL", "Qwen2_5_VL")


def with_usual_heads(variant):
    head = {"head_dim": (16, 24, 20, 16)}
    over = variant.get("over", {})
    return {**variant, "over": {**head, **over, "_text": {**head, **over.get("_text", {})}}}


def specifications(names):
    """Every variant to trace."""
    import transformers

    import remote

    for name in names:
        built = name if name in TWO_NAMES else remote.ALIASES.get(name, name)
        if any(word in name for word in OTHERS) or built in remote.MODELS and name not in TWO_NAMES:
            continue
        if hasattr(transformers, built):
            for variant in SPECIAL.get(built, [{}]):
                if variant.get("skip"):
                    continue
                if built.startswith(USUAL_HEADS):
                    variant = with_usual_heads(variant)
                tag = {"tag": "as in transformers"} if name in TWO_NAMES else {}
                yield {"class": name, "free": PER_LAYER, "build": built, **tag, **variant}
    aliases = {name: remote.MODELS[built] for name, built in remote.ALIASES.items() if built in remote.MODELS}
    for name, variants in {**remote.MODELS, **aliases}.items():
        for variant in variants:
            yield {"class": name, **variant}


FALCON_H1 = {
    "gate_proj": [["*", ["mlp_multipliers.0"]]],
    "down_proj": [["*", ["mlp_multipliers.1"]]],
    "k_proj": [["*", ["key_multiplier", "attention_in_multiplier"]]],
    "q_proj": [["*", ["attention_in_multiplier"]]],
    "v_proj": [["*", ["attention_in_multiplier"]]],
    "o_proj": [["*", ["attention_out_multiplier"]]],
    "out_proj": [["*", ["ssm_out_multiplier"]]],
    "in_proj": [
        ["mamba_d_ssm", ["ssm_in_multiplier", "ssm_multipliers.0"]],
        ["mamba_d_ssm", ["ssm_in_multiplier", "ssm_multipliers.1"]],
        ["mamba_n_groups*mamba_d_state", ["ssm_in_multiplier", "ssm_multipliers.2"]],
        ["mamba_n_groups*mamba_d_state", ["ssm_in_multiplier", "ssm_multipliers.3"]],
        ["mamba_n_heads", ["ssm_in_multiplier", "ssm_multipliers.4"]],
    ],
    "lm_head": [["*", ["lm_head_multiplier"]]],
    "embed_tokens": [["*", ["embedding_multiplier"]]],
}


def complete(spec, rules):
    """Adds what tracing cannot see: factors that the reference multiplies weights by, and what has no tensor of its own."""
    if spec["class"] == "FalconH1ForCausalLM":
        # Source: llama.cpp conversion/falcon_h1.py (`modify_tensors`).
        for rule in rules:
            factors = FALCON_H1.get(rule["module"].rpartition(".")[2])
            if factors:
                for target in rule["targets"]:
                    target["factors"] = factors
    if spec["class"] == "Rwkv6ForCausalLM":
        # Source: llama.cpp conversion/rwkv.py (`Rwkv6Model.modify_tensors`).
        for rule in rules:
            if rule["module"].endswith((".attention.output", ".feed_forward.value")):
                rule["targets"][0]["factors"] = [["*", ["2^-layer/rescale_every"]]]
    if spec["class"] == "TalkieForCausalLM":
        # Source: llama.cpp conversion/talkie.py (`modify_tensors`): rotation the other way round.
        for rule in rules:
            if rule["module"].endswith((".attn_query", ".attn_key")):
                rule["targets"][0]["factors"] = [["head_dim/2", ["1"]], ["head_dim/2", ["-1"]]]
    if any(t["tensor"].endswith("attn_kv_a_mqa") for r in rules for t in r["targets"]):
        if not any(r["module"].endswith("kv_b_proj") for r in rules):
            # Split and absorbed into the query and the output, where llama.cpp applies no adapter.
            stem = next(r["module"] for r in rules if r["module"].endswith("kv_a_proj_with_mqa")).rpartition(".")[0]
            rules.append({
                "module": stem + ".kv_b_proj", "out": "*", "in": "*", "_order": 10**6,
                "targets": [{"tensor": "blk.{layer}.attn_k_b"}],
            })
