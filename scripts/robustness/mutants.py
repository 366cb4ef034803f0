#!/usr/bin/env python3
"""Damages files of testdata/ at random and gives them to the built command.

Whatever the file, `alora` has to end with 0, 1, 3 or 4; with 3 and 4 in one line on standard error; within ten
seconds and a gigabyte; and never by a signal. Failures are kept in a directory, with the call that shows each.

Every call must succeed before anything is damaged, so that what is refused is refused for the damage. Before all that
the detector is tried on commands that do each wrong thing it looks for.

    scripts/robustness mutants BINARY [--count N] [--seed S] [--seconds T] [--keep DIR] [--tool zzuf|radamsa]

With --tool zzuf, the damage is zzuf's (Debian has it): bits flipped anywhere, or in the first bytes only, as
many as a ratio says. With --tool radamsa, it is radamsa's (PyPI's pyradamsa is the library in a wheel): numbers, text,
lines, brackets and bytes changed, repeated, exchanged and left out, anywhere or in the first bytes only.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

from shared import BYTES, DATA, FAKE_BYTES, SECONDS, make_model, misses, run

try:
    import pyradamsa
except ImportError:
    pyradamsa = None

INTERESTING = [0, 1, 2, 3, 4, 7, 8, 16, 31, 32, 33, 64, 127, 128, 255, 256, 65535, 1 << 20, 1 << 30, (1 << 31) - 1, 1 << 31,
               (1 << 32) - 1, 1 << 32, 1 << 40, 1 << 61, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
WORDS = [b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"99999999999999999999", b"\"\"", b"[]", b"{}", b"[[[[[[[[",
         b"\"../../etc/passwd\"", b"\\u0000", b"\xff", b"\xc3\xa9", b"\n", b"\x1b[2J", b",", b":", b"\"(a+)+$\""]


def damage(data, rng):
    """The bytes with mostly one change; half of them near the start, where headers are."""
    data = bytearray(data)
    for _ in range(rng.choice([1] * 7 + [2, 3, 6])):
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


def zzuf(data, rng):
    """The bytes as zzuf leaves them: one bit in some, from 1 in 20 to 1 in 100,000, set, unset or flipped."""
    seed, ratio = rng.randrange(1 << 31), 10 ** rng.uniform(-5, -1.3)
    words = ["zzuf", "--seed", str(seed), "--ratio", f"{ratio:.7f}", "--fuzzing", rng.choice(["xor", "xor", "set", "unset"])]
    if rng.randrange(2):
        words += ["--bytes", f"0-{rng.choice([63, 255, 1023, 8191])}"]
    return subprocess.run(words, input=bytes(data), stdout=subprocess.PIPE, check=True).stdout


def radamsa(data, rng):
    """The bytes as radamsa leaves them. It takes half a second for some hundred thousand bytes, so mostly the first few of a long file."""
    head = rng.choice([64, 1024, 8192, 8192, len(data)])
    return pyradamsa.Radamsa().fuzz(bytes(data[:head]), seed=rng.randrange(1 << 31)) + bytes(data[head:])


TOOLS = {"own": damage, "zzuf": zzuf, "radamsa": radamsa}


def missing(tool):
    """What has to be installed before the tool can be called, or None."""
    if tool == "zzuf" and not shutil.which("zzuf"):
        return "zzuf is not installed; Debian's package of that name has it"
    if tool == "radamsa" and not pyradamsa:
        return f"{sys.executable} has no pyradamsa; install it from PyPI, or give make the interpreter that has it: PYTHON=…"
    return None


def targets(models):
    """What is copied, the files of it to damage, and the call that reads it; {d} is the copy, {o} a name for output.

    `models` is a directory for what has to be put together first.
    """
    inference = DATA / "inference" / "llama"
    use = ["--tokens", "1,5,17,6,9"]
    base = ["base/config.json", "base/model.safetensors"]
    adapter = ["adapter/adapter_config.json", "adapter/adapter_model.safetensors"]
    found = [
        (inference, base, ["logits", "--model", "{d}/base", *use, "--output", "{o}"]),
        (inference, base, ["inspect", "{d}/base"]),
        (inference, adapter, ["convert", "{d}/adapter", "--base", "{d}/base", "--outfile", "{o}"]),
        (inference, adapter, ["tokens", "{d}/adapter"]),
        (inference, adapter, ["inspect", "{d}/adapter", "--values"]),
        (inference, [*adapter, "base/config.json", "golden.npz"],
         ["verify", "--model", "{d}/base", "--adapter", "{d}/adapter", "--golden", "{d}/golden.npz", "--quiet"]),
        (inference, ["golden.npz"], ["inspect", "{d}/golden.npz", "--values"]),
    ]
    make_model(os.path.join(models, "generator"))
    template = "{% for m in messages %}{{ m['role'][0] + m.content + '.' }}{% endfor %}{% if add_generation_prompt %}a{% endif %}"
    pathlib.Path(models, "generator", "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    found.append((pathlib.Path(models, "generator"), ["tokenizer.json", "tokenizer_config.json"] * 2 + ["config.json"],
                  ["run", "--model", "{d}", "--chat", "--prompt", "ab", "-n", "2", "--quiet", "--cache-limit", "64"]))
    templated = DATA / "adapters" / "answerability" / "base-config"
    found.append((templated, ["tokenizer_config.json", "chat_template.jinja"],
                  ["tokens", str(DATA / "adapters" / "answerability" / "adapter-bf16"), "--base", "{d}"]))
    sharded = DATA / "inference" / "llama-llama3-sharded"
    index = [str(p.relative_to(sharded)) for p in sharded.glob("base/*.json")]
    found.append((sharded, index, ["logits", "--model", "{d}/base", *use, "--output", "{o}"]))
    for folder in (DATA / "gguf" / "samples", DATA / "gguf" / "types"):
        parts = sorted(path.name for path in folder.glob("split-*.gguf"))
        found.append((folder, parts, ["inspect", "{d}/" + parts[0], "--tensors", "--values"]))
        for path in sorted(folder.glob("*.gguf")):
            # Values are not shown of files of the other byte order.
            values = [] if "-be" in path.name or "big" in path.name else ["--values"]
            if path.name not in parts:
                found.append((path, [path.name], ["inspect", "{d}/" + path.name, "--tensors", *values]))
    for path in sorted((DATA / "npz").glob("*.np[yz]")):
        # The others hold what is refused undamaged: complex numbers, records, pickled objects.
        if path.stem in ("compressed", "plain", "stored", "streamed", "version2"):
            found.append((path, [path.name], ["inspect", "{d}/" + path.name, "--values"]))
    for path in sorted((DATA / "safetensors").glob("*.safetensors")):
        found.append((path, [path.name], ["inspect", "{d}/" + path.name, "--values"]))
    for case in sorted((DATA / "tokenizers" / "cases").iterdir()):
        for name in ("tokenizer.json", "vocabulary.gguf"):
            path = case / name
            if path.exists() and path.stat().st_size < 300_000:
                model = "{d}" if name == "tokenizer.json" else "{d}/" + name
                found.append((path, [name], ["tokenize", "--model", model, "--text", "Ein <s> text, 12345 \u00e9\u4e2d ab ab ab"]))
    return found


class Bench:
    """A directory for one damaged copy and one output at a time."""

    def __init__(self, root, seconds=SECONDS, tool=damage, most=BYTES):
        self.root, self.seconds, self.tool, self.most = root, seconds, tool, most
        self.directory, self.output = os.path.join(root, "d"), os.path.join(root, "out")

    def copy(self, source):
        for path in (self.directory, self.output):
            shutil.rmtree(path, ignore_errors=True)
        if os.path.exists(self.output):
            os.unlink(self.output)
        if source.is_dir():
            shutil.copytree(source, self.directory)
        else:
            os.mkdir(self.directory)
            shutil.copy(source, self.directory)

    def damage(self, name, rng):
        path = pathlib.Path(self.directory, name)
        before = path.read_bytes()
        after = self.tool(before, rng)
        path.write_bytes(after)
        return bytes(before) != bytes(after)

    def run(self, binary, call):
        """What is wrong with the end of the call, a file left behind too, or None; and its exit code."""
        words = [word.replace("{d}", self.directory).replace("{o}", self.output) for word in call]
        end = run([binary, *words], wall=self.seconds, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.nice(5))
        problem, code = end.problem((0, 1, 3, 4), most=self.most), end.code
        if problem:
            problem += f": {end.errors[-300:]!r}"
        left = [name for name in os.listdir(self.root) if name not in ("d", "out")]
        if not problem and (left or (code in (3, 4) and os.path.exists(self.output))):
            problem = f"left behind with code {code}: {left or 'an output'}"
        for name in left:
            os.unlink(os.path.join(self.root, name))
        return problem, code


# Commands that do one wrong thing each, as shell scripts ($1 is the directory), and what is to be said of it.
FAKES = [
    ("kill -SEGV $$", "ended with -11"), ("kill -ILL $$", "ended with -4"), ("exit 2", "ended with 2"), ("exit 134", "ended with 134"),
    ("sleep 60", "not done"), ("echo 'alora: a' >&2; echo b >&2; exit 3", "not one line"), ("exit 3", "not one line"),
    ("echo 'Fatal error: a' >&2; exit 4", "not one line"), ("printf 'alora: a' >&2; exit 3", "not one line"),
    ("printf 'alora: \\033[2J\\n' >&2; exit 3", "control characters"),
    ("touch $1/../.out.tmp; exit 0", "left behind"), ("touch $1/../out; echo 'alora: a' >&2; exit 4", "left behind"),
    (f"exec {sys.executable} -c 'print(len(bytes([97]) * {2 * FAKE_BYTES}))'", "MiB resident"),
    ("echo 'alora: a' >&2; exit 3", None), ("exit 0", None), ("echo note >&2; exit 1", None),
]


def try_detector(root):
    """What the detector misses, or sees where nothing is."""
    bench = Bench(os.path.join(root, "fakes"), seconds=8, most=FAKE_BYTES)
    os.mkdir(bench.root)

    def judge(fake):
        bench.copy(DATA / "README.md")
        return bench.run(fake, ["{d}"])[0]

    return misses(FAKES, judge)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", default=".cache/mutants")
    parser.add_argument("--seconds", type=float, help="stop after this time")
    parser.add_argument("--tool", choices=TOOLS, default="own")
    options = parser.parse_args()
    if problem := missing(options.tool):
        print(problem, file=sys.stderr)
        return 1
    binary = str(pathlib.Path(options.binary).resolve())
    codes, failures, done, unchanged, start = collections.Counter(), 0, 0, 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="alora-mutants-") as root:
        missed = try_detector(root)
        for name in ("models", "bench"):
            os.mkdir(os.path.join(root, name))
        kinds = targets(os.path.join(root, "models"))
        bench = Bench(os.path.join(root, "bench"), tool=TOOLS[options.tool])
        for source, names, call in kinds:
            bench.copy(source)
            problem, code = bench.run(binary, call)
            if problem or code or not names:
                missed.append(f"undamaged, alora {' '.join(call)} ends with {code}: {problem}")
        for line in missed:
            print(line, file=sys.stderr)
        if missed:
            return 1
        for number in range(options.count):
            if options.seconds and time.monotonic() - start > options.seconds:
                break
            # Each mutant has its own seed, so that it can be made again alone.
            rng = random.Random(f"{options.seed}/{number}")
            source, names, call = kinds[number % len(kinds)]
            bench.copy(source)
            name = rng.choice(names)
            # A tool may leave a small file as it was, which tries nothing.
            if not bench.damage(name, rng):
                unchanged += 1
                continue
            done += 1
            problem, code = bench.run(binary, call)
            codes[code] += 1
            if problem:
                failures += 1
                kept = os.path.join(options.keep, f"{options.seed}-{number}")
                shutil.copytree(bench.directory, kept, dirs_exist_ok=True)
                pathlib.Path(kept, "call.json").write_text(json.dumps([call, name, problem], indent=1))
                print(f"{kept}: alora {' '.join(call)} with {name} damaged: {problem}", file=sys.stderr)
    elapsed = time.monotonic() - start
    ends = ", ".join(f"{n} with {code}" for code, n in sorted(codes.items(), key=str))
    print(f"{done} mutants ({options.tool}; {unchanged} unchanged) of {len(kinds)} kinds, seed {options.seed}, {done / elapsed:.0f} a second: {ends}; "
          f"{failures} failures")
    return 1 if failures or not done else 0


if __name__ == "__main__":
    sys.exit(main())
