"""Make golden.npz: PEFT's float32 logits of adapter-bf16 on SmolLM2-135M-Instruct.

usage: make_golden.py BASE_HF_DIR        (see README.md; needs torch, transformers, peft; writes beside this file)
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).resolve().parent
KEPT = {"short": [39, 45]}  # rows with every logit: 200 kB each


def load(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()


def start_of(ids, invocation):
    n = len(invocation)
    return max((i for i in range(len(ids) - n + 1) if ids[i:i + n] == invocation), default=-1)


def prompts(tokenizer, invocation):
    """The invocation at the end (short and long, with the answer the adapter gives), nowhere, twice, followed by its own last token,
    and at index 0."""
    rows = [json.loads(line) for line in (HERE / "prompts.jsonl").read_text().splitlines()]
    rows.sort(key=lambda row: len(row["text"]))
    ids = lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]  # noqa: E731
    answered = lambda row: ids(row["text"]) + ids(row["adapter_output"])  # noqa: E731
    one = ids(rows[5]["text"])
    return {"short": answered(rows[2]), "middle": answered(rows[20]), "long": answered(rows[-2]), "no invocation": one[:-len(invocation)],
            "twice": one + one, "followed by its last token": one + invocation[-1:], "at index 0": invocation + one[:20]}


def main():
    torch.set_num_threads(1)
    base = load(sys.argv[1])
    adapted = PeftModel.from_pretrained(load(sys.argv[1]), HERE / "adapter-bf16").eval()
    assert {p.dtype for p in adapted.parameters()} == {torch.float32}  # PEFT widens bfloat16 adapters
    invocation = adapted.peft_config["default"].alora_invocation_tokens
    tokenizer = AutoTokenizer.from_pretrained(HERE / "base-config")
    full, kept_titles = {}, []
    for i, (title, ids) in enumerate(prompts(tokenizer, invocation).items()):
        with torch.no_grad():
            b = base(input_ids=torch.tensor([ids]), use_cache=False).logits[0].numpy()
            a = adapted(input_ids=torch.tensor([ids]), use_cache=False).logits[0].numpy()
        start = start_of(ids, invocation)
        assert np.array_equal(a[:start], b[:start]) if start >= 0 else np.array_equal(a, b)
        if title in KEPT:
            k = len(kept_titles)
            kept_titles.append(title)
            positions = KEPT[title]
            full |= {f"tokens_{k}": np.array(ids, np.int32), f"positions_{k}": np.array(positions, np.int32),
                     f"base_logits_{k}": b[positions], f"adapted_logits_{k}": a[positions], f"activation_start_{k}": np.int32(start)}
        change = np.abs(a[start:] - b[start:]).max() if start >= 0 else 0
        print(f"{title:28} tokens {len(ids)}, start {start}, change {change:.2f}")
    meta = {"model": "SmolLM2-135M-Instruct Q4_1 dequantized to float32", "adapter": "adapter-bf16", "by": "PEFT and transformers"}
    np.savez_compressed(HERE / "golden.npz", meta=np.array(json.dumps({**meta, "prompts": kept_titles})), **full)


if __name__ == "__main__":
    main()
