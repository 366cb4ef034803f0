"""The same update of experts, written by several versions of PEFT, whose layouts differ.

    python layouts.py --versions FOLDER --output ../../testdata/conversion/layouts

FOLDER/0.18.1 and so on each hold a PEFT (`pip install --no-deps --target FOLDER/0.18.1 peft==0.18.1`). Each version wraps
the same tiny model and gets factors whose update, computed by that version itself, is the wanted one; it then saves the
adapter. `expected.json` has the factors that a GGUF must hold, as a digest: of gate_up's and down's A [E, r, in] and
B [E, out, r], as PEFT's parameters order their rows.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

VERSIONS = ("0.18.1", "0.19.0", "0.19.1", "0.21.2")
COMMON = {
    "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "vocab_size": 64,
    "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}
BOTH = ("experts.gate_up_proj", "experts.down_proj")
# Name: class, configuration, targets, whether parameters are [E, in, out].
CASES = {
    "qwen3-moe": ("Qwen3MoeForCausalLM", {"hidden_size": 32, "moe_intermediate_size": 24, "intermediate_size": 24, "num_experts": 3, "num_experts_per_tok": 2}, BOTH, False),
    "qwen3-moe-square": ("Qwen3MoeForCausalLM", {"hidden_size": 32, "moe_intermediate_size": 16, "intermediate_size": 24, "num_experts": 3, "num_experts_per_tok": 2}, BOTH, False),
    "qwen3-moe-square-alone": ("Qwen3MoeForCausalLM", {"hidden_size": 32, "moe_intermediate_size": 32, "intermediate_size": 24, "num_experts": 3, "num_experts_per_tok": 2}, BOTH[1:], False),
    "gpt-oss": ("GptOssForCausalLM", {"hidden_size": 32, "intermediate_size": 24, "num_local_experts": 3, "num_experts_per_tok": 2}, BOTH, True),
    "gpt-oss-square": ("GptOssForCausalLM", {"hidden_size": 32, "intermediate_size": 32, "num_local_experts": 3, "num_experts_per_tok": 2}, BOTH, True),
    "gpt-oss-square-alone": ("GptOssForCausalLM", {"hidden_size": 32, "intermediate_size": 32, "num_local_experts": 3, "num_experts_per_tok": 2}, BOTH[1:], True),
    "llama4": ("Llama4ForCausalLM", {"hidden_size": 32, "intermediate_size": 24, "intermediate_size_mlp": 40, "num_local_experts": 3, "num_experts_per_tok": 1}, BOTH, True),
    "llama4-square-alone": ("Llama4ForCausalLM", {"hidden_size": 32, "intermediate_size": 32, "intermediate_size_mlp": 40, "num_local_experts": 3, "num_experts_per_tok": 1}, BOTH[1:], True),
}
RANK, ALPHA = 2, 6


def number(name, *shape):
    seed = sum(name.encode())
    count = int(np.prod(shape))
    return ((((np.arange(count, dtype=np.int64) * 37 + seed) % 251) - 125).astype(np.float32) / 64).reshape(shape)


def write(name, folder):
    """In a process of its own, with one PEFT."""
    import peft
    import torch
    import transformers

    class_name, over, targets, transposed = CASES[name]
    torch.manual_seed(0)
    model_class = getattr(transformers, class_name)
    model = model_class(model_class.config_class(**COMMON, **over)).float()
    configuration = peft.LoraConfig(
        r=RANK, lora_alpha=ALPHA, init_lora_weights=False, task_type="CAUSAL_LM", target_modules=[],
        target_parameters=list(targets),
    )
    adapted = peft.get_peft_model(model, configuration)
    adapted.peft_config["default"].base_model_name_or_path = "test/base"
    digest = hashlib.sha256()
    for module in sorted((m for m in adapted.modules() if type(m).__name__ == "ParamWrapper"), key=lambda m: m.parameter_name):
        parameter = module.get_param()
        experts, first, second = parameter.shape
        inputs, outputs = (first, second) if transposed else (second, first)
        a, b = number(module.parameter_name + "a", experts, RANK, inputs), number(module.parameter_name + "b", experts, outputs, RANK)
        wanted = np.matmul(b, a) * np.float32(ALPHA / RANK)
        wanted = wanted.transpose(0, 2, 1) if transposed else wanted
        digest.update(module.parameter_name.encode() + a.tobytes() + b.tobytes())
        lora_a, lora_b = module.lora_A["default"].weight, module.lora_B["default"].weight
        layouts = [(a, b), (b.transpose(0, 2, 1), a.transpose(0, 2, 1))]
        for left, right in layouts:
            if lora_a.shape != (experts * RANK, left.shape[2]) or lora_b.shape != (right.shape[1], RANK * experts):
                continue
            with torch.no_grad():
                lora_a.copy_(torch.tensor(left.reshape(experts * RANK, -1).copy()))
                lora_b.copy_(torch.tensor(right.transpose(1, 2, 0).reshape(right.shape[1], -1).copy()))
            if np.array_equal(module.get_delta_weight("default").detach().numpy(), wanted):
                break
        else:
            sys.exit(f"{name}: no layout gives the update")
    adapted.save_pretrained(folder)
    for extra in ("README.md",):
        (folder / extra).unlink(missing_ok=True)
    text = json.loads((folder / "adapter_config.json").read_text())
    assert text.get("peft_version") == peft.__version__, text.get("peft_version")
    (folder / "adapter_config.json").write_text(json.dumps(text, indent=1, sort_keys=True) + "\n")
    base = model.config.to_dict()
    base["architectures"] = [class_name]
    (folder.parent / "config.json").write_text(json.dumps({k: v for k, v in base.items() if k != "transformers_version"}, indent=1, sort_keys=True) + "\n")
    print(digest.hexdigest())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--versions", type=Path)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--write", nargs=2)
    options = parser.parse_args()
    if options.write:
        return write(options.write[0], Path(options.write[1]))
    expected = {}
    for name in CASES:
        for version in VERSIONS:
            folder = options.output / name / version
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            paths = [str(options.versions / version)] if (options.versions / version).exists() else []
            run = subprocess.run(
                [sys.executable, __file__, "--write", name, str(folder)], capture_output=True, text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TRANSFORMERS_VERBOSITY": "error"},
            )
            if run.returncode:
                print(name, version, run.stderr[-600:], file=sys.stderr)
                shutil.rmtree(folder)
                continue
            found = run.stdout.split()[-1]
            assert expected.setdefault(name, found) == found, (name, version)
            print(name, version, found[:12], flush=True)
    (options.output / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
