"""Tiny random models, one or more per base architecture, shared by the conversion and the inference fixtures.

A configuration is a function of sizes, so that conversion can use one set (rows divisible and not divisible by 32) and
inference another (small enough to commit the weights). Everything is seeded; nothing is downloaded.
"""
import json
import zlib

import torch
import transformers

ROPE = {"rope_type": "default", "rope_theta": 10000.0}


def _common(hidden=64, heads=4, kv_heads=2, inter=80, layers=2, vocab=96, **extra):
    """Sizes every decoder configuration shares. Grouped-query on purpose: a wrong q/k permutation must show."""
    return dict(hidden_size=hidden, num_attention_heads=heads, num_key_value_heads=kv_heads, intermediate_size=inter,
                num_hidden_layers=layers, vocab_size=vocab, max_position_embeddings=512, bos_token_id=1, eos_token_id=2,
                pad_token_id=0, rms_norm_eps=1e-5, rope_parameters=dict(ROPE), tie_word_embeddings=False, **extra)




SIZES = ("hidden", "heads", "kv_heads", "inter", "layers", "vocab")


def _make(cls, defaults=None):
    def build(**kw):
        merged = {**(defaults or {}), **kw}
        c = _common(**{k: v for k, v in merged.items() if k in SIZES})
        c.update({k: v for k, v in merged.items() if k not in SIZES})
        return getattr(transformers, cls)(**c)
    return build


llama = _make("LlamaConfig")
mistral = _make("MistralConfig", {"sliding_window": None})
qwen2 = _make("Qwen2Config")
qwen3 = _make("Qwen3Config", {"head_dim": 24})
olmo2 = _make("Olmo2Config")
smollm3 = _make("SmolLM3Config")
mixtral = _make("MixtralConfig", {"num_local_experts": 4, "num_experts_per_tok": 2})
qwen3_moe = _make("Qwen3MoeConfig", {"head_dim": 12, "num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 20,
                                     "norm_topk_prob": True})
qwen2_moe = _make("Qwen2MoeConfig", {"num_experts": 5, "num_experts_per_tok": 3, "moe_intermediate_size": 20,
                                     "shared_expert_intermediate_size": 28})
olmoe = _make("OlmoeConfig", {"num_experts": 5, "num_experts_per_tok": 2})
gpt_oss = _make("GptOssConfig", {"head_dim": 12, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 8, "rope_parameters": {
    "rope_type": "yarn", "rope_theta": 150000.0, "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False,
    "original_max_position_embeddings": 16}})
olmo3 = _make("Olmo3Config", {"sliding_window": 8, "rope_parameters": {
    kind: {"rope_type": "default", "rope_theta": 500000.0} for kind in ("sliding_attention", "full_attention")}})
ministral3 = _make("Ministral3Config", {"head_dim": 8, "rope_parameters": {
    "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 8, "beta_fast": 32.0, "beta_slow": 1.0,
    "mscale": 1.0, "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.25}})
glm4 = _make("Glm4Config", {"head_dim": 8, "rope_parameters": {**ROPE, "partial_rotary_factor": 0.5}})
exaone4 = _make("Exaone4Config", {"sliding_window": 8})
cohere2 = _make("Cohere2Config", {"sliding_window": 8, "logit_scale": 0.25, "layer_norm_eps": 1e-5, "tie_word_embeddings": True})
gemma4 = _make("Gemma4TextConfig", {"head_dim": 8, "global_head_dim": 12, "sliding_window": 8, "hidden_size_per_layer_input": 0,
                                    "tie_word_embeddings": True, "rope_parameters": None})
gemma3n = _make("Gemma3nTextConfig", {
    "head_dim": 4, "sliding_window": 8, "hidden_size_per_layer_input": 3, "vocab_size_per_layer_input": 12, "num_kv_shared_layers": 1, "laurel_rank": 2,
    "activation_sparsity_pattern": [0.6, 0.0], "layer_types": ["sliding_attention"] * 2, "tie_word_embeddings": True, "rope_parameters": None})
glm4_moe = _make("Glm4MoeConfig", {
    "head_dim": 8, "n_routed_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 6, "n_shared_experts": 1, "first_k_dense_replace": 1,
    "num_mtp_layers": 0, "rope_parameters": {**ROPE, "partial_rotary_factor": 0.5}})
ernie4_5 = _make("Ernie4_5Config", {"head_dim": 8})
ernie4_5_moe = _make("Ernie4_5_MoeConfig", {"moe_num_experts": 5, "moe_k": 2, "moe_intermediate_size": 6, "moe_num_shared_experts": 2})
gemma4_moe = _make("Gemma4TextConfig", {
    "head_dim": 8, "global_head_dim": 12, "sliding_window": 8, "hidden_size_per_layer_input": 0, "tie_word_embeddings": True, "rope_parameters": None,
    "enable_moe_block": True, "num_experts": 5, "top_k_experts": 2, "moe_intermediate_size": 6})
llama4 = _make("Llama4TextConfig", {"head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 1, "intermediate_size_mlp": 20})
seed_oss = _make("SeedOssConfig", {"head_dim": 12})
phi3 = _make("Phi3Config", {"original_max_position_embeddings": 512})
gemma2 = _make("Gemma2Config", {"head_dim": 24, "query_pre_attn_scalar": 20, "sliding_window": 8, "tie_word_embeddings": True})
gemma3 = _make("Gemma3TextConfig", {
    "head_dim": 24, "query_pre_attn_scalar": 20, "sliding_window": 8, "tie_word_embeddings": True,
    "layer_types": ["sliding_attention", "full_attention"],
    "rope_parameters": {"sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                        "full_attention": {"rope_type": "default", "rope_theta": 1000000.0}}})
_multipliers = {"embedding_multiplier": 3.0, "logits_scaling": 2.0, "residual_multiplier": 0.5, "attention_multiplier": 0.125}
granite = _make("GraniteConfig", {**_multipliers, "tie_word_embeddings": True})
granite_moe = _make("GraniteMoeConfig", {**_multipliers, "num_local_experts": 4, "num_experts_per_tok": 2})

granite_moe_shared = _make("GraniteMoeSharedConfig", {
    **_multipliers, "num_local_experts": 4, "num_experts_per_tok": 2, "shared_intermediate_size": 40})


def granite_moe_hybrid(experts=0, position="rope", shared=48, **kw):
    """GraniteMoeHybrid without Mamba layers, as Granite 4.0 micro is; `experts` 0 leaves only the shared MLP."""
    layers = kw.get("layers", 2)
    return _make("GraniteMoeHybridConfig", {
        **_multipliers, "layer_types": ["attention"] * layers, "num_local_experts": experts,
        "num_experts_per_tok": 2 if experts else 0, "shared_intermediate_size": shared, "position_embedding_type": position,
        "mamba_n_heads": 16, "mamba_d_head": "auto", "mamba_expand": 2, "tie_word_embeddings": True})(**kw)


def granite_hybrid(experts=0, kinds=("mamba", "attention", "mamba"), shared=None, **kw):
    """Granite 4.0 with Mamba 2 layers, as h-micro (without experts) and h-tiny are."""
    return _make("GraniteMoeHybridConfig", {
        **_multipliers, "layers": len(kinds), "layer_types": list(kinds), "num_local_experts": experts,
        "num_experts_per_tok": 2 if experts else 0, "shared_intermediate_size": shared or kw["inter"], "position_embedding_type": "nope",
        "mamba_n_heads": 4, "mamba_expand": 2, "mamba_d_state": 6, "mamba_n_groups": 2, "mamba_chunk_size": 4, "tie_word_embeddings": True})(**kw)


bamba = _make("BambaConfig", {"mamba_n_heads": 4, "mamba_expand": 2, "mamba_d_state": 6, "mamba_n_groups": 2, "mamba_chunk_size": 4})


lfm2 = _make("Lfm2Config", {"block_multiple_of": 8, "norm_eps": 1e-5})
_delta = {"head_dim": 16, "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 6, "linear_value_head_dim": 8,
          "rope_parameters": {**ROPE, "partial_rotary_factor": 0.25}}
_experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 10, "shared_expert_intermediate_size": 12}
qwen3_next = _make("Qwen3NextConfig", {**_delta, **_experts})
qwen3_5 = _make("Qwen3_5TextConfig", _delta)
qwen3_5_moe = _make("Qwen3_5MoeTextConfig", {**_delta, **_experts})
falcon_h1 = _make("FalconH1Config", {"mamba_d_ssm": 24, "mamba_n_heads": 4, "mamba_d_state": 6, "mamba_n_groups": 2, "mamba_chunk_size": 4, "head_dim": 6})


def nemotron_h(kinds, **kw):
    return _make("NemotronHConfig", {
        "layers": len(kinds), "layers_block_type": [{"M": "linear_attention", "*": "full_attention", "-": "mlp"}[k] for k in kinds], "head_dim": 6,
        "mamba_num_heads": 4, "mamba_head_dim": 6, "ssm_state_size": 6, "n_groups": 2, "chunk_size": 4,
        "rope_parameters": None})(**kw)


def seed_of(*parts):
    """A seed that depends on the names only, so that adding a case changes no other case."""
    return zlib.crc32("/".join(map(str, parts)).encode())


def auto_class(config):
    """Models of images and text have their text's numbers in a configuration of its own."""
    return transformers.AutoModelForImageTextToText if hasattr(config, "text_config") else transformers.AutoModelForCausalLM


def make_model(config, name):
    """A causal LM in float32 with weights large enough that attention, gates and routing all matter."""
    torch.manual_seed(seed_of("model", name))
    config._attn_implementation = "eager"
    model = auto_class(config).from_config(config, attn_implementation="eager", dtype=torch.float32)
    gen = torch.Generator().manual_seed(seed_of("weights", name))
    with torch.no_grad():
        for key, p in sorted(model.named_parameters()):
            noise = torch.randn(p.shape, generator=gen)
            if key.endswith("norm.weight"):
                is_offset = (config.model_type.startswith(("gemma2", "gemma3", "qwen3_5", "qwen3_next")) and "linear_attn" not in key
                             and not config.model_type.startswith("gemma3n"))
                centre = 0.0 if is_offset else 1.0
                p.copy_(centre + 0.2 * noise)
            elif key.endswith(("router.scale", "per_expert_scale", "correct_output_scale")):
                p.copy_(1.0 + 0.3 * noise)
            elif key.endswith(("bias", "sinks")):
                p.copy_(0.3 * noise if key.endswith("bias") else 1.0 + noise)
            elif "embed" in key or "lm_head" in key:
                small = config.tie_word_embeddings or hasattr(config, "embedding_multiplier")
                scale = p.shape[-1] ** -0.5 if "lm_head" in key else 0.35 if small else 1.0
                p.copy_(scale * noise)
            else:
                # experts of gpt-oss and Llama 4 are [experts, in, out]
                width = p.shape[-2] if config.model_type in ("gpt_oss", "llama4_text") and "experts" in key else p.shape[-1]
                p.copy_(1.2 * noise * width ** -0.5)
        for key, buffer in sorted(model.named_buffers()):
            if key.endswith("layer_scalar"):
                buffer.copy_(1.0 + 0.3 * torch.randn(buffer.shape, generator=gen))
            if key.endswith("e_score_correction_bias"):
                buffer.copy_(0.3 * torch.randn(buffer.shape, generator=gen))
    model.tie_weights()
    return model.eval()


def write_config(config, architecture, directory, **overrides):
    """config.json as transformers writes it (its own spelling of RoPE parameters and layer types)."""
    config.architectures = [architecture]
    text = json.loads(config.to_json_string(use_diff=True))
    text["dtype"] = "float32"
    text.update(overrides)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(text, indent=2, sort_keys=True) + "\n")


def randomize_adapter(peft_model, name, a_std=None, b_std=0.05):
    """PEFT starts lora_B at zero: give A and B seeded noise, in the adapter's own dtype."""
    gen = torch.Generator().manual_seed(seed_of("adapter", name))
    with torch.no_grad():
        for key, p in sorted(peft_model.named_parameters()):
            if "lora_A" in key or "lora_embedding_A" in key:
                p.copy_(torch.randn(p.shape, generator=gen) * (a_std or p.shape[-1] ** -0.5))
            elif "lora_B" in key or "lora_embedding_B" in key:
                p.copy_(torch.randn(p.shape, generator=gen) * b_std)
