"""Tiny Granite Switches for the fuzzer: a base of one layer, with two or three slots, that computes."""

import json
import math
import random
import struct

WIDTH, HEADS, KEY_HEADS, HEIGHT, RANK, VOCABULARY = 16, 2, 1, 8, 2, 12


def checkpoints():
    """config.json and model.safetensors, as granite-switch 0.1.1 composes them; from before its engine for several tokens, too."""
    for slots, early, kind in [(2, False, "BF16"), (3, True, "F32")]:
        config = {"model_type": "granite_switch", "architectures": ["GraniteSwitchForCausalLM"], "hidden_size": WIDTH, "intermediate_size": HEIGHT,
                  "num_hidden_layers": 2 if early else 3, "num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS, "projection_head_dim": 8,
                  "vocab_size": VOCABULARY, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "hidden_act": "silu", "tie_word_embeddings": True,
                  "attention_multiplier": 0.5, "embedding_multiplier": 2.0, "residual_multiplier": 0.5, "logits_scaling": 2.0, "num_local_experts": 0,
                  "shared_intermediate_size": HEIGHT, "position_embedding_type": "rope", "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"},
                  "layer_types": ["full_attention"] * (2 if early else 3), "num_adapters": slots, "max_lora_rank": RANK,
                  "adapter_names": [f"a{n}" for n in range(slots)], "adapter_ranks": [1 + n % RANK for n in range(slots)], "control_token_gain": 15.0,
                  "adapter_token_ids": [9 + n for n in range(slots)], "adapter_substitute_token_ids": [3 + n for n in range(slots)]}
        if not early:
            config |= {"ms_code_m": 6, "ms_code_type": "kerdock"}
        layer, shapes = "model.layers.0.", {"model.embed_tokens.weight": [VOCABULARY, WIDTH], "model.norm.weight": [WIDTH]}
        shapes |= {f"{layer}{name}.weight": shape for name, shape in {
            "input_layernorm": [WIDTH], "post_attention_layernorm": [WIDTH], "self_attn.qkv_proj.base_layer": [32, WIDTH],
            "self_attn.o_proj.base_layer": [WIDTH, WIDTH], "shared_mlp.input_linear.base_layer": [2 * HEIGHT, WIDTH],
            "shared_mlp.output_linear": [WIDTH, HEIGHT]}.items()}
        factors = {"self_attn.qkv_proj.lora_{}_slices.0": (WIDTH, 16), "self_attn.qkv_proj.lora_{}_slices.2": (WIDTH, 8),
                   "self_attn.o_proj.lora_{}": (WIDTH, WIDTH), "shared_mlp.input_linear.lora_{}_slices.1": (WIDTH, HEIGHT)}
        for name, (columns, rows) in factors.items():
            shapes[layer + name.format("A")] = [slots, 1, RANK, columns]
            shapes[layer + name.format("B")] = [slots, 1, rows, RANK]
        rng, header, data = random.Random(slots), {}, b""
        for name, shape in shapes.items():
            numbers = [rng.randrange(-4, 5) / 8 for _ in range(math.prod(shape))]
            content = b"".join(struct.pack("<f", number)[2 if kind == "BF16" else 0:] for number in numbers)
            header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
            data += content
        text = json.dumps(header).encode()
        yield [json.dumps(config).encode(), struct.pack("<Q", len(text)) + text + data]


def switches(gguf):
    """GGUFs, as llama.cpp's converter writes them: slot 0 is the base and is zeros, except in the last one.

    gguf makes a file of keys and tensors.
    """
    found = []
    for slots, base in [(2, 0), (3, 0), (2, 1)]:
        name, rng = "graniteswitch", random.Random(slots)

        def numbers(*extents):
            return struct.pack(f"<{math.prod(extents)}f", *[rng.randrange(-4, 5) / 8 for _ in range(math.prod(extents))])

        keys = {"general.architecture": name, f"{name}.block_count": 1, f"{name}.context_length": 64, f"{name}.embedding_length": WIDTH,
                f"{name}.feed_forward_length": HEIGHT, f"{name}.attention.head_count": HEADS, f"{name}.attention.head_count_kv": KEY_HEADS,
                f"{name}.attention.layer_norm_rms_epsilon": 1e-6, f"{name}.attention.scale": 0.5, f"{name}.embedding_scale": 2.0,
                f"{name}.residual_scale": 0.5, f"{name}.logit_scale": 2.0, f"{name}.rope.freq_base": 10000.0, f"{name}.rope.dimension_count": 8,
                f"{name}.vocab_size": VOCABULARY, f"{name}.adapters.count": slots, f"{name}.adapters.lora_rank": RANK,
                f"{name}.adapters.router_gain": 15.0, f"{name}.adapters.token_ids_activate": [9 + n for n in range(slots)],
                f"{name}.adapters.token_ids_substitute": [3 + n for n in range(slots)]}
        shapes = {"token_embd": (WIDTH, VOCABULARY), "output_norm": (WIDTH,), "blk.0.attn_norm": (WIDTH,), "blk.0.ffn_norm": (WIDTH,),
                  "blk.0.attn_qkv": (WIDTH, 32), "blk.0.attn_output": (WIDTH, WIDTH), "blk.0.ffn_gate": (WIDTH, HEIGHT), "blk.0.ffn_up": (WIDTH, HEIGHT),
                  "blk.0.ffn_down": (HEIGHT, WIDTH)}
        tensors = {f"{tensor}.weight": (extents, 0, numbers(*extents)) for tensor, extents in shapes.items()}
        for module, (columns, rows) in {"attn_q": (WIDTH, 16), "attn_output": (WIDTH, WIDTH), "ffn_down": (HEIGHT, WIDTH)}.items():
            for letter, extents in [("a", (columns, RANK)), ("b", (RANK, rows))]:
                first = numbers(*extents) if base else bytes(4 * math.prod(extents))
                tensors[f"blk.0.{module}.lora_{letter}"] = ((*extents, slots + 1), 0, first + numbers(*extents, slots))
        found.append(gguf(keys, tensors))
    return found
