#!/usr/bin/env python3
"""Writes golden.npz: the logits of granite-switch's own model with the slots of `composed`, in float32.

    make_golden.py [--check N]

The base's weights are numbers that a formula makes, so that nobody has to commit them; Tests/AloraTestSupport/SwitchFiles.swift has the same formula.
With --check, writes `/tmp/switch-check` instead: a whole checkpoint, and N random texts with their logits, to compare alora with.
Needs granite-switch 0.1.1, torch, transformers, numpy and safetensors.
"""

import json
import pathlib
import random
import sys

import numpy
import safetensors.torch
import torch
from granite_switch.config import GraniteSwitchConfig
from granite_switch.hf.modeling_granite_switch import GraniteSwitchForCausalLM

HERE = pathlib.Path(__file__).parent
# Without a control token; one for each slot, also first, last and repeated.
TEXTS = [
    [3, 1, 4, 15, 9, 2, 6],
    [3, 1, 29, 4, 15, 9, 2],
    [30, 1, 4, 15, 9, 2, 6],
    [3, 1, 4, 31, 15, 31, 9],
    [5, 3, 5, 8, 9, 7, 30],
]
ROWS = 3


def formula(name, count, salt):
    """Exact in bfloat16."""
    index = torch.arange(count, dtype=torch.int64)
    number = (index * 7919 + index // 7 * 104729 + salt * 613) % 251 - 125
    if "norm" in name:
        return 1 + (number % 17).to(torch.float32) / 64
    return number.to(torch.float32) / (256 if "embed" in name else 1024)


def model():
    configuration = GraniteSwitchConfig.from_pretrained(HERE / "composed")
    made = GraniteSwitchForCausalLM(configuration).to(torch.float32).eval()
    slots = safetensors.torch.load_file(HERE / "composed/model.safetensors")
    state = made.state_dict()
    base = sorted(name for name in state if not any(part in name for part in ["lora_", "switch.", "lm_head", "adapter_token_ids"]))
    for salt, name in enumerate(base):
        state[name] = formula(name, state[name].numel(), salt).reshape(state[name].shape)
    for name, value in slots.items():
        state[name] = value.to(torch.float32)
    made.load_state_dict(state)
    made.tie_weights()
    return made, base, slots


def logits(made, text):
    with torch.no_grad():
        return made(torch.tensor([text]), use_cache=False).logits[0].to(torch.float32).numpy()


def main():
    torch.manual_seed(0)
    made, base, slots = model()
    if len(sys.argv) > 2:
        folder = pathlib.Path("/tmp/switch-check")
        folder.mkdir(exist_ok=True)
        state = made.state_dict()
        weights = {name: state[name].to(torch.bfloat16).contiguous() for name in base} | slots
        safetensors.torch.save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text((HERE / "composed/config.json").read_text())
        random.seed(1)
        texts, rows = [], {}
        for number in range(int(sys.argv[2])):
            text = [random.randrange(29) for _ in range(random.randrange(1, 50))]
            token = random.choice([None, 29, 30, 31])
            if token:
                for _ in range(random.choice([1, 1, 2, 3])):
                    text.insert(random.randrange(len(text) + 1), token)
            texts.append(text)
            rows[f"logits_{number}"] = logits(made, text)
        (folder / "texts.json").write_text(json.dumps(texts))
        numpy.savez(folder / "expected.npz", **rows)
        return
    arrays = {}
    for number, text in enumerate(TEXTS):
        arrays[f"tokens_{number}"] = numpy.array(text, dtype=numpy.int64)
        arrays[f"logits_{number}"] = logits(made, text)[-ROWS:]
    numpy.savez(HERE / "golden.npz", **arrays)
    print(json.dumps({"base": base, "largest": max(float(abs(a).max()) for n, a in arrays.items() if n.startswith("logits"))}))


if __name__ == "__main__":
    main()
