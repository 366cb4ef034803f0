"""The table of inference fixtures: configuration, adapter, and how the base directory is written."""
import tiny_models as t

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
ALL = [*ATTENTION, "gate_proj", "up_proj", "down_proj"]
HYBRID = [*ATTENTION, "input_linear", "output_linear"]
MAMBA = ["in_proj", "out_proj"]
LFM2 = ["q_proj", "k_proj", "v_proj", "in_proj", "out_proj", "w1", "w2", "w3"]
LINEAR = ["linear_attention", "full_attention", "linear_attention"]
DELTA = ["in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "out_proj"]
PHI3 = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
GLM4 = [*ATTENTION, "gate_up_proj", "down_proj"]
LAYER_INPUT = ["per_layer_input_gate", "per_layer_projection"]
INVOCATION = [7, 9, 7]  # overlaps itself

SMALL = dict(hidden=32, heads=4, kv_heads=2, inter=48, vocab=64)
SPARSE = dict(hidden=32, heads=4, kv_heads=2, inter=24, vocab=64)  # with experts
ODD = dict(hidden=36, heads=3, kv_heads=1, inter=52, vocab=61)  # nothing here is a multiple of a vector width

# the files of newer cases are smaller: bfloat16, rank 2, and two prompts
TINY = dict(hidden=16, heads=4, kv_heads=2, inter=24, vocab=24)
TINY_ODD = dict(hidden=18, heads=3, kv_heads=1, inter=21, vocab=23)
# smaller still, with one prompt of 14 tokens
MICRO = dict(hidden=8, heads=2, kv_heads=1, inter=12, vocab=12)


def rope(kind, theta=10000.0, **extra):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": theta, **extra}}


LONGROPE = dict(max_position_embeddings=64, original_max_position_embeddings=16)


def factors(start, step, count):
    return [round(start + step * i, 3) for i in range(count)]


def case(architecture, config, targets=ALL, plain=False, style="new", dtype="float32", shards=None, compressed=True, salt=None, fused=False,
         mxfp4=False, titles=None, **peft):
    """`fused`: experts in the parameters of transformers 5, not in a module each; `mxfp4`: experts as gpt-oss is published. `style`: "legacy" writes rope_theta and rope_scaling as published files do; `plain`: an ordinary LoRA, no invocation; `salt`: other prompts, where
    the first ones had a near-tie in routing; `titles`: of the prompts; all of them if None."""
    return dict(architecture=architecture, config=config, targets=targets, plain=plain, style=style, dtype=dtype, shards=shards,
                compressed=compressed, salt=salt, fused=fused, mxfp4=mxfp4, titles=titles, peft=peft)


def small(*arguments, **options):
    return case(*arguments, dtype="bfloat16", titles=["overlapping itself", "long"], **{"r": 2, "lora_alpha": 4, **options})


def micro(*arguments, **options):
    return case(*arguments, dtype="bfloat16", titles=["overlapping itself"], **{"r": 1, "lora_alpha": 2, **options})


L, G = "LlamaForCausalLM", "GraniteMoeHybridForCausalLM"
CASES = {
    "llama": case(L, lambda: t.llama(hidden=64, inter=80, vocab=96), compressed=False),
    "llama-lora": case(L, lambda: t.llama(**SMALL), plain=True, use_rslora=True, rank_pattern={"q_proj": 6}),
    "llama-output": case(L, lambda: t.llama(**SMALL), ["q_proj", "lm_head"]),
    "llama-embedding": case(L, lambda: t.llama(**SMALL), ["v_proj", "embed_tokens", "lm_head"], plain=True),
    "llama-tied-bf16": case(L, lambda: t.llama(**ODD, tie_word_embeddings=True), style="legacy", dtype="bfloat16"),
    "llama-llama3-sharded": case(L, lambda: t.llama(**SMALL, head_dim=24, **rope(
        "llama3", 500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)),
        style="legacy", shards="30KB"),
    "llama-linear": case(L, lambda: t.llama(**SMALL, **rope("linear", factor=4.0)), style="legacy"),
    "llama-yarn": case(L, lambda: t.llama(**SMALL, **rope("yarn", factor=4.0, original_max_position_embeddings=16,
                                                          beta_fast=32.0, beta_slow=1.0))),
    "llama-bias": case(L, lambda: t.llama(**SMALL, attention_bias=True, mlp_bias=True)),
    "mistral-window": case("MistralForCausalLM", lambda: t.mistral(**SMALL, head_dim=12, sliding_window=8), style="legacy"),
    "granite": case("GraniteForCausalLM", lambda: t.granite(**SMALL), style="legacy"),
    "granite-untied": case("GraniteForCausalLM", lambda: t.granite(**ODD, tie_word_embeddings=False)),
    "granite-moe": case("GraniteMoeForCausalLM", lambda: t.granite_moe(**SMALL), ATTENTION),
    "granite-moe-shared": case("GraniteMoeSharedForCausalLM", lambda: t.granite_moe_shared(**SMALL), HYBRID),
    "granite-moe-hybrid": case(G, lambda: t.granite_moe_hybrid(**SMALL, shared=48), HYBRID, style="legacy"),
    "granite-moe-hybrid-nope": case(G, lambda: t.granite_moe_hybrid(**SMALL, shared=40, position=None), HYBRID),
    "granite-moe-hybrid-experts": case(G, lambda: t.granite_moe_hybrid(**SMALL, shared=24, experts=4, position="nope"), HYBRID, salt=2),
    # layers of Mamba 2; the second's heads are 6 long, so that no group fills a vector
    "granite-hybrid": small(G, lambda: t.granite_hybrid(**TINY), [*HYBRID, *MAMBA], style="legacy"),
    "granite-hybrid-experts": small(G, lambda: t.granite_hybrid(
        experts=4, kinds=("mamba", "mamba", "attention"), shared=20, hidden=18, heads=3, kv_heads=1, inter=12, vocab=23, position_embedding_type=None,
        mamba_n_heads=6, mamba_n_groups=3, mamba_d_state=3, mamba_d_conv=2, mamba_conv_bias=False, mamba_proj_bias=True, attention_bias=True,
        time_step_limit=(0.4, 1.2), tie_word_embeddings=False), [*HYBRID, *MAMBA]),
    "bamba": small("BambaForCausalLM", lambda: t.bamba(**TINY, attn_layer_indices=[1], attn_rotary_emb=2), [*ALL, *MAMBA]),
    "bamba-mamba": small("BambaForCausalLM", lambda: t.bamba(
        **TINY, mamba_n_heads=2, mamba_n_groups=1, mamba_d_conv=3, mlp_bias=True, tie_word_embeddings=True), MAMBA, plain=True),
    "qwen2": case("Qwen2ForCausalLM", lambda: t.qwen2(**SMALL), style="legacy"),
    "qwen2-window": case("Qwen2ForCausalLM", lambda: t.qwen2(**SMALL, use_sliding_window=True, sliding_window=8, max_window_layers=1,
                                                             tie_word_embeddings=True)),
    "qwen3": case("Qwen3ForCausalLM", lambda: t.qwen3(**SMALL, tie_word_embeddings=True), style="legacy"),
    "qwen3-yarn": case("Qwen3ForCausalLM", lambda: t.qwen3(**SMALL, **rope(
        "yarn", 1000000.0, factor=4.0, original_max_position_embeddings=16)), style="legacy"),
    "olmo2": case("Olmo2ForCausalLM", lambda: t.olmo2(**SMALL), style="legacy"),
    "olmo2-bias": case("Olmo2ForCausalLM", lambda: t.olmo2(**{**ODD, "kv_heads": 3}, attention_bias=True, tie_word_embeddings=True)),
    "smollm3": case("SmolLM3ForCausalLM", lambda: t.smollm3(**{**SMALL, "layers": 4}, tie_word_embeddings=True), style="legacy"),
    "smollm3-layers": case("SmolLM3ForCausalLM", lambda: t.smollm3(**SMALL, no_rope_layers=[0, 1])),
    # four layers: the usual pattern of windows; the original length is 8, so most prompts are longer
    "olmo3": small("Olmo3ForCausalLM", lambda: t.olmo3(**{**TINY, "layers": 4}, rope_parameters={
        "sliding_attention": {"rope_type": "default", "rope_theta": 500000.0},
        "full_attention": {"rope_type": "yarn", "rope_theta": 500000.0, "factor": 8.0, "original_max_position_embeddings": 8,
                           "beta_fast": 32.0, "beta_slow": 1.0, "attention_factor": 1.2079441541679836}})),
    "olmo3-layers": small("Olmo3ForCausalLM", lambda: t.olmo3(**TINY_ODD, attention_bias=True, tie_word_embeddings=True, layer_types=[
        "full_attention", "sliding_attention"]), plain=True),
    "ministral3": small("Ministral3ForCausalLM", lambda: t.ministral3(**TINY)),
    "ministral3-window": small("Ministral3ForCausalLM", lambda: t.ministral3(**TINY_ODD, sliding_window=5, tie_word_embeddings=True), plain=True),
    "glm4": small("Glm4ForCausalLM", lambda: t.glm4(**TINY), GLM4),
    "glm4-plain": small("Glm4ForCausalLM", lambda: t.glm4(**TINY_ODD, attention_bias=False, tie_word_embeddings=True, rope_parameters={
        **t.ROPE, "partial_rotary_factor": 1.0}), GLM4, plain=True),
    "exaone4": small("Exaone4ForCausalLM", lambda: t.exaone4(**{**TINY, "layers": 4}, **rope(
        "llama3", 1000000.0, factor=16.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)), style="legacy"),
    "exaone4-full": small("Exaone4ForCausalLM", lambda: t.exaone4(**TINY_ODD, sliding_window=None, layer_types=["full_attention"] * 2,
                                                                 tie_word_embeddings=True), plain=True),
    "cohere2": small("Cohere2ForCausalLM", lambda: t.cohere2(**{**TINY, "layers": 4}), style="legacy"),
    "cohere2-bias": small("Cohere2ForCausalLM", lambda: t.cohere2(**TINY_ODD, attention_bias=True, layer_types=[
        "full_attention", "sliding_attention"]), plain=True),
    "gemma4": small("Gemma4ForCausalLM", lambda: t.gemma4(**{**TINY, "layers": 3}, attention_k_eq_v=True, num_global_key_value_heads=1,
                                                         final_logit_softcapping=6.0, layer_types=[
        "sliding_attention", "full_attention", "full_attention"])),
    "gemma4-values": small("Gemma4ForCausalLM", lambda: t.gemma4(**TINY_ODD, tie_word_embeddings=False), plain=True),
    "phi4-mini": small("Phi3ForCausalLM", lambda: t.phi3(**{**TINY, "heads": 2, "kv_heads": 1}, **LONGROPE, tie_word_embeddings=True, **rope(
        "longrope", partial_rotary_factor=0.75, short_factor=factors(1.0, 0.05, 3), long_factor=factors(1.1, 1.3, 3))), PHI3, style="legacy"),
    # chunks of 8, and positions in every other layer; most prompts are longer than a chunk and than floor_scale
    "llama4": small("Llama4ForCausalLM", lambda: t.llama4(
        **{**TINY, "inter": 12}, attention_chunk_size=8, floor_scale=8, attn_scale=0.3, no_rope_layer_interval=2), ATTENTION),
    "llama4-dense": small("Llama4ForCausalLM", lambda: t.llama4(
        **{**TINY_ODD, "inter": 10, "layers": 3}, attention_chunk_size=5, no_rope_layers=[1, 0, 1], attn_temperature_tuning=False,
        use_qk_norm=False, moe_layers=[1], num_experts_per_tok=2, attention_bias=True, tie_word_embeddings=True), ALL, plain=True),
    # what a GGUF can express
    "llama4-experts": small("Llama4ForCausalLM", lambda: t.llama4(
        **{**TINY, "inter": 12, "layers": 4}, interleave_moe_layer_step=2, num_experts_per_tok=2), ["q_proj"], plain=True,
        target_parameters=["feed_forward.experts.gate_up_proj", "feed_forward.experts.down_proj"]),
    "olmoe-limit": small("OlmoeForCausalLM", lambda: t.olmoe(**{**TINY, "inter": 12}, clip_qkv=0.7), ATTENTION),
    # short convolutions; the second's files have biases
    "lfm2": small("Lfm2ForCausalLM", lambda: t.lfm2(**{**TINY, "layers": 3}, layer_types=["conv", "full_attention", "conv"], tie_word_embeddings=True),
                  LFM2, style="legacy"),
    "lfm2-bias": small("Lfm2ForCausalLM", lambda: t.lfm2(
        **TINY_ODD, layer_types=["full_attention", "conv"], conv_bias=True, conv_L_cache=5, block_auto_adjust_ff_dim=False), LFM2, plain=True),
    # gated delta nets; in those of Qwen 3.5, GGUF orders the heads of values otherwise
    "qwen3-next": small("Qwen3NextForCausalLM", lambda: t.qwen3_next(**{**TINY, "layers": 3}, layer_types=LINEAR), [*ATTENTION, "in_proj_qkvz", "in_proj_ba", "out_proj"]),
    "qwen3-next-dense": small("Qwen3NextForCausalLM", lambda: t.qwen3_next(
        **{**TINY_ODD, "layers": 2}, layer_types=["full_attention", "linear_attention"], linear_num_value_heads=6, linear_conv_kernel_dim=2,
        attention_bias=True, mlp_only_layers=[0], norm_topk_prob=False, tie_word_embeddings=True),
        [*ATTENTION, "in_proj_qkvz", "out_proj", "shared_expert_gate"], plain=True),
    "qwen35": small("Qwen3_5ForCausalLM", lambda: t.qwen3_5(**{**TINY, "layers": 3}, layer_types=LINEAR), [*ALL, *DELTA]),
    "qwen35-heads": small("Qwen3_5ForCausalLM", lambda: t.qwen3_5(
        **TINY_ODD, layer_types=["linear_attention", "full_attention"], linear_num_key_heads=2, linear_num_value_heads=6, linear_value_head_dim=5,
        linear_key_head_dim=5, linear_conv_kernel_dim=3, head_dim=24, attention_bias=True, tie_word_embeddings=True), [*ALL, *DELTA], plain=True),
    "qwen35-moe": small("Qwen3_5MoeForCausalLM", lambda: t.qwen3_5_moe(**TINY, layer_types=["linear_attention", "full_attention"]), [*ATTENTION, *DELTA]),
    # multipliers that are powers of two, so that weights multiplied by them are the same numbers; then others, and what a GGUF lacks
    "falcon-h1": small("FalconH1ForCausalLM", lambda: t.falcon_h1(
        **TINY, embedding_multiplier=4.0, lm_head_multiplier=0.5, attention_in_multiplier=2.0, key_multiplier=0.25, attention_out_multiplier=0.5,
        ssm_in_multiplier=0.5, ssm_multipliers=[2.0, 0.5, 4.0, 0.25, 2.0], ssm_out_multiplier=2.0, mlp_multipliers=[0.5, 2.0], mamba_norm_before_gate=False),
        [*ALL, "in_proj"], style="legacy"),
    "falcon-h1-norm": small("FalconH1ForCausalLM", lambda: t.falcon_h1(
        **TINY_ODD, embedding_multiplier=3.3, lm_head_multiplier=0.7, attention_in_multiplier=1.3, key_multiplier=0.6, attention_out_multiplier=0.9,
        ssm_in_multiplier=1.25, ssm_multipliers=[0.35, 0.25, 0.7, 0.5, 0.3], ssm_out_multiplier=0.23, mlp_multipliers=[0.88, 0.57], mamba_rms_norm=True,
        mamba_n_heads=6, mamba_n_groups=3, mamba_proj_bias=True, projectors_bias=True, attention_bias=True, mlp_bias=True, mamba_d_conv=2,
        tie_word_embeddings=True), [*ALL, "in_proj"], plain=True),
    "nemotron-h": small("NemotronHForCausalLM", lambda: t.nemotron_h("M-*M", **TINY, mamba_head_dim=16), [*ATTENTION, "in_proj", "up_proj", "down_proj"], style="legacy"),
    "nemotron-h-bias": small("NemotronHForCausalLM", lambda: t.nemotron_h(
        "*M-", **TINY_ODD, use_bias=True, mlp_bias=True, use_conv_bias=False, conv_kernel=3, n_groups=1, time_step_min=0.7, tie_word_embeddings=True),
        [*ATTENTION, "in_proj", "up_proj", "down_proj"], plain=True),
    # experts chosen by corrected scores, from two of three groups; then with a first layer that has none
    "glm4-moe": micro("Glm4MoeForCausalLM", lambda: t.glm4_moe(
        **{**MICRO, "layers": 1}, n_group=3, topk_group=2, use_qk_norm=True, attention_bias=True, n_shared_experts=2, first_k_dense_replace=0,
        routed_scaling_factor=1.7, tie_word_embeddings=True), ["q_proj", "o_proj"]),
    "ernie4-5": micro("Ernie4_5ForCausalLM", lambda: t.ernie4_5(**{**MICRO, "layers": 1}, use_bias=True), ["k_proj", "up_proj"], style="legacy"),
    "ernie4-5-moe": micro("Ernie4_5_MoeForCausalLM", lambda: t.ernie4_5_moe(**MICRO, tie_word_embeddings=True), ["q_proj", "gate_proj", "up_proj"], plain=True),
    # experts beside each layer's network
    "gemma4-moe": micro("Gemma4ForCausalLM", lambda: t.gemma4_moe(
        **{**MICRO, "layers": 2}, attention_k_eq_v=True, layer_types=["sliding_attention", "full_attention"]), ["q_proj", "proj"], plain=True),
    # embeddings for each layer; the last one attends to the keys and values of another
    "gemma4-shared": micro("Gemma4ForCausalLM", lambda: t.gemma4(
        **{**MICRO, "layers": 3}, hidden_size_per_layer_input=3, vocab_size_per_layer_input=12, num_kv_shared_layers=1, use_double_wide_mlp=True,
        layer_types=["sliding_attention", "full_attention", "full_attention"]), ["q_proj", "v_proj", "down_proj", *LAYER_INPUT]),
    "gemma3n": micro("Gemma3nForCausalLM", lambda: t.gemma3n(**MICRO), [
        "o_proj", "gate_proj", "linear_right", "correction_coefs", "prediction_coefs", *LAYER_INPUT]),
    "seed-oss": case("SeedOssForCausalLM", lambda: t.seed_oss(**SMALL)),
    "seed-oss-bias": case("SeedOssForCausalLM", lambda: t.seed_oss(**SMALL, attention_bias=False, attention_out_bias=True, mlp_bias=True)),
    "mixtral-window": case("MixtralForCausalLM", lambda: t.mixtral(**{**ODD, "inter": 20, "kv_heads": 3}, sliding_window=8, tie_word_embeddings=True),
                           ATTENTION, fused=True),
    "mixtral-experts": case("MixtralForCausalLM", lambda: t.mixtral(**SPARSE), ATTENTION, plain=True, style="legacy",
                            target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj", "mlp.gate.weight"]),
    "qwen3-moe": case("Qwen3MoeForCausalLM", lambda: t.qwen3_moe(**SPARSE), ATTENTION, style="legacy"),
    "qwen3-moe-dense": case("Qwen3MoeForCausalLM", lambda: t.qwen3_moe(
        **{**ODD, "inter": 20, "layers": 3, "num_experts": 7}, norm_topk_prob=False, mlp_only_layers=[1], attention_bias=True, tie_word_embeddings=True,
        use_sliding_window=True, sliding_window=8), ATTENTION, fused=True, dtype="bfloat16"),
    "qwen3-moe-experts": case("Qwen3MoeForCausalLM", lambda: t.qwen3_moe(**SPARSE), ALL, plain=True, dtype="bfloat16"),  # PEFT rewrites gate, up and down
    "qwen2-moe": case("Qwen2MoeForCausalLM", lambda: t.qwen2_moe(**SPARSE), ATTENTION, dtype="bfloat16"),  # PEFT's aLoRA fails on shared experts
    "qwen2-moe-window": case("Qwen2MoeForCausalLM", lambda: t.qwen2_moe(
        **{**SPARSE, "layers": 4}, norm_topk_prob=True, decoder_sparse_step=2, qkv_bias=False, use_sliding_window=True, sliding_window=8,
        max_window_layers=3), [*ALL, "shared_expert_gate"], plain=True, style="legacy", dtype="bfloat16"),
    "olmoe-experts": case("OlmoeForCausalLM", lambda: t.olmoe(**SPARSE, attention_bias=True), ["v_proj"], plain=True,
                          target_parameters=["mlp.experts.down_proj"], dtype="bfloat16"),
    "gpt-oss": case("GptOssForCausalLM", lambda: t.gpt_oss(**SPARSE), ATTENTION, style="legacy"),
    "gpt-oss-layers": case("GptOssForCausalLM", lambda: t.gpt_oss(
        **{**ODD, "inter": 20, "layers": 3}, attention_bias=False, swiglu_limit=0.5, swiglu_alpha=1.3, tie_word_embeddings=True,
        layer_types=["full_attention", "sliding_attention", "sliding_attention"]), ATTENTION, dtype="bfloat16"),
    "gpt-oss-mxfp4": case("GptOssForCausalLM", lambda: t.gpt_oss(**{**SPARSE, "inter": 32}), ATTENTION, mxfp4=True),
    "gpt-oss-experts": case("GptOssForCausalLM", lambda: t.gpt_oss(**SPARSE), ["q_proj"], plain=True,
                            target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj", "router.weight"]),
    "phi3": case("Phi3ForCausalLM", lambda: t.phi3(**SMALL), PHI3, style="legacy"),
    "phi3-longrope": case("Phi3ForCausalLM", lambda: t.phi3(**SMALL, **LONGROPE, **rope(
        "longrope", short_factor=factors(1.0, 0.05, 4), long_factor=factors(1.1, 1.3, 4))), PHI3, style="legacy"),
    "phi3-partial": case("Phi3ForCausalLM", lambda: t.phi3(**{**SMALL, "hidden": 64}, tie_word_embeddings=True, **rope(
        "default", partial_rotary_factor=0.75)), PHI3),
    "gemma2": case("Gemma2ForCausalLM", lambda: t.gemma2(**SMALL, attn_logit_softcapping=4.0, final_logit_softcapping=6.0),
                   style="legacy"),
    "gemma3": case("Gemma3ForCausalLM", lambda: t.gemma3(**SMALL)),
    # what a GGUF can express: every sixth layer global, scale 1/sqrt(head_dim)
    "gemma3-six-layers": case("Gemma3ForCausalLM", lambda: t.gemma3(
        hidden=32, heads=2, kv_heads=1, inter=32, vocab=64, layers=6, head_dim=16, query_pre_attn_scalar=16,
        layer_types=["sliding_attention"] * 5 + ["full_attention"])),
    "gemma3-linear": case("Gemma3ForCausalLM", lambda: t.gemma3(
        **{**SMALL, "layers": 3}, layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters={"sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                         "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0}})),
}


def prompts(vocab, rng):
    """Every way an invocation can lie in a prompt. Filler never contains its tokens."""
    filler = [i for i in range(3, vocab) if i not in INVOCATION]
    some = lambda n: [int(x) for x in rng.choice(filler, n)]  # noqa: E731
    a, b, _ = INVOCATION
    return {
        "no invocation": some(12),
        "in the middle": some(8) + INVOCATION + some(6),
        "twice": some(5) + INVOCATION + some(4) + INVOCATION + some(3),
        "at index 0": INVOCATION + some(8),
        "at the end": some(9) + INVOCATION,
        "overlapping itself": some(6) + [a, b, a, b, a] + some(3),
        "broken off": some(5) + [a, b, b] + some(4),
        "broken off, then found": some(3) + [a, b, b, a, a, b, a, b] + some(2),
        "long": some(22) + INVOCATION + some(8),
        "only the invocation": list(INVOCATION),
    }
