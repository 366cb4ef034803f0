"""Make samples/: small valid GGUF files written by the `gguf` package, and samples.json with what they hold.

usage: make_samples.py        (needs numpy and gguf; writes beside this file)
"""
import hashlib
import importlib.metadata
import json
import shutil
import struct
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import GGUFEndian, GGUFValueType as V, GGUFWriter

HERE = Path(__file__).resolve().parent
OUT = HERE / "samples"

SCALARS = [
    ("s.uint8", V.UINT8, 255), ("s.int8", V.INT8, -128), ("s.uint16", V.UINT16, 65535), ("s.int16", V.INT16, -32768),
    ("s.uint32", V.UINT32, 2**32 - 1), ("s.int32", V.INT32, -2**31), ("s.uint64", V.UINT64, 2**64 - 1), ("s.int64", V.INT64, -2**63),
    ("s.float32", V.FLOAT32, float(np.float32(0.1))), ("s.float64", V.FLOAT64, 1 / 3), ("s.true", V.BOOL, True), ("s.false", V.BOOL, False),
    ("s.string", V.STRING, "plain"), ("s.empty", V.STRING, ""), ("s.unicode", V.STRING, "é e\u0301 漢字 🙂 \u0000 end"),
]
ARRAYS = [
    ("a.uint8", V.UINT8, [0, 1, 255]), ("a.int8", V.INT8, [-128, 0, 127]), ("a.uint16", V.UINT16, [1, 65535]), ("a.int16", V.INT16, [-1, 1]),
    ("a.uint32", V.UINT32, [1, 11247, 1307, 5]), ("a.int32", V.INT32, [-1, 0, 2**31 - 1]), ("a.uint64", V.UINT64, [2**63, 2**64 - 1]),
    ("a.int64", V.INT64, [-2**63, 2**63 - 1]), ("a.float32", V.FLOAT32, [0.5, -2.0, float(np.float32(1e-45))]),
    ("a.float64", V.FLOAT64, [1e300, -1e-300]), ("a.bool", V.BOOL, [True, False, True]), ("a.string", V.STRING, ["a", "", "漢", "é"]),
]
NESTED = ("a.nested", [[1, 2, 3], [4], [5, 6]])


def add_metadata(writer, nested):
    entries = []
    for key, kind, value in SCALARS:
        writer.add_key_value(key, value, kind)
        entries.append({"key": key, "type": kind.name, "value": value})
    for key, kind, value in ARRAYS:
        writer.add_key_value(key, value, V.ARRAY, sub_type=kind)
        entries.append({"key": key, "type": "ARRAY", "element": kind.name, "value": value})
    if nested:
        writer.add_array(NESTED[0], NESTED[1])
        entries.append({"key": NESTED[0], "type": "ARRAY", "element": "ARRAY", "inner": "INT32", "value": NESTED[1]})
    return entries


def tensors(quantized):
    rng = np.random.default_rng(7)
    out = {f"t.{d}": (rng.integers(-100, 100, (3, 5)).astype(d), None) for d in ("int8", "int16", "int32", "int64")}
    out |= {f"t.{d}": (rng.normal(size=(2, 3, 4)).astype(d), None) for d in ("float16", "float32", "float64")}
    out["t.one"] = (np.float32([1.5]), None)
    out["t.four_dims"] = (np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5), None)
    if quantized:
        x = rng.normal(size=(3, 64)).astype(np.float32)
        for kind in (T.BF16, T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1):
            out[f"t.{kind.name.lower()}"] = (gguf.quantize(x, kind), kind)
        out["t.q6_k"] = (rng.integers(0, 100, (2, 210)).astype(np.uint8), T.Q6_K)
    return out


def describe(path):
    """Tensors as the file itself says, by the package's reader."""
    reader = gguf.GGUFReader(path)
    return [{"name": t.name, "type": t.tensor_type.name, "ne": [int(d) for d in t.shape], "data_offset": int(t.data_offset),
             "sha256_little_endian": hashlib.sha256(little(t)).hexdigest()} for t in reader.tensors]


def little(t):
    data = t.data
    return data.astype(data.dtype.newbyteorder("<")).tobytes()


def write(name, endian=GGUFEndian.LITTLE, nested=True, quantized=True, alignment=None, **split):
    writer = GGUFWriter(OUT / name, "sample", endianess=endian, **split)
    if alignment:
        writer.add_custom_alignment(alignment)
    metadata = add_metadata(writer, nested)
    for key, (value, kind) in tensors(quantized).items():
        writer.add_tensor(key, value.copy(), raw_dtype=kind)
    writer.write_header_to_file(path=OUT / name)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return metadata


def entry(name, version, endian, metadata, alignment=32):
    data = (OUT / name).read_bytes()
    return {"version": version, "endian": endian, "alignment": alignment, "sha256": hashlib.sha256(data).hexdigest(),
            "metadata": metadata, "tensors": describe(OUT / name)}


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    files = {}
    architecture = {"key": "general.architecture", "type": "STRING", "value": "sample"}
    plain = [architecture, *write("v3-le-flat.gguf", nested=False)]
    files["v3-le-flat.gguf"] = entry("v3-le-flat.gguf", 3, "little", plain)
    nested = [architecture, *write("v3-le-nested.gguf", quantized=False)]
    files["v3-le-nested.gguf"] = entry("v3-le-nested.gguf", 3, "little", nested)
    big = [architecture, *write("v3-be.gguf", endian=GGUFEndian.BIG, nested=False, quantized=False)]
    files["v3-be.gguf"] = entry("v3-be.gguf", 3, "big", big)
    aligned = [architecture, {"key": "general.alignment", "type": "UINT32", "value": 64}]
    aligned += write("v3-le-alignment-64.gguf", nested=False, quantized=False, alignment=64)
    files["v3-le-alignment-64.gguf"] = entry("v3-le-alignment-64.gguf", 3, "little", aligned, 64)
    data = bytearray((OUT / "v3-le-flat.gguf").read_bytes())  # version 2 has the same layout
    data[4:8] = struct.pack("<I", 2)
    (OUT / "v2-le.gguf").write_bytes(data)
    files["v2-le.gguf"] = entry("v2-le.gguf", 2, "little", plain)
    write("split.gguf", nested=False, quantized=False, split_max_tensors=4)
    for path in sorted(OUT.glob("split-*.gguf")):
        reader = gguf.GGUFReader(path)
        keys = {k: reader.fields[k].contents() for k in reader.fields if k.startswith("split.")}
        files[path.name] = {"version": 3, "endian": "little", "alignment": 32, "split": keys, "tensors": describe(path)}
    text = json.dumps({"gguf": importlib.metadata.version("gguf"), "files": files}, indent=None, ensure_ascii=True)
    (HERE / "samples.json").write_text(text.replace('{"key"', '\n{"key"').replace('{"name"', '\n{"name"').replace('{"version"', '\n{"version"') + "\n")


if __name__ == "__main__":
    main()
