"""Random configurations of the classes that compare_engine.py tries besides its own: dense ones, and mixtures of experts.

A class has a function that draws a configuration's fields, the modules that an adapter can change, and the parameters of its experts.
"""

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
SEPARATE = [*ATTENTION, "gate_proj", "up_proj", "down_proj"]
LAYER_INPUT = ["per_layer_input_gate", "per_layer_projection"]
EXPERTS = ["experts.gate_up_proj", "experts.down_proj"]


def kinds(r, layers):
    return [r.choice(["sliding_attention", "full_attention"]) for _ in range(layers)]


def rope(r, *types):
    """A description of one of the types, or of one of the common ones."""
    kind = r.choice(types or ("default", "linear", "llama3", "yarn"))
    p = {"rope_type": kind, "rope_theta": r.choice([10000.0, 500000.0, 123.0])}
    if kind == "linear":
        p["factor"] = r.choice([2.0, 4.0, 2.5])
    if kind == "llama3":
        p |= {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": r.choice([2.0, 4.0]), "original_max_position_embeddings": 16}
    if kind == "yarn":
        p |= {"factor": r.choice([2.0, 4.0, 16.0]), "original_max_position_embeddings": 16}
        p |= r.choice([{}, {"beta_fast": 8.0, "beta_slow": 0.5}, {"attention_factor": 1.3}, {"truncate": False}])
    return p


def sizes(r, head_dim=True):
    kv = r.choice([1, 2, 3])
    heads = kv * r.choice([1, 2, 3])
    dimension = r.choice([8, 12, 16, 20, 34])
    hidden = r.choice([20, 32, 36, 48]) if head_dim else heads * dimension
    s = dict(hidden_size=hidden, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=r.choice([24, 33, 64]),
             num_hidden_layers=r.choice([1, 2, 3, 5]), vocab_size=r.choice([61, 64, 90]), max_position_embeddings=256, bos_token_id=1,
             eos_token_id=2, pad_token_id=0, tie_word_embeddings=r.random() < 0.5, rms_norm_eps=r.choice([1e-6, 1e-5, 1e-3]))
    return s | ({"head_dim": dimension} if head_dim else {})


def routed(r, names=("num_experts", "num_experts_per_tok")):
    experts = r.choice([2, 3, 4, 7])
    return {names[0]: experts, names[1]: r.randint(1, experts), "output_router_logits": False}


def llama(r):
    s = sizes(r)
    return s | dict(attention_bias=r.random() < 0.3, mlp_bias=r.random() < 0.3, rope_parameters=rope(r))


def mistral(r):
    return sizes(r) | dict(sliding_window=r.choice([None, 1, 5, 16, 300]), rope_parameters=rope(r))


def qwen2(r):
    s = sizes(r, head_dim=False)
    return s | dict(use_sliding_window=r.random() < 0.4, sliding_window=r.choice([1, 5, 16]), max_window_layers=r.choice([0, 1, 9]),
                    rope_parameters=rope(r))


def qwen3(r):
    s = sizes(r)
    return s | dict(attention_bias=r.random() < 0.3, use_sliding_window=r.random() < 0.3, sliding_window=r.choice([1, 5, 16]),
                    max_window_layers=r.choice([0, 1, 9]), rope_parameters=rope(r))


def gemma2(r):
    s = sizes(r)
    return s | dict(query_pre_attn_scalar=r.choice([8, 16, 24]), sliding_window=r.choice([1, 5, 16, 300]),
                    layer_types=r.choice([None, kinds(r, s["num_hidden_layers"])]), attn_logit_softcapping=r.choice([None, 2.0, 50.0]),
                    final_logit_softcapping=r.choice([None, 3.0, 30.0]), attention_bias=r.random() < 0.2, rope_parameters=rope(r, "default", "linear"))


def gemma3(r):
    s = gemma2(r)
    return s | dict(rope_parameters={"sliding_attention": rope(r, "default"), "full_attention": rope(r, "default", "linear")})


def shared_layers(r, types):
    """How many layers, the last ones, may have the keys and values of others: the ones before have layers of every kind."""
    return r.choice([n for n in range(len(types)) if set(types[:len(types) - n]) == set(types)])


def gemma4(r):
    s = sizes(r)
    layers = s["num_hidden_layers"] = r.choice([1, 2, 3, 5, 6])
    types = r.choice([kinds(r, layers), ["sliding_attention"] * (layers - 1) + ["x"]])[:-1] + ["full_attention"]
    experts, own = r.choice([2, 3, 4, 7]), r.choice([0, 4, 8, 18])
    shared = shared_layers(r, types) if own else 0  # which transformers can't run without embeddings for each layer
    s |= r.choice([{}, {}, dict(enable_moe_block=True, num_experts=experts, top_k_experts=r.randint(1, experts), moe_intermediate_size=r.choice([12, 20, 33]))])
    return s | dict(global_head_dim=r.choice([s["head_dim"], 8, 24, 40]), attention_k_eq_v=r.random() < 0.4,
                    num_global_key_value_heads=r.choice([None, 1, s["num_attention_heads"]]), sliding_window=r.choice([1, 5, 16, 300]),
                    layer_types=types, hidden_size_per_layer_input=own, vocab_size_per_layer_input=s["vocab_size"],
                    num_kv_shared_layers=shared, use_double_wide_mlp=r.random() < 0.5,
                    final_logit_softcapping=r.choice([None, 5.0]), attention_bias=r.random() < 0.2, rope_parameters={
                        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                        "full_attention": {"rope_type": "proportional", "rope_theta": r.choice([10000.0, 1e6]),
                                           "partial_rotary_factor": r.choice([0.25, 0.5, 1.0])}})


def gemma3n(r):
    s = sizes(r)
    heads = s["num_attention_heads"]
    s["hidden_size"] = heads * r.choice([4, 7, 12])
    layers = s["num_hidden_layers"] = r.choice([1, 2, 3, 5, 6])
    types, streams = kinds(r, layers), r.choice([2, 3, 4, 4, 4])
    widths = r.choice([24, [r.choice([24, 33, 64]) for _ in range(layers)]])
    return s | dict(intermediate_size=widths, sliding_window=r.choice([1, 5, 16, 300]), layer_types=types, num_kv_shared_layers=shared_layers(r, types),
                    hidden_size_per_layer_input=r.choice([4, 8, 18]), vocab_size_per_layer_input=s["vocab_size"] - r.choice([0, 0, 20]),
                    altup_num_inputs=streams, altup_active_idx=r.choice([0, 0, streams - 1]), altup_correct_scale=r.random() < 0.7,
                    laurel_rank=r.choice([1, 4, 9]), activation_sparsity_pattern=[r.choice([0.0, 0.5, 0.95, 0.2]) for _ in range(layers)],
                    final_logit_softcapping=r.choice([5.0, 30.0]), attention_bias=r.random() < 0.2, rope_parameters={
                        "sliding_attention": rope(r, "default"), "full_attention": rope(r, "default", "linear")})


def granite(r):
    s = sizes(r, head_dim=False)
    return s | dict(attention_bias=r.random() < 0.3, mlp_bias=r.random() < 0.3, embedding_multiplier=r.choice([1.0, 12.0]),
                    logits_scaling=r.choice([1.0, 8.0]), residual_multiplier=r.choice([0.22, 1.0]),
                    attention_multiplier=r.choice([0.0156, 0.25, 1.0]), rope_parameters=rope(r))


def granite_moe(r):
    s = granite(r)
    s.pop("mlp_bias")
    return s | routed(r, ("num_local_experts", "num_experts_per_tok"))


def granite_moe_shared(r):
    return granite_moe(r) | dict(shared_intermediate_size=r.choice([0, 20, 33]))


def smollm3(r):
    s = sizes(r, head_dim=False)
    layers = s["num_hidden_layers"]
    return s | dict(no_rope_layers=r.choice([None, [r.choice([0, 1]) for _ in range(layers)]]), no_rope_layer_interval=r.choice([1, 2, 4]),
                    use_sliding_window=r.random() < 0.4, sliding_window=r.choice([1, 5, 16]), attention_bias=r.random() < 0.3,
                    mlp_bias=r.random() < 0.3, rope_parameters=rope(r))


def olmo2(r):
    return sizes(r, head_dim=False) | dict(attention_bias=r.random() < 0.3, rope_parameters=rope(r))


def seed_oss(r):
    return sizes(r) | dict(attention_bias=r.random() < 0.7, attention_out_bias=r.random() < 0.4, mlp_bias=r.random() < 0.3,
                           rope_parameters=rope(r))


def gpt_oss(r):
    s = sizes(r)
    return s | routed(r, ("num_local_experts", "num_experts_per_tok")) | dict(
        sliding_window=r.choice([1, 5, 16, 300]), layer_types=r.choice([None, kinds(r, s["num_hidden_layers"])]),
        attention_bias=r.random() < 0.8, rope_parameters=rope(r, "yarn", "yarn", "default"))


def mixtral(r):
    return sizes(r) | routed(r, ("num_local_experts", "num_experts_per_tok")) | dict(
        sliding_window=r.choice([None, 1, 5, 16, 300]), rope_parameters=rope(r))


def qwen3_moe(r):
    s = sizes(r)
    layers = range(s["num_hidden_layers"])
    return s | routed(r) | dict(
        moe_intermediate_size=r.choice([12, 20, 33]), norm_topk_prob=r.random() < 0.5, decoder_sparse_step=r.choice([1, 2]),
        mlp_only_layers=r.choice([[], [i for i in layers if r.random() < 0.4]]), attention_bias=r.random() < 0.3,
        use_sliding_window=r.random() < 0.3, sliding_window=r.choice([1, 5, 16]), max_window_layers=r.choice([0, 1, 9]), rope_parameters=rope(r))


def qwen2_moe(r):
    s = sizes(r, head_dim=False)
    layers = range(s["num_hidden_layers"])
    return s | routed(r) | dict(
        moe_intermediate_size=r.choice([12, 20, 33]), shared_expert_intermediate_size=r.choice([12, 25]), norm_topk_prob=r.random() < 0.5,
        decoder_sparse_step=r.choice([1, 2]), mlp_only_layers=r.choice([[], [i for i in layers if r.random() < 0.4]]), qkv_bias=r.random() < 0.7,
        rope_parameters=rope(r))


def olmoe(r):
    return sizes(r, head_dim=False) | routed(r) | dict(
        norm_topk_prob=r.random() < 0.5, clip_qkv=r.choice([None, 0.1, 1.0]), attention_bias=r.random() < 0.3, rope_parameters=rope(r))


def glm4_moe(r):
    s = sizes(r)
    groups, size = r.choice([(1, 2), (1, 5), (2, 2), (3, 2), (2, 4)])
    used = r.randint(1, groups)
    p = rope(r)
    p["partial_rotary_factor"] = r.choice([f for f in (0.25, 0.5, 1.0) if int(s["head_dim"] * f) % 2 == 0])
    return s | dict(
        n_routed_experts=groups * size, num_experts_per_tok=r.randint(1, used * size), n_group=groups, topk_group=used,
        moe_intermediate_size=r.choice([12, 20, 33]), n_shared_experts=r.choice([1, 2]), first_k_dense_replace=r.choice([0, 1, 2]), num_mtp_layers=0,
        norm_topk_prob=r.random() < 0.6, routed_scaling_factor=r.choice([1.0, 2.5]), use_qk_norm=r.random() < 0.5,
        attention_bias=r.random() < 0.4, rope_parameters=p)


def ernie4_5(r):
    return sizes(r) | dict(use_bias=r.random() < 0.4, rope_parameters=rope(r))


def ernie4_5_moe(r):
    s = sizes(r, head_dim=False)
    experts = r.choice([2, 3, 4, 7])
    return s | dict(
        moe_num_experts=experts, moe_k=r.randint(1, experts), moe_intermediate_size=r.choice([12, 20, 33]), moe_num_shared_experts=r.choice([0, 1, 2]),
        moe_layer_start_index=r.choice([0, 1, 2]), moe_layer_end_index=r.choice([-1, -1, 1]), moe_layer_interval=r.choice([1, 1, 2]),
        moe_norm_min=r.choice([1e-12, 0.6]), rope_parameters=rope(r))


def images_and_text(r, s, text, vision):
    """The whole configuration of a model of images and text. Text alone has one position in all three sections of a head's rotated pairs."""
    pairs = s.get("head_dim", s["hidden_size"] // s["num_attention_heads"]) // 2
    first, second = pairs // 2, pairs // 4
    text = s | text | {"rope_parameters": {"rope_type": "default", "rope_theta": r.choice([10000.0, 500000.0, 123.0]),
                                           "mrope_section": [first, second, pairs - first - second]}}
    return {"tie_word_embeddings": s["tie_word_embeddings"], "text_config": text, "vision_config": {
        "depth": 1, "hidden_size": 16, "num_heads": 2, "intermediate_size": 16, "out_hidden_size": s["hidden_size"], **vision}}


def qwen2_5_vl(r):
    s = sizes(r, head_dim=False)
    return images_and_text(r, s, {}, {"fullatt_block_indexes": [0]})


DEEPSTACK = {"num_position_embeddings": 16, "deepstack_visual_indexes": [0]}


def qwen3_vl(r):
    return images_and_text(r, sizes(r), {"attention_bias": r.random() < 0.3}, DEEPSTACK)


def qwen3_vl_moe(r):
    """transformers 5 saves the experts by rows; a square parameter, too."""
    s = sizes(r)
    return images_and_text(r, s, routed(r) | dict(
        moe_intermediate_size=r.choice([12, 20, s["hidden_size"] // 2, s["hidden_size"]]), decoder_sparse_step=r.choice([1, 2]),
        attention_bias=r.random() < 0.3), DEEPSTACK)


CLASSES = {
    "Llama": (llama, SEPARATE), "Mistral": (mistral, SEPARATE), "Qwen2": (qwen2, SEPARATE), "Qwen3": (qwen3, SEPARATE),
    "Gemma2": (gemma2, SEPARATE), "Gemma3Text": (gemma3, SEPARATE), "Gemma4Text": (gemma4, [*SEPARATE, *LAYER_INPUT, "router.proj"], EXPERTS),
    "Gemma3nText": (gemma3n, [*SEPARATE, *LAYER_INPUT, "linear_left", "linear_right", "correction_coefs", "prediction_coefs"]), "Granite": (granite, SEPARATE), "SmolLM3": (smollm3, SEPARATE),
    "Olmo2": (olmo2, SEPARATE), "SeedOss": (seed_oss, SEPARATE), "GptOss": (gpt_oss, ATTENTION, EXPERTS),
    "Mixtral": (mixtral, ATTENTION, EXPERTS), "Qwen3Moe": (qwen3_moe, SEPARATE, EXPERTS), "Qwen2Moe": (qwen2_moe, SEPARATE, EXPERTS),
    "Glm4Moe": (glm4_moe, SEPARATE, EXPERTS), "Ernie4_5": (ernie4_5, SEPARATE), "Ernie4_5_Moe": (ernie4_5_moe, SEPARATE, EXPERTS),
    "Qwen2_5_VL": (qwen2_5_vl, ATTENTION), "Qwen3VL": (qwen3_vl, SEPARATE), "Qwen3VLMoe": (qwen3_vl_moe, ATTENTION, EXPERTS),
    "Olmoe": (olmoe, ATTENTION, EXPERTS), "GraniteMoe": (granite_moe, ATTENTION), "GraniteMoeShared": (granite_moe_shared, ATTENTION),
}
