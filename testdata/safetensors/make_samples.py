"""Make safetensors samples with the `safetensors` package: every dtype, widening, metadata, shards.

usage: make_samples.py        (needs torch and safetensors; writes beside this file)
"""
import hashlib
import importlib.metadata
import json
import struct
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
ORDINARY = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8,
            torch.uint16, torch.uint32, torch.uint64, torch.bool, torch.complex64, torch.float8_e4m3fn, torch.float8_e5m2,
            torch.float8_e8m0fnu, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float4_e2m1fn_x2]


def of(dtype, rng):
    """Random bits, as any dtype: a container must not care."""
    size = torch.empty(0, dtype=dtype).element_size()
    data = torch.from_numpy(rng.integers(0, 2 if dtype == torch.bool else 256, 6 * size, np.uint8))
    return data.view(dtype).reshape(2, 3)


def describe(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    out = {"sha256": hashlib.sha256(data).hexdigest(), "header_byte_count": length, "metadata": header.pop("__metadata__", None), "tensors": {}}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        out["tensors"][name] = {**t, "sha256": hashlib.sha256(data[8 + length + begin:8 + length + end]).hexdigest()}
    return out


def main():
    rng = np.random.default_rng(11)
    files, refused = {}, []
    tensors = {}
    for dtype in ORDINARY:
        name = str(dtype).removeprefix("torch.")
        try:
            t = of(dtype, rng)
            save_file({name: t}, HERE / "probe.safetensors")
            tensors[name] = t
        except Exception as e:  # a dtype this version of the package cannot write
            refused.append(f"{name}: {type(e).__name__}")
    (HERE / "probe.safetensors").unlink(missing_ok=True)
    save_file(tensors, HERE / "dtypes.safetensors")
    save_file({"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 4), "one": torch.tensor([1.0]), "five": torch.zeros(1, 2, 1, 2, 1),
               "name with é, \"quotes\" and \\": torch.tensor([3], dtype=torch.int8)},
              HERE / "metadata.safetensors", metadata={"format": "pt", "é": "漢字 🙂", "empty": ""})
    # every 8-bit pattern, and 16-bit edges, with their exact float32 values
    bits = torch.arange(256, dtype=torch.int32).to(torch.uint8)
    narrow = {f"{k}": bits.clone().view(getattr(torch, k)) for k in ("float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu") if k in tensors}
    edges = np.concatenate([[0, 0x8000, 1, 0x8001, 0x3FF, 0x400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7F, 0x80, 0x7F7F, 0xFF7F, 0x7F80],
                            rng.integers(0, 0x7C00, 200)]).astype(np.uint16)
    narrow |= {k: torch.from_numpy(edges.copy()).view(getattr(torch, k)) for k in ("float16", "bfloat16")}
    save_file(narrow, HERE / "narrow.safetensors")
    save_file({k: v.float() for k, v in narrow.items()}, HERE / "narrow-as-float32.safetensors")
    shards = HERE / "sharded"
    shards.mkdir(exist_ok=True)
    parts = [{"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4, dtype=torch.bfloat16)}, {"c": torch.arange(3, dtype=torch.int64)}]
    names = [f"model-{i + 1:05}-of-00002.safetensors" for i in range(2)]
    for name, part in zip(names, parts):
        save_file(part, shards / name, metadata={"format": "pt"})
    index = {"metadata": {"total_size": sum(t.nbytes for p in parts for t in p.values())},
             "weight_map": {k: n for n, p in zip(names, parts) for k in p}}
    (shards / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    for path in sorted(HERE.rglob("*.safetensors")):
        files[str(path.relative_to(HERE))] = describe(path)
    versions = {p: importlib.metadata.version(p) for p in ("safetensors", "torch")}
    (HERE / "samples.json").write_text(json.dumps({**versions, "not_written_by_this_version": refused, "files": files}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
