"""The table of conversion fixtures: name, base, PEFT settings. `dtype`, `legacy`, `effective` are the fixture maker's own."""
import tiny_models as t

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
QKV = ["q_proj", "k_proj", "v_proj"]
HYBRID = ["q_proj", "k_proj", "v_proj", "o_proj", "input_linear", "output_linear"]

# base directory → (architecture, configuration, overrides of config.json)
BASES = {
    "llama": ("LlamaForCausalLM", lambda: t.llama(), {}),
    "llama-tied": ("LlamaForCausalLM", lambda: t.llama(heads=3, kv_heads=1, hidden=48, inter=96, tie_word_embeddings=True), {}),
    "llama-head-dim": ("LlamaForCausalLM", lambda: t.llama(head_dim=24), {}),
    "mistral": ("MistralForCausalLM", lambda: t.mistral(sliding_window=16), {}),
    "granite": ("GraniteForCausalLM", lambda: t.granite(), {}),
    "granite-moe": ("GraniteMoeForCausalLM", lambda: t.granite_moe(), {}),
    # published Granite 4 files spell the layer type "attention"; transformers 5 writes "full_attention"
    "granite-moe-hybrid": ("GraniteMoeHybridForCausalLM", lambda: t.granite_moe_hybrid(), {"layer_types": ["attention"] * 2}),
    "granite-moe-hybrid-experts": ("GraniteMoeHybridForCausalLM", lambda: t.granite_moe_hybrid(experts=4),
                                   {"layer_types": ["attention"] * 2}),
    "qwen2": ("Qwen2ForCausalLM", lambda: t.qwen2(), {}),
    "qwen3": ("Qwen3ForCausalLM", lambda: t.qwen3(), {}),
    "phi3": ("Phi3ForCausalLM", lambda: t.phi3(), {}),
    "gemma2": ("Gemma2ForCausalLM", lambda: t.gemma2(), {}),
    "gemma3": ("Gemma3ForCausalLM", lambda: t.gemma3(), {}),
    "llama-bos": ("LlamaForCausalLM", lambda: t.llama(vocab=300), {}),
    "llama-no-bos": ("LlamaForCausalLM", lambda: t.llama(vocab=300), {}),
}
TOKENIZERS = {"llama-bos": True, "llama-no-bos": False}  # base directory → adds a BOS


def case(base, targets=ALL, r=4, alpha=8, dtype="float32", legacy=None, effective=False, keep=False, rewrite=None, card=None,
         wrong=None, **peft):
    """`effective`: store every fourth row of PEFT's update; `keep`: store the reference's f32 file; `rewrite`: how the saved tensors are respelt;
    `card`: text of a README.md; `wrong`: what the automatic comparison cannot see."""
    return dict(base=base, targets=targets, r=r, alpha=alpha, dtype=dtype, legacy=legacy, effective=effective, keep=keep,
                rewrite=rewrite, card=card, wrong=wrong, peft=peft)


CARD = """---
base_model: alora-tests/Tiny-Llama-70K-Instruct
license: apache-2.0
language:
- en
tags:
- lora
- test
---
# A tiny adapter
"""


INVOKE = {"alora_invocation_tokens": [5, 17, 6]}
CASES = {
    # every architecture, all linears
    "llama-alora": case("llama", keep=True, **INVOKE),
    "llama-lora": case("llama"),
    "llama-tied-alora": case("llama-tied", r=16, alpha=32, keep=True, **INVOKE),
    "llama-head-dim-alora": case("llama-head-dim", QKV, **INVOKE),
    "mistral-alora": case("mistral", **INVOKE),
    "granite-alora": case("granite", **INVOKE),
    "granite-moe-alora": case("granite-moe", ["q_proj", "k_proj", "v_proj", "o_proj"], **INVOKE),
    "granite-moe-hybrid-alora": case("granite-moe-hybrid", HYBRID, keep=True, **INVOKE),
    "granite-moe-hybrid-experts-alora": case("granite-moe-hybrid-experts", HYBRID, **INVOKE),
    "qwen2-alora": case("qwen2", **INVOKE),
    "qwen3-alora": case("qwen3", **INVOKE),
    "phi3-alora": case("phi3", ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"], keep=True, **INVOKE),
    "gemma2-alora": case("gemma2", **INVOKE),
    "gemma3-alora": case("gemma3", **INVOKE),
    # ranks, and rows that q8_0 can or cannot block
    "llama-rank-1": case("llama", QKV, r=1, alpha=1),
    "llama-rank-3": case("llama", ["k_proj", "down_proj"], r=3, alpha=5),
    "llama-rank-32": case("llama", ["q_proj", "down_proj"], r=32, alpha=64, **INVOKE),
    "llama-fractional-alpha": case("llama", QKV, r=4, alpha=5.7),
    # where one alpha cannot say it
    "llama-rslora": case("llama", ["q_proj", "k_proj", "down_proj"], use_rslora=True, effective=True, **INVOKE),
    "llama-alpha-pattern": case("llama", ["q_proj", "k_proj", "down_proj"], effective=True,
                                alpha_pattern={"k_proj": 16, r"layers.1.mlp.down_proj": 3}),
    "llama-rank-pattern": case("llama", ["q_proj", "k_proj", "down_proj"], effective=True,
                               rank_pattern={"q_proj": 8, r"layers.0.mlp.down_proj": 2}),
    "llama-rslora-rank-pattern": case("llama", ["q_proj", "k_proj", "down_proj"], use_rslora=True, effective=True,
                                      rank_pattern={"q_proj": 8}),
    "llama-rank-alpha-pattern": case("llama", ["q_proj", "k_proj", "down_proj"], effective=True,
                                     rank_pattern={"q_proj": 8}, alpha_pattern={"q_proj": 16}),
    "llama-all-patterns": case("llama", ["q_proj", "k_proj", "down_proj"], use_rslora=True, effective=True, dtype="bfloat16",
                               rank_pattern={"^model.layers.0.self_attn.q_proj": 6, "down_proj": 2},
                               alpha_pattern={"k_proj": 24, r".*\.1\..*q_proj": 7}, **INVOKE),
    "granite-moe-hybrid-rslora": case("granite-moe-hybrid", ["k_proj", "input_linear"], use_rslora=True, effective=True, **INVOKE),
    # dtypes
    "llama-bf16": case("llama", dtype="bfloat16", **INVOKE),
    "llama-f16": case("llama", QKV + ["down_proj"], dtype="float16", **INVOKE),
    "llama-mixed-dtypes": case("llama", QKV, rewrite="b-bfloat16", **INVOKE),
    # other writers' spellings of the tensor names
    "llama-no-prefix": case("llama", QKV, rewrite="no-prefix"),
    "llama-adapter-name": case("llama", QKV, rewrite="adapter-name"),
    # a model card
    "llama-model-card": case("llama", QKV, card=CARD, **INVOKE),
    # which modules
    "llama-mlp-only": case("llama", ["gate_proj", "down_proj"]),
    "llama-regex-targets": case("llama", r".*\.0\..*(q|v)_proj", **INVOKE),
    "llama-layers-to-transform": case("llama", QKV, layers_to_transform=[1], **INVOKE),
    "llama-exclude-modules": case("llama", QKV, exclude_modules=r".*layers\.0\.self_attn\.k_proj", **INVOKE),
    "llama-all-linear": case("llama", "all-linear"),
    "llama-lm-head": case("llama", ["q_proj", "lm_head"], **INVOKE),
    "llama-tied-lm-head": case("llama-tied", ["q_proj", "lm_head"],
                               wrong="writes output.weight.lora_*, a tensor that a base GGUF with tied embeddings lacks"),
    "llama-embed-tokens": case("llama", ["q_proj", "embed_tokens"]),
    "llama-alpha-zero": case("llama", QKV, alpha=0),
    "llama-layer-norm": case("llama", QKV, modules_to_save=["input_layernorm"],
                             wrong="writes attn_norm.weight, which llama.cpp skips when it loads an adapter"),
    "granite-moe-experts": case("granite-moe", ["q_proj"], target_parameters=["block_sparse_moe.experts.gate_up_proj",
                                                                              "block_sparse_moe.experts.down_proj"]),
    # legacy IBM spelling: a string instead of ids
    "llama-bos-legacy": case("llama-bos", QKV, wrong="drops the BOS its tokenizer adds, not the first token of the string", legacy="<|start_of_role|>check the<|end_of_role|>"),
    "llama-no-bos-legacy": case("llama-no-bos", QKV, legacy="<|start_of_role|>check the<|end_of_role|>"),
}
