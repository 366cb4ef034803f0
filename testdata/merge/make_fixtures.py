"""What PEFT's merge_and_unload makes of the fixtures in ../inference, as digests, and DoRA adapters of its own.

    python make_fixtures.py            # rewrites peft.json and the dora-* folders beside this file

For each model, its adapter without its invocation (an aLoRA can't be merged) is merged in f32 and in bf16. A digest is the
SHA-256 of the tensors that the base's files have, sorted by name: name, NUL, bytes. Its first 16 digits are kept.
"""
import hashlib
import json
import pathlib
import shutil
import tempfile

import peft
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).parent
INFERENCE = HERE.parent / "inference"
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
DORA = {"dora": ["q_proj", "v_proj", "down_proj"], "dora-embedding": ["embed_tokens"]}


def tensors(directory):
    found = {}
    for file in sorted(pathlib.Path(directory).glob("*.safetensors")):
        found.update(load_file(file))
    return found


def plain(adapter, target):
    shutil.copytree(adapter, target)
    path = target / "adapter_config.json"
    config = json.loads(path.read_text())
    for key in ("alora_invocation_tokens", "alora_invocation_string", "invocation_string"):
        config.pop(key, None)
    path.write_text(json.dumps(config))


def merged(base, adapter, dtype, work):
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
    model = peft.PeftModel.from_pretrained(model, adapter).merge_and_unload()
    out = work / "merged"
    model.save_pretrained(out)
    return tensors(out)


def digest(found):
    h = hashlib.sha256()
    for name in sorted(found):
        h.update(name.encode() + b"\0" + found[name].contiguous().view(torch.uint8).numpy().tobytes())
    return h.hexdigest()[:16]


def make_dora():
    for name, targets in DORA.items():
        out = HERE / name
        if out.exists():
            continue
        torch.manual_seed(7)
        model = transformers.AutoModelForCausalLM.from_pretrained(INFERENCE / "llama" / "base", dtype=torch.float32)
        config = peft.LoraConfig(r=2, lora_alpha=6, use_dora=True, use_rslora=True, target_modules=targets, layers_to_transform=[0] if "q_proj" in targets else None, init_lora_weights=False,
                                 alpha_pattern={"v_proj": 3}, task_type="CAUSAL_LM")
        adapted = peft.get_peft_model(model, config)
        with torch.no_grad():
            for key, parameter in adapted.named_parameters():
                if "lora_magnitude" in key:
                    parameter.mul_(1 + 0.1 * torch.randn_like(parameter))
                elif "lora_" in key:
                    parameter.copy_(0.2 * torch.randn_like(parameter))
        adapted.half().save_pretrained(out, save_embedding_layers=False)
        (out / "README.md").unlink(missing_ok=True)
        config = json.loads((out / "adapter_config.json").read_text())
        config = {key: value for key, value in config.items() if value and key not in ("lora_dropout", "corda_config")}
        config.pop("base_model_name_or_path", None)
        (out / "adapter_config.json").write_text(json.dumps(config) + "\n")


def main():
    make_dora()
    cases = {d.name: (d / "base", d / "adapter") for d in sorted(INFERENCE.iterdir()) if (d / "adapter").is_dir() and (d / "base").is_dir()}
    cases.update({name: (INFERENCE / "llama" / "base", HERE / name) for name in DORA})
    results = {}
    for name, (base, adapter) in cases.items():
        for label, dtype in DTYPES.items():
            with tempfile.TemporaryDirectory() as work:
                work = pathlib.Path(work)
                plain(adapter, work / "adapter")
                try:
                    found = merged(base, work / "adapter", dtype, work)
                    names = tensors(base)
                    if not set(names) <= set(found):
                        print(name, label, "renamed", sorted(set(names) - set(found))[:2], sorted(set(found) - set(names))[:2])
                        continue
                    results.setdefault(name, {})[label] = digest({key: found[key] for key in names})
                except Exception as error:
                    print(name, label, type(error).__name__, str(error)[:200].replace("\n", " "))
    versions = {"peft": peft.__version__, "torch": torch.__version__, "transformers": transformers.__version__,
                "cpu_capability": torch.backends.cpu.get_cpu_capability()}
    (HERE / "peft.json").write_text(json.dumps({"versions": versions, "digests": results}, separators=(",", ":")).replace("},", "},\n") + "\n")
    print(len(results), "models")


if __name__ == "__main__":
    main()
