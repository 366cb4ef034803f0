"""Make the FP8 fixtures: models in floats of eight bits with scales, and what torch makes of them.

usage: make_fixtures.py        (needs torch, transformers, safetensors, numpy; writes beside this file)

codes.f32             the numbers that the 256 codes of each type stand for: E4M3, E5M2, E4M3FNUZ, E5M2FNUZ, E8M0
<layout>/             the first layer of ../inference/llama/base, tied and with bfloat16 embeddings, with its linear layers quantized: in blocks (quant_method fp8, as DeepSeek and Qwen
                      publish), by row (fbgemm_fp8), as a whole (compressed-tensors), with E8M0 scales, and in E5M2 without scales
<layout>/golden.npz   tokens_0 and base_logits_0: logits in float32 of the weights widened by torch (code times scale in float32)
"""
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).resolve().parent
BASE = HERE.parent / "inference/llama/base"
TOKENS = [1, 20, 7, 9, 7, 33, 61, 80, 15, 4, 92, 50]
BLOCK = (32, 24)  # neither divides every matrix


def blocks(weight):
    rows, columns = weight.shape
    scale = torch.empty(-(-rows // BLOCK[0]), -(-columns // BLOCK[1]))
    for i in range(scale.shape[0]):
        for j in range(scale.shape[1]):
            part = weight[i * BLOCK[0]:(i + 1) * BLOCK[0], j * BLOCK[1]:(j + 1) * BLOCK[1]]
            scale[i, j] = part.abs().max() / 448
    return scale, scale.repeat_interleave(BLOCK[0], 0)[:rows].repeat_interleave(BLOCK[1], 1)[:, :columns]


def layouts(weight):
    """By layout: the name of the scale, the scale as stored, the scale of each weight, the type."""
    row = weight.abs().amax(1, keepdim=True) / 448
    whole = (weight.abs().max() / 448).reshape(1)
    scale, spread = blocks(weight)
    power = torch.exp2(torch.ceil(torch.log2(scale)))
    spread_power = power.repeat_interleave(BLOCK[0], 0)[:weight.shape[0]].repeat_interleave(BLOCK[1], 1)[:, :weight.shape[1]]
    return {"block": ("_scale_inv", scale, spread, torch.float8_e4m3fn), "row": ("_scale", row, row, torch.float8_e4m3fn),
            "whole": ("_scale", whole.to(torch.bfloat16), whole.to(torch.bfloat16).float(), torch.float8_e4m3fn),
            "power": ("_scale_inv", power.to(torch.float8_e8m0fnu), spread_power, torch.float8_e4m3fn),
            "plain": (None, None, torch.ones(1), torch.float8_e5m2)}


def configuration(layout):
    if layout in ("block", "power"):
        return {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": list(BLOCK)}
    if layout == "row":
        return {"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0}
    if layout == "whole":
        return {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"group_0": {
            "targets": ["Linear"], "weights": {"num_bits": 8, "type": "float", "strategy": "tensor", "symmetric": True}}}}


def main():
    types = [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu]
    codes = torch.arange(256, dtype=torch.uint8)
    np.concatenate([codes.view(kind).float().numpy() for kind in types]).astype("<f4").tofile(HERE / "codes.f32")
    base = load_file(BASE / "model.safetensors")
    base = {name: weight for name, weight in base.items() if ".layers.1." not in name and name != "lm_head.weight"}
    base["model.embed_tokens.weight"] = base["model.embed_tokens.weight"].bfloat16()
    torch.set_num_threads(1)
    for layout in ("block", "row", "whole", "power", "plain"):
        folder = HERE / layout
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        config = json.loads((BASE / "config.json").read_text())
        config |= {"num_hidden_layers": 1, "tie_word_embeddings": True}
        stored, widened = {}, {}
        for name, weight in base.items():
            stored[name] = widened[name] = weight
            if "_proj." not in name:
                continue
            suffix, scale, spread, kind = layouts(weight)[layout]
            stored[name] = (weight / spread).to(kind)
            widened[name] = stored[name].float() * spread
            if suffix:
                stored[name + suffix] = scale.contiguous()
        save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
        if configuration(layout):
            config["quantization_config"] = configuration(layout)
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        plain = {k: v for k, v in config.items() if k != "quantization_config"}
        model = LlamaForCausalLM(LlamaConfig(**plain, attn_implementation="eager")).eval()
        model.load_state_dict({name: weight.float() for name, weight in widened.items()}, strict=False)
        model.tie_weights()
        with torch.no_grad():
            logits = model(torch.tensor([TOKENS])).logits[0].float().numpy()
        np.savez(folder / "golden.npz", tokens_0=np.array(TOKENS), base_logits_0=logits)


if __name__ == "__main__":
    main()
