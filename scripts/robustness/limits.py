#!/usr/bin/env python3
"""What surrounds the command: files that become shorter while they are read, disks that cannot be read, little memory,
few open files, many adapters in one process, runs that write one path at once, and names that lead elsewhere.

    scripts/robustness limits BINARY [--quick] [PART …]

--quick, for CI, tries some forty reads of each command and a thousand adapters instead of all and ten thousand.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import random
import resource
import shutil
import struct
import subprocess
import sys
import time

from shared import DATA, LLAMA, Trial, can_trace, is_one_line, make_model

BASE, ADAPTER = str(LLAMA / "base"), str(LLAMA / "adapter")
ENVIRONMENT = os.environ | {"SWIFT_BACKTRACE": "enable=no"}


def run(call, **options):
    return subprocess.run(call, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, env=ENVIRONMENT, **options)


def is_refused(result, codes):
    return result.returncode in codes and is_one_line(result.stderr.decode("utf-8", "replace"))


def reads(trial, root):
    """Every read of a file gives nothing, as behind the end of one that was cut short, or an error."""
    count = 0
    commands = [
        ("convert", ["convert", ADAPTER, "--base", BASE, "--outfile", root + "/out", "--force"]),
        ("logits", ["logits", "--model", BASE, "--tokens", "1,2", "--output", root + "/out", "--force", "--threads", "1"]),
        ("inspect", ["inspect", ADAPTER, "--values"]),
        ("inspect", ["inspect", str(LLAMA / "golden.npz"), "--values"]),
        ("inspect", ["inspect", str(DATA / "gguf" / "samples" / "v3-le-flat.gguf"), "--values"]),
    ]
    for name, words in commands:
        trace = root + "/trace"
        run(["strace", "-o", trace, "-e", "trace=pread64", trial.binary, *words])
        calls = sum(line.startswith("pread64(") for line in pathlib.Path(trace).read_text().splitlines())
        # The dynamic loader's own, which come first, are not the command's.
        run(["strace", "-o", trace, "-e", "trace=pread64", trial.binary, "--version"])
        first = 1 + sum(line.startswith("pread64(") for line in pathlib.Path(trace).read_text().splitlines())
        numbers = range(first, calls + 1, max(1, (calls + 1 - first) // 40) if trial.quick else 1)
        trial.expect(len(numbers) > 2, f"{name}: {len(numbers)} reads")

        def attempt(at):
            number, effect = at
            result = run(["strace", "-f", "-o", "/dev/null", "-e", "trace=pread64", "-e",
                          f"inject=pread64:{effect}:when={number}", trial.binary, *words])
            trial.expect(is_refused(result, (3, 4)), f"{name}, {effect} at read {number}: {result.returncode}, {result.stderr[:200]!r}")

        # Two at once: where two outputs collide, --force lets the last win, and all of these fail anyway.
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            count += len(list(pool.map(attempt, [(n, e) for n in numbers for e in ("retval=0", "error=EIO")])))
    return f"{count} reads failed or cut short"


def shrinking(trial, root):
    """Files that become shorter while the command reads them, in earnest."""
    source, count = root + "/shrinking", 0
    for delay in range(0, 40):
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(DATA / "adapters" / "answerability" / "adapter-bf16", source)
        base = str(DATA / "adapters" / "answerability" / "base-config")
        process = subprocess.Popen([trial.binary, "convert", source, "--base", base, "--outfile", root + "/shrunk", "--force"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENVIRONMENT)
        time.sleep(delay / 400)
        os.truncate(source + "/adapter_model.safetensors", 5000)
        errors = process.communicate(timeout=60)[1]
        if process.returncode:
            count += 1
            trial.expect(process.returncode in (3, 4) and errors.count(b"\n") == 1, f"shrunk: {process.returncode}, {errors[:300]!r}")
    return f"40 files cut short under a conversion, {count} noticed in time"


def changing(trial, root):
    """Files that are overwritten again and again, not cut, while the command reads them: what holds of a header when it is
    read need not hold a moment later."""
    rng, count = random.Random(1), collections.Counter()
    tokenizer = root + "/generator"
    make_model(tokenizer)
    cases = [
        (ADAPTER, "adapter_model.safetensors", ["convert", "{d}", "--base", BASE, "--outfile", root + "/o", "--force"]),
        (BASE, "model.safetensors", ["logits", "--model", "{d}", "--tokens", "1,2,3", "--output", root + "/o", "--force"]),
        (BASE, "config.json", ["logits", "--model", "{d}", "--tokens", "1,2,3", "--output", root + "/o", "--force"]),
        (str(LLAMA), "golden.npz", ["verify", "--model", BASE, "--adapter", ADAPTER, "--golden", "{d}/golden.npz", "--quiet"]),
        (str(LLAMA), "golden.npz", ["inspect", "{d}/golden.npz", "--values"]),
        (str(DATA / "inference" / "qwen2"), "base.gguf", ["logits", "--model", "{d}/base.gguf", "--tokens", "1,2", "--output", root + "/o", "--force"]),
        (str(DATA / "gguf" / "samples"), "v3-le-flat.gguf", ["inspect", "{d}/v3-le-flat.gguf", "--values", "--json"]),
        (str(DATA / "tokenizers" / "cases" / "gguf-spm-llama"), "vocabulary.gguf", ["tokenize", "--model", "{d}/vocabulary.gguf", "--text", "ab"]),
        (tokenizer, "tokenizer.json", ["run", "--model", "{d}", "--prompt", "ab", "-n", "2", "--quiet"]),
    ]
    for source, name, words in cases:
        directory = root + "/changing"
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(source, directory)
        path = directory + "/" + name
        whole = pathlib.Path(path).read_bytes()
        for _ in range(3 if trial.quick else 25):
            call = [trial.binary, *(word.replace("{d}", directory) for word in words)]
            process = subprocess.Popen(call, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENVIRONMENT)
            start = time.monotonic()
            # Some are to be past the header by then.
            time.sleep(rng.random() * rng.choice([0.01, 0.1, 0.3]))
            with open(path, "r+b") as file:
                while process.poll() is None and time.monotonic() - start < 60:
                    at = rng.randrange(min(len(whole), rng.choice([64, 4096, len(whole)])))
                    piece = rng.choice([rng.randbytes(rng.randint(1, 64)), whole[at:at + 4096]])[:len(whole) - at]
                    file.seek(at)
                    file.write(piece)
                    file.flush()
                file.seek(0)
                file.write(whole)
            errors = process.communicate(timeout=60)[1]
            count[process.returncode] += 1
            trial.expect(process.returncode in (0, 1) or (process.returncode in (3, 4) and errors.count(b"\n") == 1),
                   f"changed, {words[0]} {name}: {process.returncode}, {errors[:300]!r}")
    return f"{sum(count.values())} files changed under a command: {dict(sorted(count.items()))}"


def mapped_mebibytes(binary):
    """What the kernel has to map of a program and its loader: where the address space ends before, it kills the process in execve."""
    data = pathlib.Path(binary).read_bytes()
    offset, size, count = struct.unpack_from("<Q14xHH", data, 32)
    ends = [0]
    for index in range(count):
        kind, _, _, address, _, _, memory = struct.unpack_from("<IIQQQQQ", data, offset + index * size)
        ends += [address + memory] if kind == 1 else []
    return (max(ends) >> 20) + 2


def memory(trial, root):
    """From far too little address space to enough: success, one line and 4, or the dynamic loader's refusal; no crash."""
    answerability = DATA / "adapters" / "answerability"
    calls = [
        ("convert", ["convert", str(answerability / "adapter-bf16"), "--base", str(answerability / "base-config"),
                     "--outfile", root + "/little", "--force"]),
        ("logits", ["logits", "--model", BASE, "--tokens", "1,2", "--output", root + "/little", "--force"]),
        ("inspect", ["inspect", str(LLAMA / "golden.npz"), "--values"]),
    ]
    count, refused = 0, 0
    for name, words in calls:
        codes = collections.Counter()
        first = mapped_mebibytes(trial.binary)
        for mebibytes in [*range(first, first + 80), 150, 300, 2000]:
            limit = mebibytes << 20
            result = run([trial.binary, *words], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
            is_loader = result.returncode == 127 and b"error while loading shared libraries" in result.stderr
            trial.expect(result.returncode == 0 or is_loader or is_refused(result, (4,)),
                   f"{name} with {mebibytes} MiB: {result.returncode}, {result.stderr[-300:]!r}")
            codes[result.returncode] += 1
            count += 1
        trial.expect(result.returncode == 0 and len(codes) > 1, f"{name}: none of the limits fails, or all do: {dict(codes)}")
        refused += codes[4]
    # Where a call needs hardly more than the loader does, the steps may pass over the sizes between.
    trial.expect(refused, "no call has begun with too little memory")
    return f"{count} runs in too little memory, or nearly"


def many(trial, root):
    """One process converts many adapters with few files open, and its memory does not grow with them."""
    peaks = {}
    for count in (200, 1000 if trial.quick else 10_000):
        tree = f"{root}/tree{count}"
        for index in range(count):
            directory = f"{tree}/{index % 100}/a{index}"
            os.makedirs(directory)
            for name in ("adapter_config.json", "adapter_model.safetensors"):
                # The adapter's first tensors only would do; a link costs nothing.
                os.symlink(f"{ADAPTER}/{name}", f"{directory}/{name}")
        process = subprocess.Popen([trial.binary, "convert", "--recursive", tree, "--base", BASE, "--outdir", f"{root}/many", "--force"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT,
                                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32)))
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        peaks[count] = usage.ru_maxrss
        trial.expect(process.returncode == 0 and output.endswith(f"{count} of {count} adapters converted\n".encode()),
               f"{count} adapters: {process.returncode}, {output[-200:]!r}")
        shutil.rmtree(tree)
        shutil.rmtree(f"{root}/many", ignore_errors=True)
    small, large = peaks.values()
    # A line is kept of each: its text is what may grow.
    trial.expect(large - small < 10_000, f"{max(peaks)} conversions take {large} KiB, 200 take {small} KiB")
    return f"{max(peaks)} conversions in one process: {large} KiB at the peak, 200: {small} KiB"


def together(trial, root):
    """Runs that write one path at once."""
    output = root + "/together"
    types = ["f32", "f16", "bf16", "q8_0"]
    whole = {}
    for kind in types:
        run([trial.binary, "convert", ADAPTER, "--base", BASE, "--outfile", output + kind, "--outtype", kind])
        whole[kind] = pathlib.Path(output + kind).read_bytes() if os.path.exists(output + kind) else None
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for force in ([], ["--force"]):
            for _ in range(10):
                pathlib.Path(output).unlink(missing_ok=True)
                calls = [[trial.binary, "convert", ADAPTER, "--base", BASE, "--outfile", output, "--outtype", k, *force] for k in types * 2]
                results = list(pool.map(run, calls))
                trial.expect(pathlib.Path(output).read_bytes() in whole.values(), "a mixture of two runs' files")
                won = [result for result in results if result.returncode == 0]
                trial.expect(len(won) == (8 if force else 1), f"{len(won)} of 8 runs wrote the file, --force {bool(force)}")
                trial.expect(all(is_refused(r, (4,)) for r in results if r.returncode), "a run that lost says something else")
    left = [name for name in os.listdir(root) if "alora-" in name]
    trial.expect(not left, f"left behind: {left}")
    return "160 runs, 8 at a time, on one path"


def names(trial, root):
    """Outputs that are inputs, and names that lead elsewhere."""
    adapter = root + "/adapter"
    shutil.copytree(ADAPTER, adapter)
    weights = adapter + "/adapter_model.safetensors"
    before = pathlib.Path(weights).read_bytes()
    os.symlink(weights, root + "/link")
    os.link(weights, root + "/hardlink")
    for output in (weights, root + "/hardlink", adapter + "/../adapter/adapter_model.safetensors", root + "/link"):
        result = run([trial.binary, "convert", adapter, "--base", BASE, "--outfile", output, "--force"])
        trial.expect(pathlib.Path(weights).read_bytes() == before, f"{output}: the input was replaced")
        trial.expect(is_refused(result, (3,)), f"{output}: {result.returncode}, {result.stderr[:200]!r}")
    for name in ("../x.safetensors", "/etc/passwd", "a/../../x.safetensors", "", ".", "..", "a\u0000b", "x\n", "\x1b[2J", "sub/x.safetensors"):
        model = root + "/sharded"
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(BASE, model)
        shutil.copy(model + "/model.safetensors", root + "/x.safetensors")
        os.unlink(model + "/model.safetensors")
        index = {"metadata": {}, "weight_map": {"model.embed_tokens.weight": name}}
        pathlib.Path(model, "model.safetensors.index.json").write_text(json.dumps(index))
        result = run([trial.binary, "logits", "--model", model, "--tokens", "1", "--output", root + "/o", "--force"])
        trial.expect(is_refused(result, (3, 4)), f"shard {name!r}: {result.returncode}, {result.stderr[:300]!r}")
    for depth in (100, 1000, 100_000, 5_000_000):
        for text in ("[" * depth, "[" * depth + "]" * depth, '{"a":' * depth, '{"a":' * depth + "1" + "}" * depth):
            pathlib.Path(adapter, "adapter_config.json").write_text(text)
            result = run([trial.binary, "convert", adapter, "--base", BASE, "--outfile", root + "/o", "--force"])
            trial.expect(is_refused(result, (3,)), f"{depth} deep: {result.returncode}, {result.stderr[:200]!r}")
    return "names that lead elsewhere, outputs that are inputs, deep nesting"


def main():
    trial = Trial(__doc__, (reads, shrinking, changing, memory, many, together, names), "some reads of each command, a thousand adapters")
    if reads in trial.parts and not can_trace():
        print("limits: reads are SKIPPED, strace may not trace a process here", file=sys.stderr)
        trial.parts.remove(reads)
    return trial.run()


if __name__ == "__main__":
    sys.exit(main())
