"""Compare the bytes of alora's quantizers with ggml's, block by block, on generated weights.

usage: compare_quantize.py [--llama-cpp FOLDER | --ggml LIBRARY] [--contract] [--seeds N] [--blocks N]
       compare_quantize.py … --write testdata/gguf/quantized.txt

Without --ggml, llama.cpp's ggml-quants.c is compiled without contraction: the reference. --contract compiles it for x86 with
contraction, and --ggml takes a library that exports `ggml_quantize_chunk`, for instance a wheel's. How many blocks those make
otherwise is printed, which isn't a failure. --write makes the digests that the tests read. Needs numpy, a C compiler, and llama.cpp's sources in FOLDER or
LLAMA_CPP. Exits with 1 if alora's bytes are not the reference's.
"""
import argparse
import ctypes
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
# Numbers in `enum ggml_type`, elements and bytes of a block.
TYPES = {
    "Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22), "Q5_1": (7, 32, 24), "Q2_K": (10, 256, 84),
    "Q3_K": (11, 256, 110), "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176), "Q6_K": (14, 256, 210), "IQ4_NL": (20, 32, 18),
    "IQ4_XS": (23, 256, 136), "TQ1_0": (34, 256, 54), "TQ2_0": (35, 256, 66), "MXFP4": (39, 32, 17),
}
# ggml converts infinities and negative numbers to integers there, which C leaves undefined.
UNDEFINED = {(name, "denormal") for name in ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "MXFP4")}
# What ggml.c needs of the rest of ggml, and the quantizers never call or can do without.
STUBS = "".join(
    f"void ggml_{name}(void) {{}}\n"
    for name in ("critical_section_start", "critical_section_end", "backend_buffer_get_usage", "backend_tensor_memset", "backend_tensor_set"))
F32 = np.float32


def draw(seed, count):
    """SplitMix64's high 32 bits at `count` places."""
    z = (np.arange(1, count + 1, dtype=np.uint64) + np.uint64(seed << 32)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(32)).astype(np.uint32)


def power(exponents):
    return np.ldexp(F32(1), exponents.astype(np.int32)).astype(F32)


def cases(seed, count):
    """Weights of each kind. The tests make the same ones from the same numbers: every step here is one rounding to f32."""
    unit = [draw(8 * seed + k, count).view(np.int32).astype(F32) * F32(2.0**-31) for k in range(4)]
    choice, other = draw(8 * seed + 4, count), draw(8 * seed + 5, count)
    bell = ((unit[0] + unit[1]) + (unit[2] + unit[3])) * F32(0.02)
    place = np.arange(count)
    return {
        "bell": bell,
        "outliers": np.where(choice % 64 == 0, bell * F32(50), bell),
        "zeros": np.where(choice[place // 16] % 4 == 0, F32(0), bell),
        "constant": bell[place // 32 * 32],
        "groups": np.abs(bell[place // 16 * 16]),
        "positive": np.abs(bell),
        "scales": bell * power(place // 256 * 13 % 109 - 100),
        "exponents": bell * power(choice % 64 - np.uint32(60)).astype(F32),
        "denormal": (choice.view(np.int32) >> 10).astype(F32) * F32(2.0**-149),
        "grid": ((choice % 16).astype(np.int32) - 8).astype(F32) * F32(0.25),
        "halves": ((choice % 31).astype(np.int32) - 15).astype(F32) * F32(0.015625) + F32(0.0078125),
        "sparse": np.where(choice % 200 == 0, bell, F32(0)),
        "signs": np.where(other % 2 == 0, F32(0.75), F32(-0.75)),
        "large": bell * power(choice[place // 256] % 20),
    }


def reference(folder, scratch, contracts):
    """ggml's quantizers, without contraction unless `contracts`."""
    source = Path(folder) / "ggml"
    (scratch / "ggml-version.h").write_text('#define GGML_VERSION ""\n#define GGML_COMMIT ""\n')
    (scratch / "stubs.c").write_text(STUBS)
    library = scratch / "reference.so"
    subprocess.run(
        [os.environ.get("CC", "cc"), "-O2", "-fPIC", "-shared", "-w", "-DNDEBUG",
         *(["-mfma", "-ffp-contract=fast"] if contracts else ["-ffp-contract=off"]), f"-I{scratch}", f"-I{source}/include",
         f"-I{source}/src", f"{scratch}/stubs.c", f"{source}/src/ggml-quants.c", f"{source}/src/ggml.c", "-lm", "-o", library], check=True)
    return library


def kernels(scratch):
    source = ROOT / "Sources/CAloraKernels"
    library = scratch / "alora.so"
    subprocess.run(
        [os.environ.get("CC", "cc"), "-std=c11", "-O2", "-fPIC", "-shared", f"-I{source}/include", f"-I{source}",
         *sorted(map(str, source.glob("formats/quantize*.c"))), f"{source}/convert.c", "-lm", "-o", library], check=True)
    return library


def quantizer(library):
    """A function from a type's name and weights to blocks."""
    found = ctypes.CDLL(str(library))
    is_ggml = hasattr(found, "ggml_quantize_chunk")
    function = found.ggml_quantize_chunk if is_ggml else found.alora_narrow_blocks
    pointer, size = ctypes.c_void_p, ctypes.c_int64
    function.argtypes = [ctypes.c_int, pointer, pointer, size, size, size, pointer] if is_ggml else [ctypes.c_uint, pointer, pointer, ctypes.c_size_t]
    function.restype = ctypes.c_size_t if is_ggml else ctypes.c_int

    def quantize(name, weights):
        number, elements, byte_count = TYPES[name]
        weights = np.ascontiguousarray(weights, F32)
        blocks = np.zeros((weights.size // elements, byte_count), np.uint8)
        rest = (0, 1, weights.size, None) if is_ggml else (len(blocks),)
        function(number, weights.ctypes.data, blocks.ctypes.data, *rest)
        return blocks

    return quantize


def digests(quantize):
    for name in TYPES:
        for case, weights in cases(0, 4096).items():
            if (name, case) not in UNDEFINED:
                yield f"{name} {case} {hashlib.sha256(quantize(name, weights).tobytes()).hexdigest()[:16]}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llama-cpp", default=os.environ.get("LLAMA_CPP"))
    parser.add_argument("--ggml", type=Path)
    parser.add_argument("--contract", action="store_true")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--blocks", type=int, default=64, help="blocks of 256 elements in each case")
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    if not arguments.ggml and not arguments.llama_cpp:
        parser.error("give --llama-cpp, LLAMA_CPP or --ggml")
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        expected = quantizer(arguments.ggml or reference(arguments.llama_cpp, Path(scratch), arguments.contract))
        found = quantizer(kernels(Path(scratch)))
        for name in TYPES:
            different, total, places = 0, 0, {}
            for seed in range(arguments.seeds):
                for case, weights in cases(seed, 256 * arguments.blocks).items():
                    if (name, case) in UNDEFINED:
                        continue
                    count = int((expected(name, weights) != found(name, weights)).any(axis=1).sum())
                    different, total = different + count, total + weights.size // TYPES[name][1]
                    if count:
                        places[case] = places.get(case, 0) + count
            print(f"{name:7} {total} blocks, {different} differ{f': {places}' if places else ''}")
            failed |= different > 0 and not (arguments.ggml or arguments.contract)
        if arguments.write:
            arguments.write.write_text("".join(digests(expected)))
    sys.exit(failed)


if __name__ == "__main__":
    main()
