"""Compare `alora logits` with transformers and PEFT on random configurations of each class.

usage: compare_engine.py ALORA [--seeds N] [--first S] [CLASS …]       (needs torch, transformers and peft)

Every seed draws sizes, windows, biases, ties, rotary embeddings and an adapter. The largest difference may be 2e-5 of the row's largest logit.
Some configurations amplify rounding more: there, alora may be ten times as far from float64 as PyTorch in float32 is.
"""
import argparse
import json
import random
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
import transformers
from huggingface_hub.errors import StrictDataclassClassValidationError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "testdata"))
import engine_configurations  # noqa: E402
import tiny_models  # noqa: E402

warnings.filterwarnings("ignore")
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)
TOLERANCE = 2e-5
EXPERT_COUNTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
SEPARATE = [*ATTENTION, "gate_proj", "up_proj", "down_proj"]
FUSED = [*ATTENTION, "gate_up_proj", "down_proj"]


def kinds(r, layers, full_last=False):
    chosen = [r.choice(["sliding_attention", "full_attention"]) for _ in range(layers)]
    if full_last:
        chosen[-1] = "full_attention"
    return chosen


def rope(r, *types, original, theta=None):
    """A description of one of the types."""
    kind = r.choice(types)
    p = {"rope_type": kind, "rope_theta": theta or r.choice([10000.0, 500000.0, 123.0])}
    if kind == "linear":
        p["factor"] = r.choice([2.0, 4.0, 2.5])
    if kind == "llama3":
        p |= {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": r.choice([2.0, 4.0]), "original_max_position_embeddings": original}
    if kind == "yarn":
        p |= {"factor": r.choice([2.0, 4.0, 16.0]), "original_max_position_embeddings": original}
        p |= r.choice([{}, {"beta_fast": 8.0, "beta_slow": 0.5}, {"attention_factor": 1.3}, {"mscale": 1.0, "mscale_all_dim": 1.0},
                       {"mscale": 0.7, "mscale_all_dim": 1.2}, {"truncate": False}])
    return p


PLAIN = ("default", "linear", "llama3", "yarn")


def sizes(r, head_dim=True):
    kv = r.choice([1, 2, 3])
    heads = kv * r.choice([1, 2, 3])
    dimension = r.choice([8, 12, 16, 20, 34])
    hidden = r.choice([20, 32, 36, 48]) if head_dim else heads * dimension
    s = dict(hidden_size=hidden, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=r.choice([24, 33, 64]),
             num_hidden_layers=r.choice([1, 2, 3, 5]), vocab_size=r.choice([61, 64, 90]), max_position_embeddings=256, bos_token_id=1,
             eos_token_id=2, pad_token_id=0, tie_word_embeddings=r.random() < 0.5)
    return s | ({"head_dim": dimension} if head_dim else {})


def olmo3(r):
    s = sizes(r, head_dim=False)
    ropes = {"sliding_attention": rope(r, "default", "linear", original=16), "full_attention": rope(r, *PLAIN, original=16)}
    return s | dict(sliding_window=r.choice([1, 2, 7, 16, 300]), layer_types=r.choice([None, kinds(r, s["num_hidden_layers"])]),
                    attention_bias=r.random() < 0.3, rms_norm_eps=r.choice([1e-5, 1e-3]), rope_parameters=ropes)


def ministral3(r):
    original = r.choice([3, 8, 16])
    p = rope(r, "yarn", "yarn", *PLAIN, original=original)
    p |= {"llama_4_scaling_beta": r.choice([0.0, 0.1, 0.5]), "original_max_position_embeddings": original}
    return sizes(r) | dict(sliding_window=r.choice([None, None, 1, 6, 300]), rms_norm_eps=1e-5, rope_parameters=p)


def glm4(r):
    s = sizes(r)
    p = rope(r, *PLAIN, original=16)
    # An even number of rotated elements
    fits = [f for f in (0.25, 0.5, 0.75, 1.0) if int(s["head_dim"] * f) % 2 == 0 and int(s["head_dim"] * f) >= 2]
    p["partial_rotary_factor"] = r.choice(fits)
    return s | dict(attention_bias=r.random() < 0.5, rms_norm_eps=r.choice([1.5625e-7, 1e-5]), rope_parameters=p)


def exaone4(r):
    s = sizes(r)
    window = r.choice([None, 1, 5, 16, 300])
    layers = s["num_hidden_layers"]
    chosen = ["full_attention"] * layers if window is None else r.choice([None, kinds(r, layers)])
    return s | dict(sliding_window=window, layer_types=chosen, rms_norm_eps=1e-5, rope_parameters=rope(r, *PLAIN, original=16))


def cohere2(r):
    s = sizes(r, head_dim=False)
    return s | dict(sliding_window=r.choice([1, 5, 16, 300]), layer_types=r.choice([None, kinds(r, s["num_hidden_layers"])]),
                    attention_bias=r.random() < 0.3, layer_norm_eps=r.choice([1e-5, 1e-3]), logit_scale=r.choice([0.0625, 0.25, 1.0, 3.0]),
                    rope_parameters=rope(r, *PLAIN, original=16))


def gemma4(r):
    s = sizes(r)
    shares = r.random() < 0.5
    experts = r.choice([2, 3, 4, 7])
    s |= r.choice([{}, dict(enable_moe_block=True, num_experts=experts, top_k_experts=r.randint(1, experts), moe_intermediate_size=r.choice([12, 20, 33]))])
    heads = s["num_attention_heads"]
    return s | dict(global_head_dim=r.choice([s["head_dim"], 8, 24, 40]), attention_k_eq_v=shares,
                    num_global_key_value_heads=r.choice([None, 1, heads]), sliding_window=r.choice([1, 5, 16, 300]),
                    layer_types=r.choice([None, kinds(r, s["num_hidden_layers"], full_last=True)]), hidden_size_per_layer_input=0,
                    final_logit_softcapping=r.choice([None, 5.0]), attention_bias=r.random() < 0.2, rms_norm_eps=1e-6, rope_parameters={
                        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                        "full_attention": {"rope_type": "proportional", "rope_theta": r.choice([10000.0, 1e6]),
                                           "partial_rotary_factor": r.choice([0.25, 0.5, 1.0])}})


def phi3(r):
    s = sizes(r, head_dim=False)
    d = s["hidden_size"] // s["num_attention_heads"]
    partial = r.choice([f for f in (0.5, 0.75, 1.0) if int(d * f) % 2 == 0])
    n = int(d * partial) // 2
    p = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": partial}
    if r.random() < 0.7:
        p |= {"rope_type": "longrope", "short_factor": [1 + 0.1 * i for i in range(n)], "long_factor": [1.2 + 0.7 * i for i in range(n)]}
    return s | dict(original_max_position_embeddings=16, sliding_window=r.choice([None, 6]), rms_norm_eps=1e-5, rope_parameters=p)


def llama4(r):
    s = sizes(r)
    layers, experts = range(s["num_hidden_layers"]), r.choice([1, 2, 4])
    return s | dict(num_local_experts=experts, num_experts_per_tok=r.randint(1, experts), intermediate_size_mlp=r.choice([20, 40]),
                    interleave_moe_layer_step=r.choice([1, 2]), moe_layers=r.choice([None, [i for i in layers if r.random() < 0.5]]),
                    attention_chunk_size=r.choice([1, 5, 16, 300]), no_rope_layer_interval=r.choice([2, 4]),
                    no_rope_layers=r.choice([None, [], [r.choice([0, 1]) for _ in layers]]),
                    layer_types=r.choice([None, [r.choice(["chunked_attention", "full_attention"]) for _ in layers]]),
                    use_qk_norm=r.random() < 0.5, attn_temperature_tuning=r.random() < 0.7, floor_scale=r.choice([1, 7, 16]),
                    attn_scale=r.choice([0.1, 0.5]), attention_bias=r.random() < 0.3, rms_norm_eps=1e-5,
                    rope_parameters=rope(r, *PLAIN, original=16))


MAMBA = ["in_proj", "out_proj"]


def mamba2(r, hidden):
    """Sizes of Mamba 2 layers: any group of heads, state and kernel that fit."""
    inner = hidden * (expand := r.choice([1, 2, 3]))
    heads = r.choice([n for n in range(1, 25) if inner % n == 0])
    return dict(mamba_expand=expand, mamba_n_heads=heads, mamba_d_head=r.choice(["auto", inner // heads]),
                mamba_n_groups=r.choice([n for n in range(1, heads + 1) if heads % n == 0]), mamba_d_state=r.choice([1, 5, 16, 33]),
                mamba_d_conv=r.choice([2, 3, 4, 7]), mamba_chunk_size=r.choice([3, 16, 256]), mamba_conv_bias=r.random() < 0.5,
                mamba_proj_bias=r.random() < 0.3, time_step_limit=r.choice([(0.0, float("inf")), (0.3, 0.9), (0.7, float("inf"))]))


def hybrid_kinds(r, layers, names):
    return r.choice([[names[0]] * layers, [names[1]] * layers, *[[r.choice(names) for _ in range(layers)] for _ in range(6)]])


def granite_moe_hybrid(r):
    s = sizes(r, head_dim=False)
    experts = r.choice([0, 0, 1, 4])
    kinds = hybrid_kinds(r, s["num_hidden_layers"], ["mamba", "attention"])
    return s | mamba2(r, s["hidden_size"]) | dict(
        layer_types=kinds, num_local_experts=experts, num_experts_per_tok=r.randint(1, experts) if experts else 0,
        shared_intermediate_size=r.choice([20, 33, 48]), position_embedding_type=r.choice([None, "nope", "rope"]),
        attention_bias=r.random() < 0.3, embedding_multiplier=r.choice([1.0, 3.0]), logits_scaling=r.choice([1.0, 2.0]),
        residual_multiplier=r.choice([0.5, 1.0]), attention_multiplier=r.choice([0.125, 1.0]), rms_norm_eps=1e-5,
        rope_parameters=rope(r, "default", original=16))


def bamba(r):
    s = sizes(r, head_dim=False)
    while s["hidden_size"] // s["num_attention_heads"] % 4:  # half of a head is pairs
        s = sizes(r, head_dim=False)
    layers = s["num_hidden_layers"]
    return s | mamba2(r, s["hidden_size"]) | dict(
        attn_layer_indices=r.choice([None, list(range(layers)), [i for i in range(layers) if r.random() < 0.5]]), attention_bias=r.random() < 0.3,
        mlp_bias=r.random() < 0.3, rms_norm_eps=1e-5, rope_parameters=rope(r, "default", "linear", original=16))


def lfm2(r):
    s = sizes(r, head_dim=False)
    layers = s["num_hidden_layers"]
    return s | dict(layer_types=hybrid_kinds(r, layers, ["conv", "full_attention"]), conv_bias=r.random() < 0.4, conv_L_cache=r.choice([1, 2, 3, 5, 9]),
                    block_auto_adjust_ff_dim=r.random() < 0.6, block_multiple_of=r.choice([1, 8, 32]), block_ffn_dim_multiplier=r.choice([1.0, 1.3, 0.7]),
                    norm_eps=r.choice([1e-5, 1e-3]), rope_parameters=rope(r, *PLAIN, original=16))


def gated_delta(r):
    """Sizes of gated delta nets, and of attention with a part of each head rotated."""
    s = sizes(r)
    fits = [f for f in (0.25, 0.5, 0.75, 1.0) if int(s["head_dim"] * f) % 2 == 0 and int(s["head_dim"] * f) >= 2]
    keys = r.choice([1, 2, 3])
    return s | dict(layer_types=hybrid_kinds(r, s["num_hidden_layers"], ["linear_attention", "full_attention"]), linear_num_key_heads=keys,
                    linear_num_value_heads=keys * r.choice([1, 2, 3]), linear_key_head_dim=r.choice([1, 8, 16, 33]),
                    linear_value_head_dim=r.choice([1, 8, 20, 70]), linear_conv_kernel_dim=r.choice([2, 3, 4, 7]), attention_bias=r.random() < 0.3,
                    rms_norm_eps=r.choice([1e-6, 1e-4]), rope_parameters={**rope(r, *PLAIN, original=16), "partial_rotary_factor": r.choice(fits)})


def routed(r):
    experts = r.choice([1, 2, 4])
    return dict(num_experts=experts, num_experts_per_tok=r.randint(1, experts), moe_intermediate_size=r.choice([8, 11]),
                shared_expert_intermediate_size=r.choice([8, 13]))


def qwen3_next(r):
    s = gated_delta(r)
    layers = range(s["num_hidden_layers"])
    return s | routed(r) | dict(decoder_sparse_step=r.choice([1, 2]), mlp_only_layers=r.choice([None, [i for i in layers if r.random() < 0.5]]),
                                norm_topk_prob=r.random() < 0.5)


def qwen3_5_moe(r):
    return gated_delta(r) | routed(r)


def falcon_h1(r):
    s = sizes(r)
    heads = r.choice([1, 2, 3, 4, 6])
    dimension = r.choice([4, 8, 17, 33])
    number = lambda: r.choice([1.0, 0.5, 2.0, 0.37, 1.9])  # noqa: E731
    return s | dict(
        mamba_d_ssm=heads * dimension, mamba_n_heads=heads, mamba_d_head=r.choice(["auto", dimension]),
        mamba_n_groups=r.choice([n for n in range(1, heads + 1) if heads % n == 0]), mamba_d_state=r.choice([1, 5, 16, 33]),
        mamba_d_conv=r.choice([2, 3, 4]), mamba_chunk_size=r.choice([3, 16, 256]), mamba_conv_bias=r.random() < 0.5,
        mamba_proj_bias=r.random() < 0.3, projectors_bias=r.random() < 0.3, mamba_rms_norm=r.random() < 0.5, mamba_norm_before_gate=r.random() < 0.5,
        time_step_limit=r.choice([(0.0, float("inf")), (0.3, 0.9)]), attention_bias=r.random() < 0.3, mlp_bias=r.random() < 0.3, rms_norm_eps=1e-5,
        embedding_multiplier=number(), lm_head_multiplier=number(), attention_in_multiplier=number(), attention_out_multiplier=number(),
        key_multiplier=number(), ssm_in_multiplier=number(), ssm_out_multiplier=number(), ssm_multipliers=[number() for _ in range(5)],
        mlp_multipliers=[number(), number()], rope_parameters=rope(r, *PLAIN, original=16))


def nemotron_h(r):
    s = sizes(r)
    heads = r.choice([1, 2, 3, 4, 6])
    kinds = [r.choice(["linear_attention", "full_attention", "mlp"]) for _ in range(s.pop("num_hidden_layers") + 1)]
    return s | dict(
        layers_block_type=kinds, mamba_num_heads=heads, mamba_head_dim=r.choice([4, 8, 17, 33]), ssm_state_size=r.choice([1, 5, 16, 33]),
        n_groups=r.choice([n for n in range(1, heads + 1) if heads % n == 0]), conv_kernel=r.choice([2, 3, 4]), chunk_size=r.choice([3, 16, 256]),
        use_bias=r.random() < 0.3, mlp_bias=r.random() < 0.3, use_conv_bias=r.random() < 0.5, time_step_min=r.choice([0.001, 0.5]),
        layer_norm_epsilon=r.choice([1e-5, 1e-3]))


DELTA = ["in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "out_proj"]
CLASSES = {"Olmo3": (olmo3, SEPARATE), "Ministral3": (ministral3, SEPARATE), "Glm4": (glm4, FUSED), "Exaone4": (exaone4, SEPARATE),
           "Cohere2": (cohere2, SEPARATE), "Gemma4Text": (gemma4, [*SEPARATE, "router.proj"], engine_configurations.EXPERTS), "Phi3": (phi3, ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]),
           "Llama4Text": (llama4, SEPARATE, engine_configurations.EXPERTS), "Bamba": (bamba, [*SEPARATE, *MAMBA]),
           "GraniteMoeHybrid": (granite_moe_hybrid, [*ATTENTION, *MAMBA, "input_linear", "output_linear"]),
           "Lfm2": (lfm2, ["q_proj", "k_proj", "v_proj", "in_proj", "out_proj", "w1", "w2", "w3"]),
           "Qwen3Next": (qwen3_next, [*ATTENTION, "in_proj_qkvz", "in_proj_ba", "out_proj"]), "Qwen3_5Text": (gated_delta, [*SEPARATE, *DELTA]),
           "Qwen3_5MoeText": (qwen3_5_moe, [*ATTENTION, *DELTA]),
           # PEFT refuses out_proj of these two
           "FalconH1": (falcon_h1, [*SEPARATE, "in_proj"]), "NemotronH": (nemotron_h, [*ATTENTION, "in_proj", "up_proj", "down_proj"])} | engine_configurations.CLASSES


def computed(alora, base, tokens, adapter=None):
    with tempfile.TemporaryDirectory() as folder:
        command = [alora, "logits", "--quiet", "--model", base, "--tokens", ",".join(map(str, tokens)), "--output", f"{folder}/o.npz"]
        done = subprocess.run(command + (["--adapter", adapter] if adapter else []), capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().split("; supported are")[0])
        return np.load(f"{folder}/o.npz")["logits_0"]


def expected(model, tokens):
    with torch.no_grad():
        return model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0].numpy()


def is_rounding(found, wanted, model, tokens):
    torch.set_default_dtype(torch.float64)
    exact = expected(model.to(torch.float64), tokens)
    torch.set_default_dtype(torch.float32)
    return difference(found, exact) <= 10 * difference(wanted, exact)


def difference(found, wanted):
    return float((np.abs(found - wanted).max(axis=1) / np.abs(wanted).max(axis=1)).max())


def trial(alora, family, seed):
    from peft import LoraConfig, PeftModel, get_peft_model
    r = random.Random(f"{family} {seed}")
    draw, targets, *parameters = CLASSES[family]
    while True:
        fields = draw(r)
        try:
            config = getattr(transformers, family + "Config")(**fields)
            break
        except StrictDataclassClassValidationError:  # the class has rules of its own
            continue
    model = tiny_models.make_model(config, f"{family}-{seed}")
    vocabulary = config.get_text_config().vocab_size
    tokens = [r.randrange(3, vocabulary) for _ in range(r.choice([1, 9, 40, 70]))]
    tokens += [7, 9, 7] + [r.randrange(3, vocabulary) for _ in range(r.choice([0, 5, 40]))]
    with tempfile.TemporaryDirectory() as folder:
        base, adapter = f"{folder}/base", f"{folder}/adapter"
        model.save_pretrained(base)
        load = lambda: tiny_models.auto_class(config).from_pretrained(  # noqa: E731
            base, dtype=torch.float32, attn_implementation="eager",
            **({"experts_implementation": "eager"} if any(fields.get("text_config", fields).get(n) for n in EXPERT_COUNTS) else {})).eval()
        activation = r.choice([{}, {"alora_invocation_tokens": [7, 9, 7]}])
        if parameters and r.random() < 0.5:  # PEFT has no aLoRA of parameters
            activation = {"target_parameters": r.sample(parameters[0], r.randint(1, len(parameters[0])))}
        chosen = r.sample(targets, r.randint(1, len(targets)))
        lora = LoraConfig(task_type="CAUSAL_LM", r=r.choice([1, 3, 8]), lora_alpha=8, target_modules=chosen, **activation)
        try:
            tuned = get_peft_model(load(), lora)
        except ValueError:  # none of the chosen modules exists: a single layer without v_proj
            return 0.0, 0.0, True
        tiny_models.randomize_adapter(tuned, f"{family}-{seed}", b_std=0.12)
        tuned.save_pretrained(adapter)
        tuned = PeftModel.from_pretrained(load(), adapter).eval()
        try:
            differences, is_right = [], True
            for reference, path in ((load(), None), (tuned, adapter)):
                found, wanted = computed(alora, base, tokens, path), expected(reference, tokens)
                differences.append(difference(found, wanted))
                is_right &= differences[-1] <= TOLERANCE or is_rounding(found, wanted, reference, tokens)
            return *differences, is_right
        except IndexError:  # PEFT has no aLoRA of modules that see a list of tokens, as Llama 4's shared experts do
            return 0.0, 0.0, True
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{json.dumps(fields)}") from None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("alora")
    parser.add_argument("classes", nargs="*")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    failed = False
    for family in options.classes or CLASSES:
        worst = [0.0, 0.0]
        for seed in range(options.first, options.first + options.seeds):
            try:
                *found, is_right = trial(options.alora, family, seed)
            except RuntimeError as error:
                failed = True
                print(f"{family} seed {seed}: {error}", flush=True)
                continue
            worst = [max(pair) for pair in zip(worst, found)]
            if max(found) > TOLERANCE:
                failed |= not is_right
                print(f"{family} seed {seed}: base {found[0]:.1e}, adapted {found[1]:.1e}{'' if is_right else ': WRONG'}", flush=True)
        print(f"{family}: {options.seeds} configurations, largest difference: base {worst[0]:.1e}, adapted {worst[1]:.1e}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
