"""Make dequant/ and quantize/: what the `gguf` package makes of random and edge-valued blocks, byte for byte.

usage: make_dequant.py        (needs numpy and gguf; writes beside this file)

dequant/<TYPE>.bin   packed blocks, one row;    dequant/<TYPE>.f32   the little-endian float32 values gguf.dequantize gives
quantize/<TYPE>.f32  float32 input;             quantize/<TYPE>.bin  the bytes gguf.quantize gives
index.json           per type: block size, bytes per block, counts, SHA-256
"""
import hashlib
import importlib.metadata
import json
import shutil
import warnings
import zlib
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

HERE = Path(__file__).resolve().parent
warnings.filterwarnings("ignore")

# byte offsets of the f16 scales in a block
SCALES = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q2_K: [80, 82], T.Q3_K: [108],
          T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208], T.IQ4_NL: [0], T.IQ4_XS: [0], T.IQ2_XXS: [0], T.IQ2_XS: [0],
          T.IQ2_S: [0], T.IQ3_XXS: [0], T.IQ3_S: [0], T.IQ1_S: [0], T.TQ1_0: [52], T.TQ2_0: [64]}
# zero, negative zero, least and greatest subnormals, least normal, greatest, one, and ordinary ones
EDGE_SCALES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x3C00, 0xBC00, 0x1234, 0x9ABC, 0x2E66]


def put_half(blocks, row, offset, bits):
    blocks[row, offset:offset + 2] = np.frombuffer(np.uint16(bits).tobytes(), np.uint8)


def blocks_of(kind, rng):
    size, byte_count = gguf.GGML_QUANT_SIZES[kind]
    if kind in (T.F16, T.BF16):
        bits = np.concatenate([np.array(EDGE_SCALES, np.uint16), rng.integers(0, 65536, 2000, np.uint16)])
        exponent = 0x7C00 if kind == T.F16 else 0x7F80
        return bits[(bits & exponent) != exponent].view(np.uint8).reshape(1, -1)
    count = 64 if size < 256 else 20 if kind in (T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K, T.IQ4_XS) else 10
    blocks = rng.integers(0, 256, (count, byte_count), np.uint8)
    blocks[0] = 0
    blocks[1] = 0xFF
    blocks[2] = 0x80
    blocks[3] = 0x7F
    for row in range(1, count):
        for i, offset in enumerate(SCALES.get(kind, [])):
            edge = row < len(EDGE_SCALES)
            bits = EDGE_SCALES[(row + 5 * i) % len(EDGE_SCALES)] if edge else int(np.float16(rng.normal() * 0.02).view(np.uint16))
            put_half(blocks, row, offset, bits)
    if kind == T.MXFP4:
        blocks[:, 0] = rng.integers(0, 250, count)
        blocks[4:12, 0] = [0, 1, 2, 3, 126, 127, 128, 250]
        blocks[12:20, 0] = [0, 1, 2, 3, 126, 127, 128, 250]
    if kind == T.IQ1_M:  # the f16 scale is spread over the high nibbles of four 16-bit words
        for row in range(1, count):
            bits = EDGE_SCALES[row % len(EDGE_SCALES)]
            words = blocks[row, 48:56].view(np.uint16)
            words[:] = (words & 0x0FFF) | np.array([(bits << 12) & 0xF000, (bits << 8) & 0xF000, (bits << 4) & 0xF000, bits & 0xF000], np.uint16)
    return blocks


def finite_blocks(kind, blocks):
    """Drop the blocks that would dequantize to infinity or NaN."""
    if kind in (T.F16, T.BF16):
        return blocks
    keep = [b for b in blocks if np.isfinite(gguf.dequantize(b.reshape(1, -1), kind)).all()]
    return np.array(keep)


def halfway(values, kind):
    """Values exactly between two neighbours of a 16-bit type, and one float32 step to either side."""
    low = values.astype(np.float16).view(np.uint16) if kind == T.F16 else (values.view(np.uint32) >> 16).astype(np.uint16)
    widen = (lambda b: b.view(np.float16).astype(np.float32)) if kind == T.F16 else (lambda b: (b.astype(np.uint32) << 16).view(np.float32))
    middle = ((widen(low).astype(np.float64) + widen(low + np.uint16(1)).astype(np.float64)) / 2).astype(np.float32)
    return np.concatenate([middle, np.nextafter(middle, np.float32(np.inf)), np.nextafter(middle, np.float32(-np.inf))])


def inputs_of(kind, rng):
    f32 = np.finfo(np.float32)
    if kind in (T.F16, T.BF16):
        bits = np.array([0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00000, 0x7F800001, 0xFF800001, 0x7FFFFFFF, 0x7F80FFFF, 0x7FBFFFFF,
                         0x00000001, 0x80000001, 0x007FFFFF, 0x00800000, 0x00008000, 0x00018000, 0x00007FFF], np.uint32).view(np.float32)
        special = np.array([0.0, -0.0, 1, -1, f32.max, -f32.max, 65504, 65519.996, 65520, 65536, -65520, 2**-14, 2**-24, 2**-25,
                            np.nextafter(np.float32(2**-25), np.float32(1)), 3 * 2**-25, 2**-26, 6.1e-5, 6.09e-5], np.float32)
        scale = 10.0 ** rng.uniform(-9 if kind == T.F16 else -38, 5 if kind == T.F16 else 37, 500)
        random = (rng.normal(size=500) * scale).astype(np.float32)
        ordinary = rng.normal(size=200).astype(np.float32)
        return np.concatenate([bits, special, random, ordinary, halfway(ordinary, kind), halfway(random[np.abs(random) < 6e4], kind)])
    rows = [rng.normal(size=(40, 32)) * 10.0 ** rng.uniform(-8, 4, (40, 1))]  # ordinary blocks, down to subnormal scales
    rows.append(np.zeros((1, 32)))
    rows.append(-np.zeros((1, 32)))
    ties = np.arange(32) - 15.5  # with amax 127 the scale is exactly 1 and every value lies between two integers
    for sign in (1, -1):
        rows.append(np.concatenate([[sign * 127.0], ties[1:]])[None])
        rows.append(np.concatenate([[sign * 254.0], 2 * ties[1:]])[None])
        rows.append(np.concatenate([[sign * 127 * 2.0**-20], ties[1:] * 2.0**-20])[None])
    rows.append(np.full((1, 32), 1e-30))                     # the scale underflows to zero in f16
    rows.append(rng.normal(size=(2, 32)) * 1e-42)            # float32 subnormals
    rows.append(rng.normal(size=(2, 32)) * 2.0**-24 * 127)   # a subnormal f16 scale
    rows.append(np.full((1, 32), 65504.0 * 127))             # the greatest finite scale
    rows.append(np.full((1, 32), 1e9))                       # the scale overflows to infinity
    return np.concatenate(rows).astype(np.float32)


def main():
    index = {"gguf": importlib.metadata.version("gguf"), "dequant": {}, "quantize": {}}
    for folder in ("dequant", "quantize"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
        (HERE / folder).mkdir()
    sha = lambda b: hashlib.sha256(b).hexdigest()  # noqa: E731
    for kind in T:
        rng = np.random.default_rng(zlib.crc32(kind.name.encode()))
        try:
            gguf.dequantize(np.zeros((1, gguf.GGML_QUANT_SIZES[kind][1]), np.uint8), kind)
        except (NotImplementedError, KeyError):
            continue
        if kind in (T.F32, T.F64, T.I8, T.I16, T.I32, T.I64):
            continue
        blocks = finite_blocks(kind, blocks_of(kind, rng))
        packed = blocks.tobytes()
        values = np.concatenate([gguf.dequantize(b.reshape(1, -1), kind).ravel() for b in blocks]).astype("<f4").tobytes()
        (HERE / "dequant" / f"{kind.name}.bin").write_bytes(packed)
        (HERE / "dequant" / f"{kind.name}.f32").write_bytes(values)
        size, byte_count = gguf.GGML_QUANT_SIZES[kind]
        index["dequant"][kind.name] = {"ggml_type": int(kind), "block_size": size, "bytes_per_block": byte_count,
                                       "elements": len(values) // 4, "bin_sha256": sha(packed), "f32_sha256": sha(values)}
    for kind in (T.F16, T.BF16, T.Q8_0):
        values = inputs_of(kind, np.random.default_rng(zlib.crc32(b"quantize" + kind.name.encode())))
        packed = gguf.quantize(values, kind).tobytes()
        (HERE / "quantize" / f"{kind.name}.f32").write_bytes(values.astype("<f4").tobytes())
        (HERE / "quantize" / f"{kind.name}.bin").write_bytes(packed)
        index["quantize"][kind.name] = {"elements": values.size, "bin_sha256": sha(packed)}
    (HERE / "index.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    main()
