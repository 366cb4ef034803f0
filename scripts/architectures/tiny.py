"""Tiny configurations at three sizes, so that a number can be recognized as the field that it comes from.

A fourth size is not traced. The oracles try it, to see whether the rules hold for numbers that they weren't made from.
"""

import functools
import importlib
import inspect
import json

# Each value is what the field is at each size. No two fields that could be mixed up are alike at all of the first three.
FIELDS = {
    "hidden_size": (64, 96, 192, 160), "n_embd": (64, 96, 192, 160), "d_model": (64, 96, 192, 160), "dim": (64, 96, 192, 160),
    "num_attention_heads": (4, 6, 8, 10), "n_head": (4, 6, 8, 10), "num_heads": (4, 6, 8, 10), "n_heads": (4, 6, 8, 10),
    "num_key_value_heads": (2, 3, 2, 5), "head_dim": (16, 24, 20, 12), "intermediate_size": (112, 104, 136, 72),
    "n_inner": (112, 104, 136, 72), "d_ff": (112, 104, 136, 72), "ffn_hidden_size": (112, 104, 136, 72),
    "vocab_size": (128, 160, 176, 144), "num_hidden_layers": (4, 4, 4), "n_layer": (4, 4, 4), "num_layers": (4, 4, 4),
    "n_layers": (4, 4, 4), "max_position_embeddings": (512, 512, 512), "n_positions": (512, 512, 512),
    "block_size": (512, 512, 512),
    "moe_intermediate_size": (32, 40, 56, 44), "num_experts": (5, 4, 6, 7), "num_local_experts": (5, 4, 6, 7),
    "n_routed_experts": (5, 4, 6, 7), "num_experts_per_tok": (2, 2, 2, 3), "shared_expert_intermediate_size": (48, 72, 80, 60),
    "shared_intermediate_size": (48, 72, 80, 60), "intermediate_size_mlp": (88, 84, 100, 52), "moe_shared_expert_intermediate_size": (48, 72, 80, 60),
    "q_lora_rank": (24, 28, 36, 20), "kv_lora_rank": (12, 20, 28, 16), "qk_rope_head_dim": (8, 12, 20, 10),
    "qk_nope_head_dim": (18, 22, 26, 14), "v_head_dim": (14, 18, 30, 22), "first_k_dense_replace": (1, 1, 1),
    "n_group": (1, 1, 1), "topk_group": (1, 1, 1), "n_shared_experts": (1, 2, 3, 2), "num_shared_experts": (1, 2, 3, 2),
    "linear_num_key_heads": (3, 2, 4, 5), "linear_num_value_heads": (9, 6, 8, 10), "linear_key_head_dim": (10, 14, 22, 16),
    "linear_value_head_dim": (6, 14, 12, 8),
    "mamba_n_heads": (16, 12, 8, 20), "mamba_num_heads": (16, 12, 8, 20), "mamba_d_head": (8, 8, 72, 16), "mamba_head_dim": (8, 8, 72, 16),
    "mamba_d_state": (20, 12, 18, 14), "ssm_state_size": (20, 12, 18, 14), "state_size": (20, 12, 18, 14), "mamba_expand": (2, 1, 3, 2),
    "mamba_n_groups": (2, 1, 4, 5), "n_groups": (2, 1, 4, 5), "mamba_chunk_size": (16, 16, 16), "mamba_d_conv": (4, 4, 4),
    "mamba_dt_rank": (5, 7, 9, 6), "time_step_rank": (5, 7, 9, 6), "sliding_window": (32, 32, 32), "pad_token_id": (0, 0, 0),
    "bos_token_id": (1, 1, 1), "eos_token_id": (2, 2, 2), "hidden_size_per_layer_input": (10, 14, 22, 18),
    "vocab_size_per_layer_input": (128, 160, 176, 144), "laurel_rank": (6, 4, 9, 8), "num_kv_shared_layers": (0, 0, 0),
    "global_head_dim": (32, 28, 36, 20), "num_global_key_value_heads": (1, 1, 1), "num_nextn_predict_layers": (0, 0, 0),
    "mtp_num_hidden_layers": (0, 0, 0), "rotary_dim": (8, 8, 8), "index_head_dim": (8, 12, 14, 16), "index_n_heads": (2, 3, 7, 4),
    "index_topk": (4, 4, 4), "moe_layer_freq": (1, 1, 1), "decoder_sparse_step": (1, 1, 1), "d_kv": (16, 24, 20, 12),
    "tie_word_embeddings": (False, False, False),
}
VISION = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2, "depth": 1,
    "num_heads": 2, "embed_dim": 32, "image_size": 28, "patch_size": 14, "num_key_value_heads": 2,
    "head_dim": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 48, "d_model": 32,
    "num_mel_bins": 16, "deepstack_visual_indexes": [0], "fullatt_block_indexes": [0], "num_position_embeddings": 16,
    "projector_input_dim": 64, "projector_output_dim": 64, "attention_heads": 2,
    "num_layers": 1, "hidden_dim": 32, "feedforward_mult": 2,
}
PARTS = ("vision_config", "audio_config", "encoder_config", "image_config")


@functools.cache
def reads_head_dimension(configuration_class):
    """Whether the model's code reads a head_dim that its configuration doesn't declare, but published ones have."""
    name = configuration_class.__module__.replace("configuration_", "modeling_")
    try:
        text = inspect.getsource(importlib.import_module(name))
    except (ImportError, OSError):
        return False
    return 'getattr(config, "head_dim"' in text


def has(configuration, name):
    try:
        if name in ("num_key_value_heads", "head_dim"):
            return hasattr(configuration, name) or name == "head_dim" and reads_head_dimension(type(configuration))
        return getattr(configuration, name, None) is not None
    except Exception:
        return True


def at(value, size):
    """A value at a size: a tuple has one for each, or the second for sizes that it lacks."""
    if not isinstance(value, tuple):
        return value
    return value[size] if size < len(value) else value[1]


def arguments(configuration_class, size, over, base=None):
    """The keyword arguments of the tiny configuration."""
    default = configuration_class()
    wanted = dict(FIELDS if base is None else base)
    wanted.update(over)
    if base is None and over.get("tie_word_embeddings") is None and "tie_word_embeddings" in over:
        wanted.pop("tie_word_embeddings")
    result = {}
    for name, value in wanted.items():
        if name.startswith("_") or isinstance(at(value, size), str) and at(value, size) == "absent":
            continue
        if name in over or has(default, name):
            result[name] = at(value, size)
    for part in PARTS:
        inner = getattr(default, part, None)
        if inner is None or isinstance(inner, dict) or part in over:
            continue
        vision = {k: v for k, v in VISION.items()}
        vision["out_hidden_size"] = vision["vision_output_dim"] = at(FIELDS["hidden_size"], size)
        result[part] = configuration_class_arguments(type(inner), size, over.get("_" + part, {}), vision)
    text = getattr(default, "text_config", None)
    if text is not None and "text_config" not in over:
        result = {k: v for k, v in result.items() if k in over or k in PARTS}
        result["text_config"] = configuration_class_arguments(type(text), size, over.get("_text", {}), None)
    return result


def configuration_class_arguments(configuration_class, size, over, base):
    return configuration_class(**arguments(configuration_class, size, over, base)).to_dict()


def configuration(configuration_class, size, over):
    return configuration_class(**arguments(configuration_class, size, over))


def complete(base, spec, class_name, size):
    """Gives the configuration of a saved model what the reference expects, and returns it."""
    path = base / "config.json"
    configuration = json.loads(path.read_text())
    for key, value in spec.get("raw", {}).items():
        value = at(value, size)
        if key == "text":
            text = {**configuration["text_config"], **{k: at(v, size) for k, v in value.items() if v is not None}}
            configuration["text_config"] = {k: v for k, v in text.items() if v != "absent"}
        elif value is None:
            configuration.pop(key, None)
        else:
            configuration[key] = value
    configuration["architectures"] = [class_name]
    path.write_text(json.dumps(configuration))
    return configuration
