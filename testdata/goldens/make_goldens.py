"""Goldens of the llama fixture made the ways people make them wrongly; see README.md.

usage: make_goldens.py       (torch, transformers and peft as in ../inference/versions.json; writes beside this file)
"""
import warnings
from pathlib import Path

import numpy as np
import peft
import torch
import transformers

HERE = Path(__file__).resolve().parent
BASE, ADAPTER = HERE.parent / "inference/llama/base", HERE.parent / "inference/llama/adapter"
torch.set_num_threads(1)
torch.manual_seed(0)
warnings.filterwarnings("ignore")
transformers.utils.logging.disable_progress_bar()
LONG = [73, 10, 18, 23, 18, 72, 78, 53, 6, 11, 7, 9, 7, 31, 40, 57, 44, 26]
SHORT = [12, 42, 37, 80, 47, 39, 7, 9, 7, 40, 60, 54, 18, 67]


def model(dtype, adapted):
    base = transformers.AutoModelForCausalLM.from_pretrained(BASE, dtype=dtype, attn_implementation="eager")
    return (peft.PeftModel.from_pretrained(base, ADAPTER).to(dtype) if adapted else base).eval()


def rows(dtype, ids, adapted, **inputs):
    with torch.no_grad():
        return model(dtype, adapted)(input_ids=torch.tensor(ids), **inputs).logits.float().numpy()


def as_tf32(value):
    """Rounds to 10 bits of mantissa, as a TF32 tensor core does with both operands."""
    bits = value.contiguous().view(torch.int32)
    return ((bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32)


def tf32_rows(ids, adapted):
    plain = torch.nn.functional.linear
    torch.nn.functional.linear = lambda x, w, b=None: plain(as_tf32(x), as_tf32(w), b)
    try:
        return rows(torch.float32, ids, adapted)
    finally:
        torch.nn.functional.linear = plain


def write(name, cases):
    arrays = {}
    for index, (tokens, base, adapted) in enumerate(cases):
        arrays |= {f"tokens_{index}": np.array(tokens), f"base_logits_{index}": base, f"adapted_logits_{index}": adapted}
    np.savez_compressed(HERE / name, **arrays)


def padded(side):
    pad = [0] * (len(LONG) - len(SHORT))
    batch = [pad + SHORT if side == "left" else SHORT + pad, LONG]
    mask = torch.tensor([[int(t != 0) for t in ids] for ids in batch])
    both = [rows(torch.float32, batch, adapted, attention_mask=mask) for adapted in (False, True)]
    return [(ids, both[0][i], both[1][i]) for i, ids in enumerate(batch)]


if __name__ == "__main__":
    for name, dtype in (("bf16", torch.bfloat16), ("f16", torch.float16)):
        write(name, [(ids, rows(dtype, [ids], False)[0], rows(dtype, [ids], True)[0]) for ids in (LONG, SHORT)])
    write("tf32", [(ids, tf32_rows([ids], False)[0], tf32_rows([ids], True)[0]) for ids in (LONG, SHORT)])
    write("f16_arrays", [(LONG, *(rows(torch.float32, [LONG], a)[0].astype(np.float16) for a in (False, True)))])
    for side in ("left", "right"):
        write(f"{side}_padded", padded(side))
