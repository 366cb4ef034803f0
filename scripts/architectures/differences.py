"""Where llama.cpp b11434 computes something else than transformers, without any adapter.

Class: the settings with which both compute the same, as in `engine.py`, and what differs without them. `document.py`
writes the differences into docs/architectures.md.
"""

WINDOWS = ["sliding_attention", "full_attention"] * 2
FULL = {"sliding_window": None, "layer_types": ["full_attention"] * 4}
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
DIFFERENCES = {
    "AfmoeForCausalLM": (
        {"over": {"mup_enabled": True}, "raw": {"route_norm": True}},
        "llama.cpp always scales embeddings, transformers only if `mup_enabled` is true; llama.cpp normalizes the experts' "
        "weights only if config.json says `route_norm`, transformers always. llama.cpp is made for models with both.",
    ),
    "BambaForCausalLM": (
        {"over": {"rope_parameters": {**ROPE, "partial_rotary_factor": 1.0}}},
        "transformers rotates half of each head unless `rope_parameters` says otherwise; llama.cpp rotates all of it, and its "
        "converter reorders rows as if that were right. So published Bamba models are off in llama.cpp, with or without an adapter.",
    ),
    "DeepseekV3ForCausalLM": (
        {"over": {"head_dim": 8, "num_experts_per_tok": 2}, "raw": {"scoring_func": "sigmoid"}},
        "transformers always routes by sigmoid; llama.cpp routes by softmax unless config.json has `scoring_func`, which "
        "DeepSeek's own has and transformers doesn't save.",
    ),
    "Exaone4_5_ForConditionalGeneration": (
        {"text": FULL},
        "transformers doesn't rotate in full-attention layers of a model with a window; llama.cpp knows windows only for models of 64 "
        "layers, as EXAONE 4.0 32B and 4.5 33B are.",
    ),
    "FalconMambaForCausalLM": (
        # transformers multiplies by the weight of dt_proj without calling the module, so PEFT's adapter of it has no effect.
        {"over": {"layer_norm_epsilon": 1e-6}, "unadapted": ["dt_proj"]},
        "transformers normalizes B, C and the time step with `mixer_rms_eps`; llama.cpp has one epsilon for all norms, "
        "`layer_norm_epsilon`. By default they are 1e-6 and 1e-5.",
    ),
    "LagunaForCausalLM": (
        {"over": {"layer_types": ["full_attention"] + ["sliding_attention"] * 3}},
        "the converter doesn't write `layer_types`; llama.cpp assumes one layer of full attention and three with a window in turn, "
        "as in Laguna XS.2.",
    ),
    "MellumForCausalLM": (
        {"over": {"layer_types": WINDOWS, "rope_parameters": {"full_attention": ROPE, "sliding_attention": ROPE}}},
        "llama.cpp rotates all layers with the base frequency of full attention; transformers has one for layers with a window.",
    ),
    "MiMoV2FlashForCausalLM": (
        {"over": {"rope_parameters": {kind: {**ROPE, "rope_theta": theta, "partial_rotary_factor": 0.5} for kind, theta in (("full_attention", 5e6), ("sliding_attention", 1e4))}},
         "raw": {"rope_theta": 5e6}},
        "only the tiny model: its config.json had other frequencies and another rotary factor than the model that transformers built.",
    ),
    "MiniMaxM2ForCausalLM": (
        {"over": {"rotary_dim": 8}, "raw": {"scoring_func": "sigmoid"}},
        "only the tiny model: its config.json had `rotary_dim`, and the model that transformers built rotated whole heads.",
    ),
    "SolarOpenForCausalLM": (
        {"raw": {"partial_rotary_factor": 1.0}},
        "without `partial_rotary_factor` in config.json, llama.cpp's converter writes half a head; transformers rotates all of it.",
    ),
}
