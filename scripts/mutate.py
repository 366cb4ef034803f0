#!/usr/bin/env python3
"""Damages files of testdata/ at random and gives them to the built command.

Whatever the file, `alora` has to end with 0, 1, 3 or 4; with 3 and 4 in one line on standard error; within ten
seconds and a gigabyte; and never by a signal. Failures are kept in a directory, with the call that shows each.

    scripts/mutate.py BINARY [--count N] [--seed S] [--keep DIR]
"""

import argparse
import collections
import json
import os
import pathlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time

DATA = pathlib.Path(__file__).resolve().parent.parent / "testdata"
SECONDS = 10
BYTES = 1 << 30

INTERESTING = [0, 1, 2, 3, 4, 7, 8, 16, 31, 32, 33, 64, 127, 128, 255, 256, 65535, 1 << 20, 1 << 30, (1 << 31) - 1, 1 << 31,
               (1 << 32) - 1, 1 << 32, 1 << 40, 1 << 61, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
WORDS = [b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"99999999999999999999", b"\"\"", b"[]", b"{}", b"[[[[[[[[",
         b"\"../../etc/passwd\"", b"\\u0000", b"\xff", b"\xc3\xa9", b"\n", b"\x1b[2J", b",", b":", b"\"(a+)+$\""]


def damage(data, rng):
    """The bytes with one to six changes; half of them near the start, where headers are."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        size = len(data)
        if not size:
            return data
        limit = rng.choice([size, min(size, 64), min(size, 1024), min(size, 8192)])
        at = rng.randrange(limit)
        kind = rng.randrange(9)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            width = rng.choice([1, 2, 4, 8])
            value = rng.choice(INTERESTING) & ((1 << 8 * width) - 1)
            data[at:at + width] = value.to_bytes(width, rng.choice(["little", "little", "big"]))
        elif kind == 3:
            del data[at:at + rng.randint(1, 64)]
        elif kind == 4:
            data[at:at] = data[at:at + rng.randint(1, 64)] * rng.choice([1, 1, 2, 50])
        elif kind == 5:
            data[at:at] = rng.choice(WORDS)
        elif kind == 6:
            word = rng.choice(WORDS)
            data[at:at + len(word)] = word
        elif kind == 7:
            other = rng.randrange(size)
            count = rng.randint(1, 32)
            data[at:at + count] = data[other:other + count]
        elif rng.randrange(4) == 0:
            del data[rng.randrange(size):]
    return data


def targets():
    """Pairs of a directory to copy and the calls that read it; {d} is the copy, {o} a name for output."""
    inference = DATA / "inference" / "llama"
    use = ["--tokens", "1,5,17,6,9"]
    found = [
        (inference, ["base/config.json", "base/model.safetensors"],
         ["logits", "--model", "{d}/base", *use, "--output", "{o}"]),
        (inference, ["base/config.json", "base/model.safetensors"], ["inspect", "{d}/base"]),
        (inference, ["adapter/adapter_config.json", "adapter/adapter_model.safetensors"],
         ["convert", "{d}/adapter", "--base", "{d}/base", "--outfile", "{o}"]),
        (inference, ["adapter/adapter_config.json", "adapter/adapter_model.safetensors"],
         ["tokens", "{d}/adapter"]),
        (inference, ["adapter/adapter_config.json", "adapter/adapter_model.safetensors"],
         ["inspect", "{d}/adapter", "--values"]),
        (inference, ["adapter/adapter_config.json", "adapter/adapter_model.safetensors", "base/config.json", "golden.npz"],
         ["verify", "--model", "{d}/base", "--adapter", "{d}/adapter", "--golden", "{d}/golden.npz", "--quiet"]),
        (inference, ["base-header.gguf"], ["inspect", "{d}/base-header.gguf", "--tensors"]),
        (inference, ["base-header.gguf"], ["convert", "{d}/adapter", "--base", "{d}/base-header.gguf", "--outfile", "{o}"]),
        (inference, ["golden.npz"], ["inspect", "{d}/golden.npz", "--values"]),
    ]
    sharded = DATA / "inference" / "llama-llama3-sharded"
    index = [str(p.relative_to(sharded)) for p in sharded.glob("base/*.json")]
    found.append((sharded, index, ["logits", "--model", "{d}/base", *use, "--output", "{o}"]))
    for path in sorted((DATA / "gguf" / "samples").glob("*.gguf")):
        found.append((path, [path.name], ["inspect", "{d}/" + path.name, "--tensors", "--values"]))
    for path in sorted((DATA / "npz").glob("*.np[yz]")):
        found.append((path, [path.name], ["inspect", "{d}/" + path.name, "--values"]))
    for path in sorted((DATA / "safetensors").glob("*.safetensors")):
        found.append((path, [path.name], ["inspect", "{d}/" + path.name, "--values"]))
    for case in sorted((DATA / "tokenizers" / "cases").iterdir()):
        for name in ("tokenizer.json", "vocabulary.gguf"):
            path = case / name
            if path.exists() and path.stat().st_size < 300_000:
                model = "{d}" if name == "tokenizer.json" else "{d}/" + name
                found.append((path, [name], ["tokenize", "--model", model, "--text", "Ein <s> text, 12345 \u00e9\u4e2d ab ab ab"]))
    return [t for t in found if t[1]]


def limit():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)


def run(call):
    """What is wrong with the end of the call, or None, and its exit code."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(call, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                                   preexec_fn=limit)
        end = time.monotonic() + SECONDS
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                process.kill()
                os.wait4(process.pid, 0)
                process.returncode = -9
                return f"not done within {SECONDS} s", None
            time.sleep(0.002)
        code = process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        text = errors.read().decode("utf-8", "replace")
    if code not in (0, 1, 3, 4):
        return f"ended with {code}: {text[-300:]}", code
    if code in (3, 4):
        lines = text.splitlines()
        if len([l for l in lines if l.startswith("alora: ")]) != 1 or len(lines) != 1:
            return f"{len(lines)} lines: {text[:300]}", code
    if any(ord(c) < 32 and c != "\n" for c in text):
        return f"control characters: {text[:300]!r}", code
    if usage.ru_maxrss * 1024 > BYTES:
        return f"{usage.ru_maxrss >> 10} MiB resident", code
    return None, code


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", default=".cache/mutants")
    parser.add_argument("--seconds", type=float, help="stop after this time")
    options = parser.parse_args()
    binary = str(pathlib.Path(options.binary).resolve())
    rng = random.Random(options.seed)
    kinds = targets()
    codes, failures, done, start = collections.Counter(), 0, 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="alora-mutants-") as root:
        directory, output = os.path.join(root, "d"), os.path.join(root, "out")
        for number in range(options.count):
            if options.seconds and time.monotonic() - start > options.seconds:
                break
            done += 1
            source, names, call = kinds[number % len(kinds)]
            shutil.rmtree(directory, ignore_errors=True)
            if source.is_dir():
                shutil.copytree(source, directory)
            else:
                os.mkdir(directory)
                shutil.copy(source, directory)
            name = rng.choice(names)
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                data = damage(file.read(), rng)
            with open(path, "wb") as file:
                file.write(data)
            shutil.rmtree(output, ignore_errors=True)
            if os.path.exists(output):
                os.unlink(output)
            words = [word.replace("{d}", directory).replace("{o}", output) for word in call]
            problem, code = run([binary, *words])
            codes[code] += 1
            left = [n for n in os.listdir(root) if n not in ("d", "out")]
            if not problem and (left or (code in (3, 4) and os.path.exists(output))):
                problem = f"left behind with code {code}: {left or 'an output'}"
            for name_left in left:
                os.unlink(os.path.join(root, name_left))
            if problem:
                failures += 1
                kept = os.path.join(options.keep, f"{options.seed}-{number}")
                shutil.copytree(directory, kept, dirs_exist_ok=True)
                pathlib.Path(kept, "call.json").write_text(json.dumps([call, name, problem], indent=1))
                print(f"{kept}: alora {' '.join(call)} with {name} damaged: {problem}", file=sys.stderr)
    elapsed = time.monotonic() - start
    ends = ", ".join(f"{n} with {code}" for code, n in sorted(codes.items(), key=str))
    print(f"{done} mutants of {len(kinds)} kinds, seed {options.seed}, {done / elapsed:.0f} a second: {ends}; "
          f"{failures} failures")
    return 1 if failures or not done else 0


if __name__ == "__main__":
    sys.exit(main())
