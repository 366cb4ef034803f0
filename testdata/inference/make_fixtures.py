"""Make the inference fixtures: tiny random models and adapters, and PEFT's float32 logits for them.

usage: make_fixtures.py [case …]        (see README.md; writes beside this file)
"""
import argparse
import importlib.metadata
import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
import transformers

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import cases  # noqa: E402
import tiny_models  # noqa: E402

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
warnings.filterwarnings("ignore")
transformers.utils.logging.disable_progress_bar()
PACKAGES = ("torch", "transformers", "peft", "safetensors", "numpy")


# what dense files of Nemotron-H don't have
EXPERT_FIELDS = ("n_routed_experts", "n_shared_experts", "num_experts_per_tok", "routed_scaling_factor", "n_group", "topk_group", "norm_topk_prob")


def legacy_spelling(path):
    """config.json as published before transformers 5: rope_theta, rope_scaling (mostly with `type`), torch_dtype."""
    c = json.loads(path.read_text())
    rope = dict(c.pop("rope_parameters", None) or {})
    c["rope_theta"] = rope.pop("rope_theta", 10000.0)
    if "partial_rotary_factor" in rope:
        c["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
    kind = rope.pop("rope_type", "default")
    if kind in ("longrope", "yarn"):  # where published files had it
        original = rope.pop("original_max_position_embeddings", None)
        if kind == "yarn":
            rope["original_max_position_embeddings"] = original
    c["rope_scaling"] = None if kind == "default" else {"rope_type" if kind == "llama3" else "type": kind, **rope}
    c["torch_dtype"] = c.pop("dtype", "float32")
    if c["model_type"] == "granitemoehybrid":
        c["layer_types"] = [{"linear_attention": "mamba"}.get(kind, "attention") for kind in c["layer_types"]]
    if c["model_type"] == "lfm2":
        c["full_attn_idxs"] = [i for i, kind in enumerate(c.pop("layer_types")) if kind == "full_attention"]
        c["block_ff_dim"], c["tie_embedding"] = c.pop("intermediate_size"), c.pop("tie_word_embeddings", True)
    if c["model_type"] == "nemotron_h":
        letters = {"linear_attention": "M", "full_attention": "*", "mlp": "-"}
        c["hybrid_override_pattern"] = "".join(letters[kind] for kind in c.pop("layers_block_type"))
        c["num_hidden_layers"] = len(c["hybrid_override_pattern"])
        for name in [k for k in c if k.startswith(("moe_", "mtp_")) or k in EXPERT_FIELDS]:
            del c[name]
    path.write_text(json.dumps(c, indent=2, sort_keys=True) + "\n")


FP4 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]


def mxfp4(values):
    """Blocks and exponents of [..., n] in MXFP4, and the numbers that they stand for."""
    blocks = values.reshape(*values.shape[:-1], -1, 32)
    exponents = torch.floor(torch.log2(blocks.abs().amax(-1, keepdim=True))) - 2
    levels = torch.tensor(FP4)
    codes = ((blocks.abs() / 2 ** exponents).unsqueeze(-1) - levels).abs().argmin(-1)
    rounded = levels[codes] * blocks.sign() * 2 ** exponents
    codes = codes + 8 * (blocks < 0)
    packed = (codes[..., ::2] + 16 * codes[..., 1::2]).to(torch.uint8)
    return packed, (exponents.squeeze(-1) + 127).to(torch.uint8), rounded.reshape(values.shape)


def expert_weights(model):
    return {k: p for k, p in model.named_parameters() if k.endswith(("experts.gate_up_proj", "experts.down_proj"))}


def round_to_mxfp4(model):
    with torch.no_grad():
        for parameter in expert_weights(model).values():
            parameter.copy_(mxfp4(parameter.transpose(1, 2))[2].transpose(1, 2))


def store_as_mxfp4(directory):
    """Experts as the published gpt-oss files have them: [experts, out, blocks, 16] and [experts, out, blocks]."""
    from safetensors.torch import load_file, save_file
    path = directory / "model.safetensors"
    tensors = load_file(path)
    for name in [k for k in tensors if k.endswith(("experts.gate_up_proj", "experts.down_proj"))]:
        weight = tensors.pop(name).transpose(1, 2).contiguous()
        blocks, scales, rounded = mxfp4(weight)
        assert torch.equal(rounded, weight), name
        tensors |= {name + "_blocks": blocks.contiguous(), name + "_scales": scales.contiguous()}
    save_file(tensors, path, metadata={"format": "pt"})
    path = directory / "config.json"
    text = json.loads(path.read_text())
    text["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router",
                                                                                       "model.embed_tokens", "lm_head"]}
    path.write_text(json.dumps(text, indent=2, sort_keys=True) + "\n")


def write_base(name, spec, directory):
    model = tiny_models.make_model(spec["config"](), name)
    expected = model.config.to_dict()
    if spec["mxfp4"]:
        round_to_mxfp4(model)
    model.to(getattr(torch, spec["dtype"])).save_pretrained(
        directory, **({"max_shard_size": spec["shards"]} if spec["shards"] else {}), **({"save_original_format": False} if spec["fused"] else {}))
    if spec["mxfp4"]:
        store_as_mxfp4(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    if spec["style"] == "legacy":
        legacy_spelling(directory / "config.json")
    read = transformers.AutoConfig.from_pretrained(directory).to_dict()
    (read.get("rope_parameters") or {}).pop("type", None)
    for key in ("rope_parameters", "layer_types", "sliding_window", "head_dim"):
        assert read.get(key) == expected.get(key), (name, key, read.get(key), expected.get(key))


def load(directory):
    return transformers.AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager",
        **({"experts_implementation": "eager"} if "experts" in (directory / "config.json").read_text() else {}),
        **dequantized(directory)).eval()


def dequantized(directory):
    if "mxfp4" not in (directory / "config.json").read_text():
        return {}
    return {"quantization_config": transformers.Mxfp4Config(dequantize=True)}


def write_adapter(name, spec, base, directory):
    from peft import LoraConfig, get_peft_model
    invocation = {} if spec["plain"] else {"alora_invocation_tokens": cases.INVOCATION}
    config = LoraConfig(task_type="CAUSAL_LM", target_modules=spec["targets"], **{"r": 4, "lora_alpha": 8, **invocation, **spec["peft"]})
    model = get_peft_model(load(base), config)
    tiny_models.randomize_adapter(model, name, b_std=0.12)
    model.save_pretrained(directory)
    (directory / "README.md").unlink(missing_ok=True)
    path = directory / "adapter_config.json"
    text = json.loads(path.read_text())
    text["base_model_name_or_path"] = f"alora-tests/{name}"
    text["target_modules"].sort()
    if text.get("target_parameters"):
        text["target_parameters"].sort()
    path.write_text(json.dumps(text, indent=2, sort_keys=True))


def activation_start(tokens):
    """By definition, and independent of PEFT's search: the last index at which the invocation occurs; -1 if nowhere."""
    n = len(cases.INVOCATION)
    return max((i for i in range(len(tokens) - n + 1) if tokens[i:i + n] == cases.INVOCATION), default=-1)


def run(model, tokens):
    with torch.no_grad():
        return model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0].numpy()


def router_logits(router, x):
    if hasattr(router, "proj"):  # Gemma 4, whose router has a norm
        return router.proj(router.norm(x) * router.scale * router.scalar_root_size)
    return torch.nn.functional.linear(x, router.weight)


def choices(router, logits, config):
    """What a router chooses from, and how many it chooses."""
    kind = type(router).__name__
    chosen = config.top_k_experts if kind.startswith("Gemma4") else config.num_experts_per_tok
    if kind.startswith("Ernie"):
        logits = router.moe_statics(logits.softmax(-1))
    if kind.startswith("Glm4Moe"):
        logits = logits.sigmoid() + router.e_score_correction_bias
        if router.num_group > 1:
            groups = logits.view(len(logits), router.num_group, -1).topk(2, dim=-1).values.sum(-1)
            yield groups, router.topk_group
            best = torch.zeros_like(groups).scatter_(1, groups.topk(router.topk_group).indices, 1).bool()
            logits = logits.masked_fill(~best.repeat_interleave(logits.shape[1] // router.num_group, 1), -1e9)
    yield logits, chosen


def watch_routing(model, gaps):
    """Record how far apart the last expert chosen and the first one not chosen are: a near-tie would make a fragile golden."""
    def hook(_, inputs, output):
        logits = router_logits(_, inputs[0].reshape(-1, inputs[0].shape[-1]).float())
        if getattr(_, "bias", None) is not None:
            logits = logits + _.bias
        for scores, chosen in choices(_, logits, model.config):
            top = scores.sort(dim=-1, descending=True).values
            gaps.append(float((top[:, chosen - 1] - top[:, chosen]).min()))
    for module in model.modules():
        if type(module).__name__.endswith(("TopKRouter", "TopkRouter", "Llama4Router", "Gemma4TextRouter")):
            module.register_forward_hook(hook)


def make_case(name, spec):
    from peft import PeftModel
    directory = HERE / name
    shutil.rmtree(directory, ignore_errors=True)
    write_base(name, spec, directory / "base")
    write_adapter(name, spec, directory / "base", directory / "adapter")
    base = load(directory / "base")
    adapted = PeftModel.from_pretrained(load(directory / "base"), directory / "adapter").eval()
    gaps = []
    watch_routing(base, gaps)
    watch_routing(adapted, gaps)
    # Other prompts if a token's choice of experts hangs on a near-tie.
    for salt in [spec["salt"], *range(2, 30)]:
        gaps.clear()
        arrays, report = rows(name, spec, base, adapted, salt)
        if min(gaps, default=1) > 1e-4:
            break
    arrays["meta"] = np.array(json.dumps({"case": name, "architecture": spec["architecture"], "prompts": report}))
    (np.savez_compressed if spec["compressed"] else np.savez)(directory / "golden.npz", **arrays)
    assert min(gaps, default=1) > 1e-4, (name, "near-tie in routing", min(gaps))
    longest = max(range(len(report)), key=lambda i: report[i]["tokens"])
    std = np.std(arrays[f"base_logits_{longest}"])
    print(f"{name:28} logits std {std:.2f}, change {max(r['max_change_after'] or 0 for r in report):.2f}, "
          f"bit-equal before activation: {all(r['equal_before'] for r in report)}, parameters {sum(p.numel() for p in base.parameters())}"
          + (f", smallest routing gap {min(gaps):.4f}" if gaps else ""),
          flush=True)


def rows(name, spec, base, adapted, salt):
    rng = np.random.default_rng(tiny_models.seed_of("prompts", name, *filter(None, [salt])))
    arrays, report = {}, []
    prompts = cases.prompts(base.config.vocab_size, rng)
    for i, (title, tokens) in enumerate((t, p) for t, p in prompts.items() if t in (spec["titles"] or prompts)):
        start = 0 if spec["plain"] else activation_start(tokens)
        b, a = run(base, tokens), run(adapted, tokens)
        assert b.dtype == a.dtype == np.float32 and np.isfinite(b).all() and np.isfinite(a).all()
        before = len(tokens) if start < 0 else start
        after = float(np.abs(a[before:] - b[before:]).max()) if before < len(tokens) else None
        equal = bool(np.array_equal(b[:before], a[:before]))
        assert after is None or after > 0.05, (name, title, after)
        assert before == len(tokens) or np.abs(a[before] - b[before]).max() > 1e-3, (name, title, "starts later than it should")
        arrays |= {f"tokens_{i}": np.array(tokens, np.int64), f"base_logits_{i}": b, f"adapted_logits_{i}": a,
                   f"activation_start_{i}": np.int64(start)}
        report.append({"prompt": title, "tokens": len(tokens), "activation_start": start, "equal_before": equal,
                       "max_change_before": float(np.abs(a[:before] - b[:before]).max(initial=0)),
                       "max_abs_logit": round(float(np.abs(b).max()), 3), "max_change_after": after and round(after, 3)})
    return arrays, report


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="*")
    chosen = parser.parse_args().cases
    for name, spec in cases.CASES.items():
        if not chosen or name in chosen:
            make_case(name, spec)
    versions = {p: importlib.metadata.version(p) for p in PACKAGES}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=1) + "\n")


if __name__ == "__main__":
    main()
