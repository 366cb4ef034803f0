#!/usr/bin/env python3
"""Arguments, surroundings and numbers that nobody means to give: each call has to end as docs/design.md says.

    scripts/robustness oddities BINARY [--quick] [PART …]

Ten seconds, a gigabyte, exit code 0 to 4, one line with 3 and 4, no signal, and no control character on a stream that
might be a terminal. The detector is tried first. With --quick, one call in 37 is made.
"""

import concurrent.futures
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import sys

from shared import DATA, LLAMA, Trial, make_model


def strange_files(root):
    """Paths that are no ordinary file, each with the exit codes it may give where a file or directory is read."""
    os.mkfifo(root + "/fifo")
    os.symlink(root + "/loop2", root + "/loop1")
    os.symlink(root + "/loop1", root + "/loop2")
    os.symlink(root + "/nowhere", root + "/dangling")
    os.mkdir(root + "/directory")
    server = socket.socket(socket.AF_UNIX)
    server.bind(root + "/socket")
    for name, content in {"empty": b"", "byte": b"\0", "newline": b"\n", "brace": b"{", "nul": b"\0" * 4096,
                          "bom": b"\xef\xbb\xbf{}", "utf16": "{}".encode("utf-16"), "gguf": b"GGUF", "zip": b"PK\3\4",
                          "pickle": b"\x80\x02}q\0.", "gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\0",
                          "a\nb\x1b[31mc": b"{", "\x1b]0;t\x07": b"GGUF\3\0\0\0", "caf\u0301\u202e": b"[]"}.items():
        pathlib.Path(root, name).write_bytes(content)
    pathlib.Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe")).write_bytes(b"{}")
    for name, magic in {"sparse": b"", "sparse.gguf": b"GGUF\3\0\0\0" + (1 << 40).to_bytes(8, "little") * 2,
                        "sparse.safetensors": (100_000_000).to_bytes(8, "little") + b"{", "sparse.json": b"[",
                        "sparse.npz": b"PK\3\4", "sparse.npy": b"\x93NUMPY\2\0\xff\xff\xff\xff{", "sparse-adapter.gguf": b"GGUF\3\0\0\0"}.items():
        with open(os.path.join(root, name), "wb") as file:
            file.write(magic)
            file.truncate(1 << 40)
    names = [os.path.join(root, name) for name in sorted(os.listdir(root))]
    return names + ["/dev/zero", "/dev/full", "/dev/null", "/dev/random", "/proc/self/mem", "/proc/self/environ", "/proc/self/fd/0",
                    "", ".", "..", "/", "-", "--", "x" * 300, root + "/x" * 2500, root + "/none/x", root + "/empty/x", "\u00e9" * 200,
                    root + "/fifo/..", "~", "%s%n", "$(touch x)", "file:///etc/passwd", "a\nb", "\x1b[2J", "\x7f", "\u202e\u2028"]


def reading_calls(root, generator):
    """Calls with a place {p} for what is read."""
    base, adapter, golden = str(LLAMA / "base"), str(LLAMA / "adapter"), str(LLAMA / "golden.npz")
    output = ["--output", root + "/o", "--force"]
    model = ["--model", generator]
    return [
        ["convert", "{p}", "--base", base, "--outfile", root + "/o", "--force"],
        ["convert", adapter, "--base", "{p}", "--outfile", root + "/o", "--force"],
        ["convert", "--recursive", "{p}", "--base", base, "--outdir", root + "/tree", "--force"],
        ["inspect", "{p}", "--values"], ["inspect", "{p}", "--json"], ["inspect", adapter, "--base", "{p}"],
        ["diff", "{p}", golden], ["diff", adapter, "{p}"],
        ["tokens", "{p}"], ["tokens", adapter, "--base", "{p}"],
        ["tokenize", "--model", "{p}", "--text", "a"], ["tokenize", *model, "--file", "{p}"], ["tokenize", *model, "--messages", "{p}"],
        ["logits", "--model", "{p}", "--tokens", "1", *output], ["logits", "--model", base, "--adapter", "{p}", "--tokens", "1", *output],
        ["logits", "--model", base, "--tokens-file", "{p}", *output],
        ["verify", "--model", "{p}", "--adapter", adapter], ["verify", "--model", base, "--adapter", "{p}"],
        ["verify", "--model", base, "--adapter", adapter, "--golden", "{p}"],
        ["run", "--model", "{p}", "--prompt", "a", "-n", "1"], ["run", *model, "--adapter", "{p}", "--prompt", "a", "-n", "1"],
        ["run", *model, "--script", "{p}", "-n", "1"], ["run", *model, "--load-cache", "{p}", "--prompt", "a", "-n", "1"],
        ["bench", "prefill", "--model", "{p}", "--tokens", "8"], ["bench", "decode", "--model", base, "--adapter", "{p}", "--tokens", "2"],
    ]


def inputs(trial, root):
    """Every kind of strange file for every argument that is read."""
    generator = root + "/generator"
    make_model(generator)
    strange = root + "/strange"
    os.mkdir(strange)
    paths = strange_files(strange)
    calls = [(call, path) for call in reading_calls(root, generator) for path in paths]

    def attempt(at):
        call, path = at
        trial.call("inputs", [*(word.replace("{p}", path) for word in call)], cwd=strange + "/directory")

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(attempt, calls))
    return f"{len(calls)} calls with {len(paths)} strange files"


def outputs(trial, root):
    """Every strange place for what is written; what stood there stays, or is replaced whole."""
    generator = root + "/generator"
    make_model(generator)
    strange = root + "/strange"
    os.mkdir(strange)
    base, adapter = str(LLAMA / "base"), str(LLAMA / "adapter")
    # Not the devices: the tests may run as one who could replace them.
    paths = [p for p in strange_files(strange) if not p.startswith(("/dev", "/proc")) and "sparse" not in p]
    calls = [
        ["convert", adapter, "--base", base, "--outfile", "{p}"], ["convert", adapter, "--base", base, "--outfile", "{p}", "--force"],
        ["convert", "--recursive", str(LLAMA), "--base", base, "--outdir", "{p}"],
        ["logits", "--model", base, "--tokens", "1", "--output", "{p}"],
        ["run", "--model", generator, "--prompt", "a", "-n", "1", "--quiet", "--save-cache", "{p}"],
        ["verify", "--model", base, "--adapter", adapter, "--report", "json={p}"],
        ["verify", "--model", base, "--adapter", adapter, "--report", "junit={p}", "--report", "github={p}"],
    ]
    for call in calls:
        for path in paths:
            trial.call("outputs", [*(word.replace("{p}", path) for word in call)], cwd=strange + "/directory")
    left = [name for name in os.listdir(strange) + os.listdir(strange + "/directory") if "alora-" in name]
    if left:
        trial.fail(f"left behind: {left}")
    return f"{len(calls) * len(paths)} calls with strange outputs"


NUMBERS = ["", " ", "0", "-0", "-1", "1", "1.5", "1e3", "1e400", "-1e400", "nan", "-nan", "inf", "-inf", "0x10", "9223372036854775807",
           "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "4294967296", "2147483647",
           "1000000000000", "1_000", "\u0661", "1,2", "1,", ",", "1,,2", "1e", "+5", "5e-324", "\x1b[2J", "\u202e5"]


def numbers(trial, root):
    """Every option that takes a number."""
    generator = root + "/generator"
    make_model(generator)
    base, adapter, golden = str(LLAMA / "base"), str(LLAMA / "adapter"), str(LLAMA / "golden.npz")
    logits = ["logits", "--model", base, "--adapter", adapter, "--output", root + "/o", "--force"]
    run = ["run", "--model", generator, "--prompt", "a", "-n", "4", "--ignore-end"]
    sampled = [*run, "--temperature", "1"]
    verify = ["verify", "--model", base, "--adapter", adapter, "--golden", golden]
    calls = [
        [*logits, "--tokens", "{v}"], [*logits, "--tokens", "1,{v}"], [*logits, "--tokens", "1", "--threads", "{v}"],
        [*logits, "--tokens", "1,2", "--chunk", "{v}"], [*logits, "--tokens", "1,2", "--activation-start", "{v}"],
        [*run, "--temperature", "{v}"], [*sampled, "--top-k", "{v}"], [*sampled, "--top-p", "{v}"], [*sampled, "--min-p", "{v}"],
        [*sampled, "--seed", "{v}"], [*sampled, "--temperature", "{v}"], [*run, "--cache-limit", "{v}"], [*run, "--threads", "{v}"],
        [*run, "--stop", "{v}"], [*run, "--use", "{v}"], [*run, "--adapter", "{v}=" + adapter],
        [*verify, "--tolerance", "{v}"], [*verify, "--threads", "{v}"], [*verify, "--server", "{v}"],
        [*verify[:-2], "--server", "http://127.0.0.1:{v}"], [*verify[:-2], "--server", "http://127.0.0.1:9/{v}"],
        [*verify[:-2], "--server", "http://127.0.0.1:9", "--server-timeout", "{v}"],
        [*verify[:-2], "--server", "http://127.0.0.1:9", "--server-adapter", "{v}"],
        ["inspect", adapter, "--key", "{v}"], ["convert", adapter, "--base", base, "--dry-run", "--outtype", "{v}"],
        ["convert", adapter, "--base", base, "--dry-run", "--base-model-id", "{v}"],
        ["convert", adapter, "--base", base, "--dry-run", "--ignore-field", "{v}"],
        ["tokenize", "--model", generator, "--text", "{v}"], ["tokens", adapter, "--base", generator, "--prompt", "{v}"],
    ]
    for kind in ("prefill", "decode", "ttft"):
        calls += [["bench", kind, "--model", base, "--adapter", adapter, option, "{v}"] for option in ("--tokens", "--threads", "--repetitions")]
    count = 0
    for call in calls:
        for value in NUMBERS:
            # What asks for much work gets it: a billion tokens are no fault.
            if call[0] == "bench" and value.isdigit() and int(value) > 100:
                continue
            # Written as one word, a value may begin with a dash.
            words = []
            for word in call:
                if word == "{v}":
                    words[-1] += "=" + value
                else:
                    words.append(word.replace("{v}", value))
            trial.call("numbers", words)
            count += 1
    return f"{count} calls with strange values"


def surroundings(trial, root):
    """Streams, variables, directories and limits that a process may start with."""
    generator = root + "/generator"
    make_model(generator)
    base, adapter = str(LLAMA / "base"), str(LLAMA / "adapter")
    output = root + "/o"
    calls = [
        ["convert", adapter, "--base", base, "--outfile", output, "--force"], ["inspect", adapter, "--values"],
        ["run", "--model", generator, "--prompt", "ab", "-n", "3"], ["run", "--model", generator, "-n", "3"],
        ["verify", "--model", base, "--adapter", adapter], ["tokenize", "--model", generator, "--text", "ab"],
        ["logits", "--model", base, "--tokens", "1,2", "--output", output, "--force"],
    ]
    gone = root + "/gone"
    os.mkdir(gone)
    readonly = root + "/readonly"
    os.mkdir(readonly, 0o500)

    def limited(kind, *values):
        return lambda: [resource.setrlimit(kind, (v, v)) for v in values]

    def removed():
        os.chdir(gone)
        os.rmdir(gone)

    def closed(*numbers):
        return lambda: [os.close(number) for number in numbers]

    starts = {
        "no environment": {"env": {}}, "an odd locale": {"env": {"LANG": "xx_YY.nothing", "LC_ALL": "\x1b[1m", "LANGUAGE": ":"}},
        "an odd zone": {"env": {"TZ": "../../../etc/passwd"}}, "a long variable": {"env": {"COLUMNS": "9" * 100_000, "TERM": "x" * 1000}},
        "columns": {"env": {"COLUMNS": "-1"}}, "no columns": {"env": {"COLUMNS": "0"}}, "no path": {"env": {"PATH": "", "HOME": ""}},
        "OpenBLAS": {"env": {"OPENBLAS_CORETYPE": "none", "OPENBLAS_NUM_THREADS": "-5", "OMP_NUM_THREADS": "x"}},
        "summaries": {"env": {"GITHUB_STEP_SUMMARY": "/none/x"}}, "tmp": {"env": {"TMPDIR": "/none"}},
        "standard input closed": {"preexec_fn": closed(0)}, "a file size limit": {"preexec_fn": limited(resource.RLIMIT_FSIZE, 4096)},
        "three files": {"preexec_fn": limited(resource.RLIMIT_NOFILE, 3)}, "four files": {"preexec_fn": limited(resource.RLIMIT_NOFILE, 4)},
        "no files": {"preexec_fn": limited(resource.RLIMIT_NOFILE, 0)}, "six files": {"preexec_fn": limited(resource.RLIMIT_NOFILE, 6)},
        "a small stack": {"preexec_fn": limited(resource.RLIMIT_STACK, 256 << 10)}, "no locks": {"preexec_fn": limited(resource.RLIMIT_MEMLOCK, 0)},
        "a directory that is gone": {"preexec_fn": removed}, "a directory of others": {"cwd": readonly},
        "input full of zeros": {"stdin": open("/dev/zero", "rb")},
        "input that is a directory": {"stdin": os.open("/", os.O_RDONLY)},
        "input without an end of line": {"stdin": subprocess.DEVNULL},
    }
    count = 0
    for name, options in starts.items():
        # The loader has no file left to open libraries with; what it says is its own.
        codes = (0, 1, 2, 3, 4, 127) if "files" in name else (0, 1, 2, 3, 4)
        for call in calls:
            if name == "a directory that is gone" and not os.path.isdir(gone):
                os.mkdir(gone)
            trial.call(f"surroundings, {name}", [*call], codes=codes, **options)
            count += 1
    return f"{count} calls in strange surroundings"


CONFIGURATION = {
    "hidden_size": None, "intermediate_size": None, "num_hidden_layers": None, "num_attention_heads": None, "num_key_value_heads": None,
    "head_dim": None, "vocab_size": None, "max_position_embeddings": None, "rms_norm_eps": None, "rope_theta": None,
    "rope_scaling": None, "rope_parameters": None, "sliding_window": None, "attention_multiplier": None, "residual_multiplier": None,
    "embedding_multiplier": None, "logits_scaling": None, "tie_word_embeddings": None, "hidden_act": None, "attention_bias": None,
    "mlp_bias": None, "num_local_experts": None, "num_experts_per_tok": None, "model_type": None, "architectures": None,
    "query_pre_attn_scalar": None, "attn_logit_softcapping": None, "final_logit_softcapping": None, "partial_rotary_factor": None,
    "layer_types": None, "original_max_position_embeddings": None, "torch_dtype": None, "dtype": None, "quantization_config": None,
    "bos_token_id": None, "eos_token_id": None, "use_sliding_window": None, "max_window_layers": None, "shared_intermediate_size": None,
}
JSON_VALUES = ["0", "-1", "1", "3", "65536", "2147483647", "2147483648", "4294967296", "1000000000", "9223372036854775807",
               "18446744073709551615", "1e308", "1e-320", "-0.0", "NaN", "Infinity", "-Infinity", "0.5", "null", "true", "\"\"", "\"x\"",
               "[]", "{}", "[[]]", "[0]", "[\"full_attention\"]", "{\"rope_type\":\"yarn\",\"factor\":0}",
               "{\"rope_type\":\"yarn\",\"factor\":NaN,\"original_max_position_embeddings\":0}",
               "{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_freq_factor\":4,\"original_max_position_embeddings\":8}",
               "{\"rope_type\":\"longrope\",\"short_factor\":[0],\"long_factor\":[NaN]}", "{\"rope_type\":\"linear\",\"factor\":1e-300}",
               "{\"rope_type\":\"dynamic\",\"factor\":2}", "{\"rope_theta\":NaN}", "{\"rope_theta\":-1}", "{\"rope_theta\":0}"]


def configurations(trial, root):
    """Every member of config.json with every strange value."""
    count = 0
    for name in ("llama", "granite-moe-hybrid-experts", "phi3-longrope", "gemma3"):
        source = DATA / "inference" / name / "base"
        model = f"{root}/{name}"
        shutil.copytree(source, model)
        given = json.loads((source / "config.json").read_text())
        members = list(dict.fromkeys([*given, *CONFIGURATION]))
        for member in members:
            for value in JSON_VALUES:
                rest = {key: value for key, value in given.items() if key != member}
                text = json.dumps(rest)[:-1] + f', "{member}": {value}}}'
                pathlib.Path(model, "config.json").write_text(text)
                trial.call(f"configurations, {name}, {member}: {value}",
                       ["logits", "--model", model, "--tokens", "1,2,3", "--output", root + "/o", "--force"])
                count += 1
                if name == "llama":
                    trial.call(f"configurations, convert, {member}: {value}",
                           ["convert", str(LLAMA / "adapter"), "--base", model, "--outfile", root + "/o", "--force"])
                    count += 1
    return f"{count} models and conversions with strange configurations"


def main():
    trial = Trial(__doc__, (inputs, outputs, numbers, surroundings, configurations))
    trial.prove()
    return trial.run()


if __name__ == "__main__":
    sys.exit(main())
