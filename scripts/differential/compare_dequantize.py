"""Compare the widening of every block format with the `gguf` package over random blocks, element by element.

usage: compare_dequantize.py [--alora BINARY] [--count N] [--seed S]      (needs numpy and gguf)

For each type, one GGUF has random blocks and another the float32 values that gguf.dequantize gives; `alora diff` is to find the
type different and the largest difference 0. Exits with 1 if it finds something else.
"""
import argparse
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

SCALES = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q2_K: [80, 82], T.Q3_K: [108], T.Q4_K: [0, 2],
          T.Q5_K: [0, 2], T.Q6_K: [208], T.IQ4_NL: [0], T.IQ4_XS: [0], T.IQ2_XXS: [0], T.IQ2_XS: [0], T.IQ2_S: [0], T.IQ3_XXS: [0],
          T.IQ3_S: [0], T.IQ1_S: [0], T.IQ1_M: [], T.TQ1_0: [52], T.TQ2_0: [64], T.MXFP4: [], T.NVFP4: []}


def blocks(kind, count, rng):
    data = rng.integers(0, 256, (count, gguf.GGML_QUANT_SIZES[kind][1]), np.uint8)
    for offset in SCALES[kind]:
        data[:, offset:offset + 2] = (rng.normal(size=(count, 1)) * 0.05).astype("<f2").view(np.uint8)
    if kind == T.IQ1_M:  # no infinity or NaN in the scale's four nibbles
        data[:, 55] &= 0x3F
    if kind == T.MXFP4:
        data[:, 0] = rng.integers(90, 140, count)
    return data


def write(path, data, kind, shape):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("w", data, raw_shape=shape, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alora", default=".build/debug/alora")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    rng = np.random.default_rng(arguments.seed)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for kind in SCALES:
            data = blocks(kind, arguments.count, rng)
            values = gguf.dequantize(data, kind).astype("<f4")
            if not np.isfinite(values).all():
                sys.exit(f"{kind.name}: blocks that are not finite")
            write(f"{folder}/a.gguf", data, kind, data.shape)
            write(f"{folder}/b.gguf", values, T.F32, values.shape)
            run = subprocess.run([arguments.alora, "diff", f"{folder}/a.gguf", f"{folder}/b.gguf"], capture_output=True, text=True)
            line = next((line for line in run.stdout.splitlines() if line.startswith("≠  w")), run.stdout + run.stderr)
            same = run.returncode == 1 and line.rstrip().endswith("|Δ| 0.0") or line.rstrip().endswith("|Δ| 0")
            failed += not same
            print(f"{kind.name:8} {values.size} elements {'bit-equal' if same else 'DIFFERS: ' + line}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
