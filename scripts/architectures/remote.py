"""Models whose code is not part of transformers: their weights by hand, filled with numbers like the others.

Each entry gives the tensors of a checkpoint; modules that PEFT names otherwise are listed in `ALIASES`.
"""

COMMON = {
    "hidden_size": (64, 96, 192), "num_attention_heads": (4, 6, 8), "num_key_value_heads": (2, 3, 2),
    "intermediate_size": (112, 104, 136), "vocab_size": (128, 160, 176), "num_hidden_layers": 4,
    "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "hidden_act": "silu",
    "tie_word_embeddings": False,
}
HEAD = {"head_dim": (16, 24, 20)}
EXPERTS = {"num_experts": (5, 4, 6), "num_experts_per_tok": 2, "moe_intermediate_size": (32, 40, 56), "norm_topk_prob": True}


def head_dimension(c):
    return c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]


def attention(c, path="self_attn"):
    d, h = head_dimension(c), c["hidden_size"]
    q, kv = c["num_attention_heads"] * d, c.get("num_key_value_heads", c["num_attention_heads"]) * d
    return [(f"{path}.q_proj", q, h), (f"{path}.k_proj", kv, h), (f"{path}.v_proj", kv, h), (f"{path}.o_proj", h, q)]


def gated(c, path="mlp", width=None, names=("gate_proj", "up_proj", "down_proj")):
    f, h = width or c["intermediate_size"], c["hidden_size"]
    return [(f"{path}.{names[0]}", f, h), (f"{path}.{names[1]}", f, h), (f"{path}.{names[2]}", h, f)]


def experts(c, path="mlp.experts", count=None, width=None, names=("gate_proj", "up_proj", "down_proj")):
    f, h = width or c["moe_intermediate_size"], c["hidden_size"]
    result = []
    for e in range(count or c["num_experts"]):
        result += gated({**c, "hidden_size": h}, f"{path}.{e}", f, names)
    return result


def model(layer, prefix="model.layers", embedding="model.embed_tokens", output="lm_head", extra=()):
    """The tensors of a model whose layers are alike, or differ by index if `layer` takes two arguments."""

    def tensors(c):
        h = c.get("hidden_size") or c.get("n_embd") or c.get("d_model") or c.get("model_dim")
        result = [(embedding + ".weight", (c["vocab_size"], h), "embedding")]
        for index in range(4):
            found = layer(c, index) if layer.__code__.co_argcount == 2 else layer(c)
            for item in found:
                name, *shape = item
                kind = "linear"
                if shape and isinstance(shape[-1], str):
                    kind = shape.pop()
                suffix = "" if kind == "parameter" else ".weight"
                result.append((f"{prefix}.{index}.{name}{suffix}", tuple(shape), kind))
        if output:
            result.append((output + ".weight", (c["vocab_size"], h), "output"))
        result += [(n, s, k) for n, s, k in extra]
        return result

    return tensors


def llama(c):
    return attention(c) + gated(c)


def entry(configuration, tensors, **more):
    return [{"configuration": {**COMMON, **configuration}, "tensors": tensors, "raw_configuration": True, **more}]


def mixture(dense=1, shared=None, router="mlp.gate", path="mlp.experts", count_field="num_experts", attend=attention):
    def layer(c, index):
        result = attend(c)
        if index < dense:
            return result + gated(c)
        result += [(router, c[count_field], c["hidden_size"])] + experts(c, path, c[count_field])
        if shared:
            result += gated(c, shared, c["moe_intermediate_size"] * c.get("num_shared_experts", c.get("n_shared_experts", 1)))
        return result

    return layer


def fused_attention(c, path="attention", name="query_key_value", output="dense"):
    d, h = head_dimension(c), c["hidden_size"]
    q, kv = c["num_attention_heads"] * d, c["num_key_value_heads"] * d
    return [(f"{path}.{name}", q + 2 * kv, h), (f"{path}.{output}", h, q)]


def plain(names, sizes):
    return [(n, o, i) for n, (o, i) in zip(names, sizes)]


def square(c):
    """As many key-value heads as heads."""
    return attention({**c, "num_key_value_heads": c["num_attention_heads"]})


def internlm2(c):
    d, h = c["hidden_size"] // c["num_attention_heads"], c["hidden_size"]
    rows = (c["num_attention_heads"] + 2 * c["num_key_value_heads"]) * d
    return [("attention.wqkv", rows, h), ("attention.wo", h, h)] + gated(c, "feed_forward", None, ("w1", "w3", "w2"))


def baichuan(c):
    h = c["hidden_size"]
    return [("self_attn.W_pack", 3 * h, h), ("self_attn.o_proj", h, h)] + gated(c)


def qwen(c):
    h, f = c["hidden_size"], c["intermediate_size"]
    return [("attn.c_attn", 3 * h, h), ("attn.c_proj", h, h), ("mlp.w1", f // 2, h), ("mlp.w2", f // 2, h), ("mlp.c_proj", h, f // 2)]


def exaone(c):
    return [(n.replace("o_proj", "out_proj"), o, i) for n, o, i in attention(c, "attn.attention")] + gated(
        c, "mlp", None, ("c_fc_0", "c_fc_1", "c_proj")
    )


def mpt(c):
    h = c["d_model"]
    return [("attn.Wqkv", 3 * h, h), ("attn.out_proj", h, h), ("ffn.up_proj", 4 * h, h), ("ffn.down_proj", h, 4 * h)]


def codeshell(c):
    h = c["n_embd"]
    kv = c["num_query_groups"] * (h // c["n_head"])
    return [("attn.c_attn", h + 2 * kv, h), ("attn.c_proj", h, h), ("mlp.c_fc", 4 * h, h), ("mlp.c_proj", h, 4 * h)]


def refact(c):
    h, d = c["n_embd"], c["n_embd"] // c["n_head"]
    inner = 4 * h
    f = 256 * ((2 * inner // 3 + 255) // 256)
    return [("attn.q", h, h), ("attn.kv", 2 * d, h), ("attn.c_proj", h, h), ("mlp.gate_up_proj", 2 * f, h), ("mlp.c_proj", h, f)]


def jais(c):
    # Conv1D, whose weights are [in, out].
    h, f = c["n_embd"], c["n_inner"]
    return [
        ("attn.c_attn", h, 3 * h, "conv1d"), ("attn.c_proj", h, h, "conv1d"), ("mlp.c_fc", h, f, "conv1d"),
        ("mlp.c_fc2", h, f, "conv1d"), ("mlp.c_proj", f, h, "conv1d"),
    ]


def llada(c):
    h, f = c["d_model"], c["mlp_hidden_size"]
    d = h // c["n_heads"]
    kv = c["n_kv_heads"] * d
    return [
        ("q_proj", h, h), ("k_proj", kv, h), ("v_proj", kv, h), ("attn_out", h, h), ("ff_proj", f, h), ("up_proj", f, h),
        ("ff_out", h, f),
    ]


def grok(c):
    # The names of the checkpoint: its expert layers are linear, linear_v and linear_1.
    result = [(n.replace("self_attn", "self_attn"), o, i) for n, o, i in attention(c)]
    result += [("block_sparse_moe.gate", c["num_local_experts"], c["hidden_size"])]
    return result + experts(c, "block_sparse_moe.experts", c["num_local_experts"], c["moe_intermediate_size"], ("w1", "w3", "w2"))


def arctic(c, index):
    result = attention(c)
    result += [("residual_mlp.w1", c["intermediate_size"], c["hidden_size"]), ("residual_mlp.w3", c["intermediate_size"], c["hidden_size"]), ("residual_mlp.w2", c["hidden_size"], c["intermediate_size"])]
    result += [("block_sparse_moe.gate", c["num_local_experts"], c["hidden_size"])]
    return result + experts(c, "block_sparse_moe.experts", c["num_local_experts"], c["intermediate_size"], ("w1", "w3", "w2"))


def phimoe(c):
    result = attention(c) + [("block_sparse_moe.gate", c["num_local_experts"], c["hidden_size"])]
    return result + experts(c, "block_sparse_moe.experts", c["num_local_experts"], c["intermediate_size"], ("w1", "w3", "w2"))


def smallthinker(c):
    result = attention(c) + [("block_sparse_moe.primary_router", c["moe_num_primary_experts"], c["hidden_size"])]
    return result + experts(c, "block_sparse_moe.experts", c["moe_num_primary_experts"], c["moe_ffn_hidden_size"], ("gate", "up", "down"))


def grovemoe(c):
    result = attention(c) + [("mlp.gate", c["num_experts"], c["hidden_size"])] + experts(c)
    return result + experts(c, "mlp.chunk_experts", c["num_experts"] // 2, c["head_dim"])


def bailing(c, index):
    result = fused_attention(c)
    if index < c["first_k_dense_replace"]:
        return result + gated(c)
    result += [("mlp.gate", c["num_experts"], c["hidden_size"])] + experts(c)
    return result + gated(c, "mlp.shared_experts", c["moe_intermediate_size"] * c["num_shared_experts"])


def dbrx(c):
    h, d = c["d_model"], c["d_model"] // c["n_heads"]
    kv = c["attn_config"]["kv_n_heads"] * d
    f, n = c["ffn_config"]["ffn_hidden_size"], c["ffn_config"]["moe_num_experts"]
    return [
        ("norm_attn_norm.attn.Wqkv", h + 2 * kv, h), ("norm_attn_norm.attn.out_proj", h, h), ("ffn.router.layer", n, h),
        ("ffn.experts.mlp.w1", n * f, h, "parameter"), ("ffn.experts.mlp.v1", n * f, h, "parameter"),
        ("ffn.experts.mlp.w2", n * f, h, "parameter"),
    ]


def openelm(c, index):
    h, d = c["model_dim"], c["head_dim"]
    q, kv = c["num_query_heads"][index], c["num_kv_heads"][index]
    f = round(c["ffn_multipliers"][index] * h)
    return [
        ("attn.qkv_proj", (q + 2 * kv) * d, h), ("attn.out_proj", h, q * d), ("ffn.proj_1", 2 * f, h), ("ffn.proj_2", h, f),
    ]


def plamo2(c, index):
    h, d = c["hidden_size"], c["hidden_size_per_head"]
    q, kv = c["num_attention_heads"] * d, c["num_key_value_heads"] * d
    result = [("mlp.gate_up_proj", 2 * c["intermediate_size"], h), ("mlp.down_proj", h, c["intermediate_size"])]
    if index % 2 == 1:
        return result + [("mixer.qkv_proj", q + 2 * kv, h), ("mixer.o_proj", h, q)]
    m = c["mamba_num_heads"] * d
    dt = max(64, h // 16)
    return result + [
        ("mixer.in_proj", 2 * m, h), ("mixer.out_proj", h, m), ("mixer.bcdt_proj", dt + 2 * c["mamba_d_state"], m),
        ("mixer.dt_proj", c["mamba_num_heads"], dt),
    ]


def plamo3(c):
    h, d = c["hidden_size"], c["head_dim"]
    q, kv = c["num_attention_heads"] * d, c["num_key_value_heads"] * d
    return [
        ("mixer.qkv_proj", q + 2 * kv, h), ("mixer.o_proj", h, q), ("mlp.gate_up_proj", 2 * c["intermediate_size"], h),
        ("mlp.down_proj", h, c["intermediate_size"]),
    ]


def plm(c):
    h, n = c["hidden_size"], c["num_attention_heads"]
    qk = c["qk_nope_head_dim"] + c["qk_rope_head_dim"]
    return [
        ("self_attn.q_proj", n * qk, h), ("self_attn.kv_a_proj_with_mqa", c["kv_lora_rank"] + c["qk_rope_head_dim"], h),
        ("self_attn.kv_b_proj", n * (c["qk_nope_head_dim"] + c["v_head_dim"]), c["kv_lora_rank"]),
        ("self_attn.o_proj", h, n * c["v_head_dim"]), ("mlp.up_proj", c["intermediate_size"], h),
        ("mlp.down_proj", h, c["intermediate_size"]),
    ]


def chatglm(c):
    d = c["kv_channels"]
    q, kv, h = c["num_attention_heads"] * d, c["multi_query_group_num"] * d, c["hidden_size"]
    f = c["ffn_hidden_size"]
    return [
        ("self_attention.query_key_value", q + 2 * kv, h), ("self_attention.dense", h, q), ("mlp.dense_h_to_4h", 2 * f, h),
        ("mlp.dense_4h_to_h", h, f),
    ]


def spark(c):
    q, k, v, o = attention(c)
    h = c["hidden_size"]
    return [("self_attn.q_k_v_proj", q[1] + k[1] + v[1], h), o, ("self_attn.g_proj", c["num_attention_heads"], h)] + gated(c)


def cogvlm(c):
    h = c["hidden_size"]
    result = []
    for kind in ("vision", "language"):
        result += [(f"self_attn.{kind}_expert_query_key_value", 3 * h, h), (f"self_attn.{kind}_expert_dense", h, h)]
        result += gated(c, f"mlp.{kind}_mlp")
    return result


def latent(c, path="self_attn", output="o_proj"):
    """Latent attention without a query rank."""
    h, n = c["hidden_size"], c["num_attention_heads"]
    return [
        (f"{path}.q_proj", n * (c["qk_nope_head_dim"] + c["qk_rope_head_dim"]), h),
        (f"{path}.kv_a_proj_with_mqa", c["kv_lora_rank"] + c["qk_rope_head_dim"], h),
        (f"{path}.kv_b_proj", n * (c["qk_nope_head_dim"] + c["v_head_dim"]), c["kv_lora_rank"]),
        (f"{path}.{output}", h, n * c["v_head_dim"]),
    ]


def kimi_linear(c, index):
    h, linear = c["hidden_size"], c["linear_attn_config"]
    d, inner = linear["head_dim"], linear["num_heads"] * linear["head_dim"]
    if index + 1 in linear["full_attn_layers"]:
        result = latent(c)
    else:
        result = [(f"self_attn.{x}_proj", inner, h) for x in "qkv"]
        result += [(f"self_attn.{x}_conv1d", inner, 4, "convolution") for x in "qkv"]
        result += [
            ("self_attn.f_a_proj", d, h), ("self_attn.f_b_proj", inner, d), ("self_attn.b_proj", linear["num_heads"], h),
            ("self_attn.g_a_proj", d, h), ("self_attn.g_b_proj", inner, d), ("self_attn.o_proj", h, inner),
        ]
    if index < c["first_k_dense_replace"]:
        return result + gated(c)
    result += [("block_sparse_moe.gate", c["num_experts"], h)]
    result += experts(c, "block_sparse_moe.experts", names=("w1", "w3", "w2"))
    return result + gated(c, "block_sparse_moe.shared_experts", c["moe_intermediate_size"] * c["num_shared_experts"])


def bailing3(c, index):
    h, d = c["hidden_size"], c["head_dim"]
    inner = c["num_attention_heads"] * d
    if (index + 1) % c["layer_group_size"] == 0:
        result = latent(c, "attention", "dense") + [("attention.g_proj", c["num_attention_heads"], h)]
    else:
        result = [(f"attention.{x}_proj", inner, h) for x in "qkv"]
        result += [(f"attention.{x}_conv1d", inner, 4, "convolution") for x in "qkv"]
        result += [
            ("attention.f_proj", inner, h), ("attention.b_proj", c["num_attention_heads"], h),
            ("attention.g_proj", inner, h), ("attention.o_proj", h, inner),
        ]
    if index < c["first_k_dense_replace"]:
        return result + gated(c)
    result += [("mlp.gate", c["num_experts"], h)] + experts(c)
    return result + gated(c, "mlp.shared_experts", c["moe_shared_expert_intermediate_size"])


def step(c, index):
    """The experts of a layer are three modules, whose weights are stacks that PEFT adapts as parameters."""
    sliding = c["layer_types"][index] == "sliding_attention"
    sizes = c["attention_other_setting"] if sliding else c
    heads = {**c, "num_attention_heads": sizes["num_attention_heads"], "num_key_value_heads": sizes["num_attention_groups"]}
    result = attention(heads) + [("self_attn.g_proj", heads["num_attention_heads"], c["hidden_size"])]
    if index < 1:
        return result + gated(c)
    result += [("moe.gate", c["moe_num_experts"], c["hidden_size"])]
    result += [(n, c["moe_num_experts"], *shape, "experts") for n, *shape in gated(c, "moe", c["moe_intermediate_size"])]
    return result + gated(c, "share_expert", c["share_expert_dim"])


def minimax(c, index):
    h, inner = c["hidden_size"], c["num_attention_heads"] * c["head_dim"]
    if c["attn_type_list"][index]:
        result = attention(c)
    else:
        result = [("self_attn.qkv_proj", 3 * inner, h), ("self_attn.output_gate", inner, h), ("self_attn.out_proj", h, inner)]
    result += [("block_sparse_moe.gate", c["num_local_experts"], h)]
    return result + experts(c, "block_sparse_moe.experts", c["num_local_experts"], c["intermediate_size"], ("w1", "w3", "w2"))


def rwkv6(c):
    h, f = c["hidden_size"], c["intermediate_size"]
    result = [(f"attention.{x}", h, h) for x in ("receptance", "key", "value", "gate", "output")]
    return result + [("feed_forward.key", f, h), ("feed_forward.receptance", h, h), ("feed_forward.value", h, f)]


def rwkv6_qwen2(c):
    q, k, v, o = attention(c)
    return [q, k, v, ("self_attn.gate", c["hidden_size"], c["hidden_size"]), o] + gated(c)


def low_ranks(c, path):
    """Each of the four parts is two linear modules, called `lora` in the checkpoints' own code."""
    result = []
    for x, rank in (("w", c["decay_low_rank_dim"]), ("a", c["a_low_rank_dim"]), ("g", c["gate_low_rank_dim"]), ("v", c["v_low_rank_dim"])):
        result += [(f"{path}.{x}_lora.lora.0", rank, c["hidden_size"]), (f"{path}.{x}_lora.lora.2", c["hidden_size"], rank)]
    return result


def rwkv7(c, index):
    h, f = c["hidden_size"], c["intermediate_size"]
    result = [(f"attn.{x}_proj", h, h) for x in "rkvo"] + [("ffn.key", f, h), ("ffn.value", h, f)]
    # The first layer has no values of an earlier one to mix in.
    return result + [item for item in low_ranks(c, "attn") if index > 0 or "v_lora" not in item[0]]


def rwkv7_qwen2(c):
    h = c["hidden_size"]
    return [(f"self_attn.time_mixer.{x}", h, h) for x in ("receptance", "key", "value", "output")] + gated(c)


def plamo(c):
    return square(c) + gated(c)


def talkie(c):
    h, f = c["hidden_size"], c["intermediate_size"]
    result = [(f"attn.attn_{x}", h, h) for x in ("query", "key", "value", "resid")]
    return result + [("mlp.mlp_gate", f, h), ("mlp.mlp_linear", f, h), ("mlp.mlp_resid", h, f)]


def kimi_k3(c, index):
    """A query of low rank; experts in a narrower space; one gate for each kind of attention."""
    h, linear = c["hidden_size"], c["linear_attn_config"]
    d, inner, n = linear["head_dim"], linear["num_heads"] * linear["head_dim"], c["num_attention_heads"]
    if index + 1 in linear["full_attn_layers"]:
        result = [
            ("self_attn.q_a_proj", c["q_lora_rank"], h), ("self_attn.q_b_proj", n * (c["qk_nope_head_dim"] + c["qk_rope_head_dim"]), c["q_lora_rank"]),
            *latent(c)[1:], ("self_attn.g_proj", n * c["v_head_dim"], h),
        ]
    else:
        result = [(f"self_attn.{x}_proj", inner, h) for x in "qkv"]
        result += [(f"self_attn.{x}_conv1d", inner, 4, "convolution") for x in "qkv"]
        result += [
            ("self_attn.f_a_proj", d, h), ("self_attn.f_b_proj", inner, d), ("self_attn.b_proj", linear["num_heads"], h),
            ("self_attn.g_proj", inner, h), ("self_attn.o_proj", h, inner),
        ]
    if index < c["first_k_dense_replace"]:
        return result + gated(c)
    narrow = c["routed_expert_hidden_size"]
    result += [("block_sparse_moe.gate", c["num_experts"], h), ("block_sparse_moe.routed_expert_down_proj", narrow, h)]
    result += [("block_sparse_moe.routed_expert_up_proj", h, narrow)]
    result += experts({**c, "hidden_size": narrow}, "block_sparse_moe.experts", names=("w1", "w3", "w2"))
    return result + gated(c, "block_sparse_moe.shared_experts", c["moe_intermediate_size"] * c["num_shared_experts"])


GPT = {"n_embd": (64, 96, 192), "n_head": (4, 6, 8), "n_layer": 4, "n_positions": 512, "vocab_size": (128, 160, 176), "layer_norm_epsilon": 1e-5}
MIX = {**EXPERTS, **HEAD}
LATENT = {"kv_lora_rank": (12, 20, 28), "qk_nope_head_dim": (18, 22, 26), "qk_rope_head_dim": (8, 12, 20), "v_head_dim": (14, 18, 30)}

MODELS = {
    "ArcticForCausalLM": entry({"num_local_experts": (5, 4, 6), "num_experts_per_tok": 2}, model(arctic)),
    "BaichuanForCausalLM": entry({"num_key_value_heads": (4, 6, 8)}, model(baichuan)),
    "BailingMoeForCausalLM": entry({**MIX, "first_k_dense_replace": 0, "num_shared_experts": (1, 2, 3), "norm_head": False}, model(bailing, embedding="model.word_embeddings")),
    "BailingMoeV2ForCausalLM": entry({**MIX, "first_k_dense_replace": 1, "num_shared_experts": (1, 2, 3), "routed_scaling_factor": 2.5, "partial_rotary_factor": 0.5, "n_group": 1, "topk_group": 1, "score_function": "sigmoid"}, model(bailing, embedding="model.word_embeddings")),
    "ChatGLMModel": [{"configuration": {"hidden_size": (64, 96, 192), "num_attention_heads": (4, 6, 8), "multi_query_group_num": (2, 3, 2), "kv_channels": (16, 24, 20), "ffn_hidden_size": (112, 104, 136), "vocab_size": (128, 160, 176), "padded_vocab_size": (128, 160, 176), "num_layers": 4, "num_hidden_layers": 4, "seq_length": 512, "layernorm_epsilon": 1e-5, "multi_query_attention": True}, "tensors": model(chatglm, "transformer.encoder.layers", "transformer.embedding.word_embeddings", "transformer.output_layer"), "raw_configuration": True}],
    "CodeShellForCausalLM": [{"configuration": {**GPT, "num_query_groups": (2, 3, 2)}, "tensors": model(codeshell, "transformer.h", "transformer.wte"), "raw_configuration": True}],
    "DbrxForCausalLM": [{"configuration": {"d_model": (64, 96, 192), "n_heads": (4, 6, 8), "n_layers": 4, "max_seq_len": 512, "vocab_size": (128, 160, 176), "attn_config": ({"kv_n_heads": 2, "rope_theta": 1e4, "clip_qkv": 8.0}, {"kv_n_heads": 3, "rope_theta": 1e4, "clip_qkv": 8.0}, {"kv_n_heads": 2, "rope_theta": 1e4, "clip_qkv": 8.0}), "ffn_config": ({"ffn_hidden_size": 112, "moe_num_experts": 5, "moe_top_k": 2}, {"ffn_hidden_size": 104, "moe_num_experts": 4, "moe_top_k": 2}, {"ffn_hidden_size": 136, "moe_num_experts": 6, "moe_top_k": 2})}, "tensors": model(dbrx, "transformer.blocks", "transformer.wte"), "raw_configuration": True}],
    "DeciLMForCausalLM": entry({}, model(llama)),
    "DeepseekForCausalLM": entry({"n_routed_experts": (5, 4, 6), "num_experts_per_tok": 2, "moe_intermediate_size": (32, 40, 56), "n_shared_experts": (1, 2, 3), "first_k_dense_replace": 1}, model(mixture(1, "mlp.shared_experts", count_field="n_routed_experts"))),
    "DreamModel": entry({}, model(llama)),
    "ExaoneForCausalLM": entry({"activation_function": "silu", "num_layers": 4, "layer_norm_epsilon": 1e-5}, model(exaone, "transformer.h", "transformer.wte")),
    "GPTRefactForCausalLM": [{"configuration": GPT, "tensors": model(refact, "transformer.h", "transformer.wte"), "raw_configuration": True}],
    "GroveMoeForCausalLM": entry({**MIX, "num_experts": (8, 4, 6)}, model(grovemoe)),
    "HunYuanMoEV1ForCausalLM": entry({**HEAD, "num_experts": (5, 4, 6), "moe_topk": [2] * 4, "num_shared_expert": [1] * 4, "moe_intermediate_size": ([32] * 4, [40] * 4, [56] * 4)}, model(lambda c, i: attention(c) + [("mlp.gate.wg", c["num_experts"], c["hidden_size"])] + experts(c, width=c["moe_intermediate_size"][0]) + gated(c, "mlp.shared_mlp"))),
    "InternLM2ForCausalLM": entry({}, model(internlm2, embedding="model.tok_embeddings", output="output")),
    "JAISLMHeadModel": [{"configuration": {**GPT, "n_inner": (112, 104, 136), "activation_function": "swiglu", "position_embedding_type": "alibi", "embeddings_scale": 1.0, "width_scale": 1.0}, "tensors": model(jais, "transformer.h", "transformer.wte", "lm_head"), "raw_configuration": True}],
    "LLaDAModelLM": [{"configuration": {"d_model": (64, 96, 192), "n_heads": (4, 6, 8), "n_kv_heads": (2, 3, 2), "mlp_hidden_size": (112, 104, 136), "n_layers": 4, "vocab_size": (128, 160, 176), "embedding_size": (128, 160, 176), "max_sequence_length": 512, "rms_norm_eps": 1e-5, "rope_theta": 1e4, "mask_token_id": 3}, "tensors": model(llada, "model.transformer.blocks", "model.transformer.wte", "model.transformer.ff_out"), "raw_configuration": True}],
    "LLaDAMoEModel": entry({**EXPERTS, "expert_intermediate_size": (32, 40, 56), "dense_intermediate_size": (112, 104, 136), "mask_token_id": 3}, model(mixture(0))),
    "LlamaBidirectionalModel": entry({}, model(llama)),
    "MPTForCausalLM": [{"configuration": {"d_model": (64, 96, 192), "n_heads": (4, 6, 8), "n_layers": 4, "max_seq_len": 512, "vocab_size": (128, 160, 176), "attn_config": {"clip_qkv": None, "alibi": True, "alibi_bias_max": 8}}, "tensors": model(mpt, "transformer.blocks", "transformer.wte", None), "raw_configuration": True}],
    "MaincoderForCausalLM": entry(HEAD, model(llama)),
    "MiniCPMForCausalLM": entry({"scale_emb": 12, "scale_depth": 1.4, "dim_model_base": 256}, model(llama)),
    "NanbeigeForCausalLM": entry({}, model(llama)),
    "OpenELMForCausalLM": [{"configuration": {"model_dim": (64, 96, 192), "head_dim": (16, 24, 20), "num_query_heads": ([4, 4, 8, 8], [6, 6, 8, 8], [8, 8, 4, 4]), "num_kv_heads": ([2] * 4, [3] * 4, [2] * 4), "ffn_multipliers": [2.0] * 4, "ffn_dim_divisor": 8, "num_transformer_layers": 4, "vocab_size": (128, 160, 176), "max_context_length": 512, "rope_freq_constant": 10000}, "free": ("attn.qkv_proj", "attn.out_proj", "ffn.proj_1", "ffn.proj_2"), "tensors": model(openelm, "transformer.layers", "transformer.token_embeddings", None), "raw_configuration": True}],
    "OrionForCausalLM": entry({"num_key_value_heads": (4, 6, 8), "_name_or_path": "x"}, model(llama)),
    "PanguEmbeddedForCausalLM": entry({}, model(llama)),
    "PhiMoEForCausalLM": entry({"num_local_experts": (5, 4, 6), "num_experts_per_tok": 2, "original_max_position_embeddings": 512, "sliding_window": 64, "partial_rotary_factor": 1.0}, model(phimoe)),
    "PLMForCausalLM": entry({"num_key_value_heads": (4, 6, 8), "kv_lora_rank": (12, 20, 28), "qk_nope_head_dim": (18, 22, 26), "qk_rope_head_dim": (8, 12, 20), "v_head_dim": (14, 18, 30), "q_lora_rank": None, "tie_word_embeddings": True}, model(plm, output=None), ties=True),
    "Plamo2ForCausalLM": entry({"hidden_size_per_head": (16, 24, 20), "mamba_num_heads": (8, 12, 16), "mamba_d_state": (20, 12, 18), "mamba_d_conv": 4, "mamba_step": 2, "num_layers": 4, "mamba_enabled": True}, model(plamo2, "model.layers.layers"), free=("bcdt_proj", "dt_proj")),
    "Plamo3ForCausalLM": entry({**HEAD, "window_size": 32, "sliding_window": 32, "sliding_window_pattern": 2}, model(plamo3, "model.layers.layers")),
    "QWenLMHeadModel": [{"configuration": {"hidden_size": (64, 96, 192), "num_attention_heads": (4, 6, 8), "intermediate_size": (112, 104, 136), "num_hidden_layers": 4, "seq_length": 512, "max_position_embeddings": 512, "vocab_size": (128, 160, 176), "layer_norm_epsilon": 1e-6, "rotary_emb_base": 10000, "kv_channels": (16, 16, 24)}, "tensors": model(qwen, "transformer.h", "transformer.wte"), "raw_configuration": True}],
    "RND1": entry({**MIX}, model(mixture(0))),
    "SmallThinkerForCausalLM": entry({**HEAD, "moe_num_primary_experts": (5, 4, 6), "moe_num_active_primary_experts": 2, "moe_ffn_hidden_size": (32, 40, 56), "sliding_window_layout": [0, 1, 1, 1], "sliding_window_size": 64}, model(smallthinker)),
    "XverseForCausalLM": entry({"num_key_value_heads": (4, 6, 8)}, model(llama)),
    "Grok1ForCausalLM": entry({**HEAD, "num_local_experts": (5, 4, 6), "num_experts_per_tok": 2, "moe_intermediate_size": (32, 40, 56), "attn_logit_softcapping": 30.0, "router_logit_softcapping": 30.0, "final_logit_softcapping": 50.0, "embedding_multiplier_scale": 1.0, "output_multiplier_scale": 1.0, "attention_multiplier": 1.0}, model(grok)),
    "Spark2_5ForCausalLM": entry({**HEAD, "hidden_act": "gelu", "gate_attn_act_mode": "sigmoid", "headwise_attn_output_gate": True, "layer_types": ["sliding_attention", "full_attention"] * 2, "sliding_window": 32, "rope_parameters": {"full_attention": {"partial_rotary_factor": 1.0, "rope_theta": 1e4}, "sliding_attention": {"partial_rotary_factor": 1.0, "rope_theta": 1e4}}}, model(spark)),
    "MapleForCausalLM": entry({**MIX, "nope_on_global_attention": True, "sliding_window": 32, "layer_types": ["sliding_attention", "full_attention"] * 2}, model(mixture(0))),
    "CogVLMForCausalLM": entry({"num_key_value_heads": (4, 6, 8)}, model(cogvlm)),
    "ChameleonForConditionalGeneration": entry({}, model(llama)),
    "KimiLinearForCausalLM": entry({**LATENT, **EXPERTS, "num_key_value_heads": (4, 6, 8), "num_shared_experts": (1, 2, 3), "first_k_dense_replace": 1, "routed_scaling_factor": 2.4, "linear_attn_config": ({"full_attn_layers": [4], "kda_layers": [1, 2, 3], "head_dim": 16, "num_heads": 4, "short_conv_kernel_size": 4}, {"full_attn_layers": [4], "kda_layers": [1, 2, 3], "head_dim": 24, "num_heads": 6, "short_conv_kernel_size": 4}, {"full_attn_layers": [4], "kda_layers": [1, 2, 3], "head_dim": 20, "num_heads": 8, "short_conv_kernel_size": 4})}, model(kimi_linear)),
    "BailingMoeV3ForCausalLM": entry({**LATENT, **MIX, "moe_shared_expert_intermediate_size": (48, 72, 80), "first_k_dense_replace": 1, "layer_group_size": 4, "no_kda_lora": True, "kda_safe_gate": True, "kda_lower_bound": -5.0, "gated_attention_proj_granularity_type": "head_wise", "short_conv_kernel_size": 4, "routed_scaling_factor": 2.5, "num_shared_experts": 1}, model(bailing3, embedding="model.word_embeddings")),
    "Step3p5ForCausalLM": entry({**HEAD, "num_key_value_heads": None, "num_attention_groups": (2, 3, 2), "attention_other_setting": ({"num_attention_heads": 8, "num_attention_groups": 4}, {"num_attention_heads": 9, "num_attention_groups": 1}, {"num_attention_heads": 12, "num_attention_groups": 3}), "layer_types": ["full_attention", "sliding_attention"] * 2, "partial_rotary_factors": [0.5, 1.0] * 2, "sliding_window": 32, "moe_num_experts": (5, 4, 6), "moe_top_k": 2, "moe_intermediate_size": (32, 40, 56), "share_expert_dim": (48, 72, 80), "moe_layers_enum": "1,2,3"}, model(step)),
    "KimiK3ForConditionalGeneration": entry({**LATENT, **EXPERTS, "num_key_value_heads": (4, 6, 8), "q_lora_rank": (24, 28, 36), "num_shared_experts": (1, 2, 3), "first_k_dense_replace": 1, "routed_scaling_factor": 2.4, "routed_expert_hidden_size": (40, 52, 60), "moe_renormalize": True, "moe_router_activation_func": "sigmoid", "mla_use_nope": True, "hidden_act": "situ", "activation_situ_beta": 1.0, "activation_situ_linear_beta": 1.0, "attn_res_block_size": 2, "linear_attn_config": ({"full_attn_layers": [2, 4], "kda_layers": [1, 3], "head_dim": 16, "num_heads": 4, "short_conv_kernel_size": 4}, {"full_attn_layers": [2, 4], "kda_layers": [1, 3], "head_dim": 24, "num_heads": 6, "short_conv_kernel_size": 4}, {"full_attn_layers": [2, 4], "kda_layers": [1, 3], "head_dim": 20, "num_heads": 8, "short_conv_kernel_size": 4})}, model(kimi_k3, "language_model.model.layers", "language_model.model.embed_tokens", "language_model.lm_head")),
    "PlamoForCausalLM": entry({"n_shared_head": (2, 3, 2), "num_key_value_heads": (4, 6, 8)}, model(plamo, "model.layers.layers"), defaults={"n_shared_head": 8}),
    "RWKV6Qwen2ForCausalLM": entry({}, model(rwkv6_qwen2)),
    "Rwkv6ForCausalLM": entry({"head_size": (16, 24, 48), "layer_norm_epsilon": 1e-5, "rescale_every": (6, 6, 6, 2)}, model(rwkv6, "rwkv.blocks", "rwkv.embeddings", "head")),
    "Rwkv7ForCausalLM": entry({"head_dim": (16, 24, 48), "norm_eps": 1e-5, "decay_low_rank_dim": (20, 28, 36), "a_low_rank_dim": (22, 26, 34), "v_low_rank_dim": (10, 14, 18), "gate_low_rank_dim": (30, 38, 46)}, model(rwkv7, embedding="model.embeddings")),
    "RwkvHybridForCausalLM": entry({"head_size": (16, 24, 48), "wkv_has_gate": True, "wkv_version": 7}, model(rwkv7_qwen2)),
    "TalkieForCausalLM": entry({"head_dim": (16, 16, 24), "num_key_value_heads": (4, 6, 8)}, model(talkie, "model.blocks", "model.embed"), signed=True),
    "MiniMaxText01ForCausalLM": entry({**HEAD, "attn_type_list": [0, 1, 0, 1], "num_local_experts": (5, 4, 6), "num_experts_per_tok": 2, "rotary_dim": 8, **{f"layernorm_{x}_{y}": 1.0 for x in ("full_attention", "linear_attention", "mlp") for y in ("alpha", "beta")}}, model(minimax)),
}

# Names that llama.cpp converts in the same way, of older checkpoints, of wrappers with a vision part, of fine-tunes.
ALIASES = {
    "BaiChuanForCausalLM": "BaichuanForCausalLM", "BitnetForCausalLM": "BitNetForCausalLM", "RWKV7ForCausalLM": "Rwkv7ForCausalLM",
    "ChatGLMForConditionalGeneration": "ChatGLMModel", "Dots3NoteForConditionalGeneration": "Dots3NoteForCausalLM",
    "DotsOCRForCausalLM": "Qwen2ForCausalLM", "KORMoForCausalLM": "Qwen2ForCausalLM",
    "Ernie4_5_ForCausalLM": "Ernie4_5ForCausalLM", "ExaoneMoEForCausalLM": "ExaoneMoeForCausalLM", "GrokForCausalLM": "Grok1ForCausalLM",
    "Gemma3nForConditionalGeneration": "Gemma3nForCausalLM", "IQuestCoderForCausalLM": "LlamaForCausalLM",
    "InternLM3ForCausalLM": "LlamaForCausalLM", "LLaMAForCausalLM": "LlamaForCausalLM", "VLlama3ForCausalLM": "LlamaForCausalLM",
    "Sarashina2VisionForCausalLM": "LlamaForCausalLM",
    "KimiVLForConditionalGeneration": "DeepseekV3ForCausalLM", "KimiK25ForConditionalGeneration": "DeepseekV3ForCausalLM",
    "YoutuVLForConditionalGeneration": "YoutuForCausalLM", "KimiLinearModel": "KimiLinearForCausalLM", "LFM2ForCausalLM": "Lfm2ForCausalLM",
    "LLaDAMoEModelLM": "LLaDAMoEModel", "MiMoV2ForCausalLM": "MiMoV2FlashForCausalLM", "MiniMaxM1ForCausalLM": "MiniMaxText01ForCausalLM", "OLMoForCausalLM": "OlmoForCausalLM",
    "PLaMo2ForCausalLM": "Plamo2ForCausalLM", "PLaMo3ForCausalLM": "Plamo3ForCausalLM", "Phi4ForCausalLMV": "Phi3ForCausalLM",
    "RWForCausalLM": "FalconForCausalLM", "StableLMEpochForCausalLM": "StableLmForCausalLM",
    "LlavaStableLMEpochForCausalLM": "StableLmForCausalLM", "SarvamMoEForCausalLM": "BailingMoeV2ForCausalLM",
    "Step3p7ForConditionalGeneration": "Step3p5ForCausalLM", "ChameleonForCausalLM": "ChameleonForConditionalGeneration",
    "MambaLMHeadModel": "MambaForCausalLM", "StepVLForConditionalGeneration": "Qwen3ForCausalLM",
    "modeling_grove_moe.GroveMoeForCausalLM": "GroveMoeForCausalLM", "modeling_sarvam_moe.SarvamMoEForCausalLM": "BailingMoeV2ForCausalLM",
}
