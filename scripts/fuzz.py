#!/usr/bin/env python3
"""Builds the fuzzer (Fuzz/), seeds it from testdata/ and runs it; what it finds is kept under <home>/<target>/findings.

    scripts/fuzz.py [--target NAME …] [--seconds S] [--lanes N] [--rounds R | --until HH:MM] [--home DIR] [--merge] [--binary FILE]
    scripts/fuzz.py --archive [--target NAME …] [--home DIR]
    scripts/fuzz.py --table [--home DIR]

Each target's corpus goes on from run to run; so that they outlive a checkout, give a --home outside of it (otherwise
.cache/fuzz). With --lanes, so many targets run at once; with --rounds, all are gone through so many times; with --until, the
target that has had the least of the processor's time is next, up to that time of the day (UTC). An input over
10 s of the processor, over 1 GiB, or that ends the process is a finding. Address sanitizer is on. Totals are appended to
<home>/totals.jsonl, and --table adds them up. --binary is a copy of the fuzzer, which a build meanwhile does not change.

testdata/fuzz/<target>.gz is the small corpus that is committed: it is among the seeds, and the tests read it. --archive makes
it anew: the least inputs that reach what the corpus reaches (libFuzzer's set cover), the shortest first, as far as there is room.
"""

import argparse
import concurrent.futures
import gzip
import io
import json
import math
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "testdata"
BUILD = ROOT / ".build-fuzz"
SEPARATOR = b"\n=-=-=\n"
TEXT = "Ein <s> text, 12345 \u00e9\u4e2d ab ab\u0301\u0308".encode()
# What is committed of each target's corpus, altogether.
CORPUS_BYTES = 400_000
# The greatest risks first: what comes from strangers most often, and is the least regular.
TARGETS = ["gguf", "safetensors", "npz", "tokenizer", "template", "convert", "adapter", "shards", "model", "json", "golden", "cache",
           "response", "script", "card", "pattern", "graph", "prompts", "baseline", "engine"]
LOCK = threading.Lock()
# Swift's own backtracer waits for ever on a process that a sanitizer has ended.
QUIET = {"SWIFT_BACKTRACE": "enable=no"}
# An input that takes longer is a finding.
SLOW_SECONDS = 10
# The greatest input, in bytes: seeds beyond are left out.
GREATEST = {"tokenizer": 60_000, "model": 80_000, "convert": 40_000, "gguf": 40_000, "npz": 20_000, "shards": 60_000, "golden": 20_000,
            "cache": 30_000, "pattern": 3_000}


def build():
    """Builds the fuzzer and tells where it is."""
    flags = ["-Xswiftc", "-sanitize=fuzzer,address", "-Xcc", "-fsanitize=fuzzer-no-link,address", "-Xlinker", "-lstdc++", "-Xswiftc", "-Xclang-linker",
             "-Xswiftc", "-fuse-ld=lld"]
    subprocess.run(["swift", "build", "-c", "release", "--scratch-path", str(BUILD), "--product", "AloraFuzz", *flags],
                   cwd=ROOT, env=os.environ | {"ALORA_FUZZ": "1"}, check=True, stdout=sys.stderr)
    return BUILD / "release" / "AloraFuzz"


def files(*patterns):
    return [path for pattern in patterns for path in sorted(DATA.glob(pattern))]


def seeds(target):
    """Inputs that are read to their end, or nearly."""
    def parts(*paths):
        return SEPARATOR.join(path.read_bytes() if path.exists() else b"" for path in paths)

    if target == "golden":
        return [golden(p) for p in files("inference/*/golden.npz")[:6]] + [golden(p, kind="<f2") for p in files("inference/*/golden.npz")[:2]]
    if target == "cache":
        return caches()
    if target == "response":
        return responses()
    if target == "script":
        return [b'{"prompt":"a b"}\n{"prompt":"c","adapter":"x","limit":3,"seed":7,"role":"user","reset":true}\n',
                b'[{"prompt":"a","fork":true},{"prompt":"b","adapter":null}]\n\n{"prompt":"\xc3\xa9"}\r\n', b'{"prompt":""}']
    if target == "card":
        return [p.read_bytes() for p in files("**/README.md")] + cards()
    if target == "pattern":
        return [pattern.encode() + SEPARATOR + TEXT for pattern in patterns()]
    if target == "graph":
        return [p.read_bytes() for p in files("**/config.json")]
    if target == "json":
        return [p.read_bytes() for p in files("**/adapter_config.json", "**/config.json", "**/*.index.json")]
    if target == "gguf":
        return [tiny_model(), tiny_model(types=(2, 3, 6, 7, 20)), tiny_adapter()] + [p.read_bytes() for p in files("**/*.gguf")]
    if target == "engine":
        return [SEPARATOR.join([tiny_model(types=types, scale=scale), tiny_adapter(alpha)])
                for types, scale, alpha in [((8,), 0.01, 4), ((2, 3, 6, 7, 20), 0.01, -1), ((0, 1, 30), 1, 0), ((8, 2), math.nan, math.inf)]]
    if target == "prompts":
        return [b'{"text":"a b"}\n{"prompt":"c","id":"x"}\n\n{"tokens":[1,2,3],"id":7}\r\n{"messages":[{"role":"user","content":"a"}]}\n', b'{"tokens":[]}']
    if target == "baseline":
        digests = {name: ["0123456789abcdef"] * 2 for name in ("base", "adapted", "base_cache", "adapted_cache")}
        return [json.dumps({"alora_baseline": 1, "exactness_version": version, "model_sha256": "a" * 64, "adapter_sha256": "b" * 64,
                            "cases": [{"name": "first", "tokens": [1, 2], **digests}] * count}).encode() for version in (1, 2, 3) for count in (0, 1, 3)]
    if target == "safetensors":
        return [p.read_bytes() for p in files("safetensors/*.safetensors", "inference/*/adapter/*.safetensors")]
    if target == "npz":
        return [p.read_bytes() for p in files("**/*.npz", "**/*.npy")]
    if target == "shards":
        found = [parts(p, *sorted(p.parent.glob("*.safetensors"))[:2]) for p in files("**/*.index.json")]
        return [re.sub(rb"model-0000(\d)-of-0000\d\.safetensors", rb"model-\1.safetensors", seed) for seed in found]
    if target == "adapter":
        return [parts(p, p.parent / "adapter_model.safetensors", p.parent / "README.md") for p in files("**/adapter_config.json")]
    if target == "tokenizer":
        return [p.read_bytes() + SEPARATOR + TEXT for p in files("**/tokenizer.json")]
    if target == "template":
        messages = json.dumps([{"role": "system", "content": "be"}, {"role": "user", "content": "a"},
                               {"role": "assistant", "content": "b", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]},
                               {"role": "user", "content": [{"type": "text", "text": "c"}]}]).encode()
        found = [p.read_bytes() for p in files("**/*.jinja")]
        for path in files("tokenizers/**/*.json"):
            try:
                value = json.loads(path.read_bytes())
            except ValueError:
                continue
            texts = templates(value)
            found += [text.encode() for text in texts]
        return [template + SEPARATOR + messages for template in dict.fromkeys(found)]
    if target == "convert":
        found = []
        for case in files("conversion/cases/*/adapter_config.json", "conversion/cases/*/adapter/adapter_config.json"):
            config = case.parent / "adapter_model.safetensors"
            for base in files("conversion/bases/*/config.json"):
                found.append(parts(case, config, base, case.parent / "README.md"))
        for adapter in files("inference/*/adapter/adapter_config.json"):
            base = adapter.parent.parent / "base" / "config.json"
            found.append(parts(adapter, adapter.parent / "adapter_model.safetensors", base))
        return found
    assert target == "model"
    return [tiny_checkpoint()] + [parts(p, p.parent / "model.safetensors") for p in files("inference/*/base/config.json")]


def array(values, kind="<f4", shape=None):
    """An .npy: a flat list of numbers, with a shape."""
    shape = shape or (len(values),)
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape!r}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    letter = {"<f4": "f", "<f2": "e", "<i8": "q", "<f8": "d"}[kind]
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode() + struct.pack(f"<{len(values)}{letter}", *values)


def golden(path, kind="<f4"):
    """A golden file of two short cases; which, the path's digest says."""
    rng = random.Random(str(path.relative_to(DATA)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        for case in range(2):
            count = rng.randint(1, 4)
            rows = [rng.uniform(-9, 9) for _ in range(count * 8)]
            archive.writestr(f"tokens_{case}.npy", array([rng.randrange(8) for _ in range(count)], "<i8"))
            archive.writestr(f"base_logits_{case}.npy", array(rows, kind, (count, 8)))
            archive.writestr(f"adapted_logits_{case}.npy", array(rows, kind, (count, 8)))
            if case:
                archive.writestr(f"positions_{case}.npy", array(list(range(count)), "<i8"))
                archive.writestr(f"activation_start_{case}.npy", array([rng.randint(-1, count)], "<i8", ()))
    return buffer.getvalue()


def gguf(keys, tensors):
    """A GGUF: keys with values, tensors as name: (dimensions, type, data)."""
    def text(value):
        return struct.pack("<Q", len(value.encode())) + value.encode()

    def value(item):
        if isinstance(item, list):
            kinds = {str: (8, text), int: (4, lambda n: struct.pack("<I", n)), float: (6, lambda n: struct.pack("<f", n))}
            kind, pack = kinds[type(item[0])]
            return struct.pack("<IIQ", 9, kind, len(item)) + b"".join(map(pack, item))
        if isinstance(item, str):
            return struct.pack("<I", 8) + text(item)
        return struct.pack("<If", 6, item) if isinstance(item, float) else struct.pack("<II", 4, item)

    header, data = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)), b""
    header += b"".join(text(key) + value(item) for key, item in keys.items())
    for name, (dimensions, kind, content) in tensors.items():
        header += text(name) + struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, kind, len(data))
        data += content + bytes(-len(content) % 32)
    return header + bytes(-len(header) % 32) + data


def tiny_model(types=(8,), scale=0.01):
    """A Llama of one layer that computes, with a vocabulary of eight: its matrices are of one type after the other."""
    rng, width = random.Random(8), 32
    half = struct.pack("<e", scale)
    blocks = {0: lambda: struct.pack("<32f", *[scale * rng.uniform(-1, 1) for _ in range(32)]), 1: lambda: half * 32,
              30: lambda: struct.pack("<f", scale)[2:] * 32, 2: lambda: half + rng.randbytes(16), 3: lambda: half * 2 + rng.randbytes(16),
              6: lambda: half + rng.randbytes(20), 7: lambda: half * 2 + rng.randbytes(20), 8: lambda: half + rng.randbytes(32),
              20: lambda: half + rng.randbytes(16)}
    shapes = {"token_embd": 8, "blk.0.attn_q": 32, "blk.0.attn_k": 16, "blk.0.attn_v": 16, "blk.0.attn_output": 32, "blk.0.ffn_gate": 32,
              "blk.0.ffn_up": 32, "blk.0.ffn_down": 32}
    tensors = {}
    for number, (name, rows) in enumerate(shapes.items()):
        kind = types[number % len(types)]
        tensors[f"{name}.weight"] = ((width, rows), kind, b"".join(blocks[kind]() for _ in range(rows)))
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        tensors[f"{name}.weight"] = ((width,), 0, struct.pack("<32f", *[1.0] * 32))
    keys = {"general.architecture": "llama", "llama.block_count": 1, "llama.context_length": 64, "llama.embedding_length": width,
            "llama.feed_forward_length": 32, "llama.attention.head_count": 2, "llama.attention.head_count_kv": 1,
            "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.dimension_count": 16, "llama.vocab_size": 8,
            "tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>", "\u2581", "a", "b", "\u2581a", "ab"],
            "tokenizer.ggml.scores": [0.0, 0.0, 0.0, -1.0, -2.0, -3.0, -0.5, -0.7], "tokenizer.ggml.token_type": [2, 3, 3, 1, 1, 1, 1, 1],
            "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2, "tokenizer.chat_template": "{{ messages[0].content }}"}
    return gguf(keys, tensors)


def tiny_checkpoint():
    """The same Llama as config.json and BF16 safetensors."""
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
              "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 8, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
              "hidden_act": "silu", "tie_word_embeddings": True}
    shapes = {"embed_tokens": [8, 32], "norm": [32], "layers.0.input_layernorm": [32], "layers.0.post_attention_layernorm": [32],
              "layers.0.self_attn.q_proj": [32, 32], "layers.0.self_attn.k_proj": [16, 32], "layers.0.self_attn.v_proj": [16, 32],
              "layers.0.self_attn.o_proj": [32, 32], "layers.0.mlp.gate_proj": [32, 32], "layers.0.mlp.up_proj": [32, 32], "layers.0.mlp.down_proj": [32, 32]}
    header, data = {}, b""
    for name, shape in shapes.items():
        content = struct.pack("<f", 0.5)[2:] * math.prod(shape)
        header[f"model.{name}.weight"] = {"dtype": "BF16", "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return json.dumps(config).encode() + SEPARATOR + struct.pack("<Q", len(text)) + text + data


def tiny_adapter(alpha=4):
    """An adapter for the tiny model."""
    pair = struct.pack("<64f", *[(n % 7 - 3) / 64 for n in range(64)])
    keys = {"general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora", "adapter.lora.alpha": float(alpha),
            "adapter.alora.invocation_tokens": [1, 4]}
    return gguf(keys, {"blk.0.attn_q.weight.lora_a": ((32, 2), 0, pair), "blk.0.attn_q.weight.lora_b": ((2, 32), 0, pair)})


def caches():
    """Files of cached keys and values without versions and digests, which the target puts in."""
    config = json.loads((DATA / "inference" / "llama-output" / "base" / "config.json").read_text())
    layers, heads = config["num_hidden_layers"], config.get("num_key_value_heads", config["num_attention_heads"])
    size, found = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"], []
    for blocks in ([(0, 3, 0)], [(0, 32, 0), (1, 2, 0)], [(0, 32, 1), (1, 4, 1)]):
        data = b"ALORAKV\0" + bytes(56) + struct.pack("<Q", len(blocks))
        for parent, count, flag in blocks:
            data += struct.pack("<QQB32sQI", parent, 0, flag, bytes(32), 5 * flag, count) + struct.pack(f"<{count}I", *range(count))
            data += bytes(4 * layers * heads * count * 2 * size) + bytes(32)
        found.append(data)
    return found


def responses():
    """Answers of a llama-server, by length, in chunks, and up to the end."""
    bodies = [{"build_info": "b1", "model_path": "m.gguf", "total_slots": 1, "default_generation_settings": {"n_ctx": 512}},
              [{"id": 0, "path": "a.gguf", "scale": 1, "alora_invocation_tokens": [1, 2]}, {"id": 1, "path": "b"}],
              {"completion_probabilities": [{"id": 1, "top_logprobs": [{"id": 1, "logprob": -0.5}, {"id": 2, "logprob": -90}]}],
               "tokens_evaluated": 3, "timings": {"cache_n": 0}},
              {"choices": [{"logprobs": {"content": [{"top_logprobs": [{"id": 3, "logprob": -1e-4}]}]}}],
               "usage": {"prompt_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}},
              {"error": {"message": "no", "code": 500}}]
    found = []
    for body in map(json.dumps, bodies):
        found.append(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}")
        found.append(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{body[:5]}\r\n{len(body) - 5:x}\r\n{body[5:]}\r\n0\r\n\r\n")
        found.append(f"HTTP/1.0 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\nServer: x\r\n\r\n{body}")
    return [text.encode() for text in found]


def cards():
    """Model cards' front matter of every kind that is known."""
    expected = json.loads((DATA / "modelcards" / "expected.json").read_text())
    return [card.encode() for card in strings(expected, lambda text: text.startswith("---"))]


def patterns():
    """Patterns of tokenizers and of adapters, and the operators that they seldom use."""
    found = []
    for path in files("tokenizers/**/tokenizer.json"):
        found += strings(json.loads(path.read_text()).get("pre_tokenizer"), lambda text: len(text) > 8)
    return list(dict.fromkeys(found))[:40] + [r"(?<a>\(\g<a>*\))", r"(a*)*b", r"(?~ab)", r"(?<=a|bc)\X\R", r"(?i:stra\u00dfe)\k<1>", r"[[a-z]&&[^b]]{2,5}+",
                                               r"(*FAIL)|(*MAX{3})a", r"(?>a+)(?(1)b|c)", r"\p{^Han}\P{L}\p{In_Basic_Latin}", r".*\.layers\.\d+"]


def strings(value, wanted):
    """The strings anywhere in a JSON value that are wanted."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for element in value for text in strings(element, wanted)]
    return [value] if isinstance(value, str) and wanted(value) else []


def archived(target):
    """The inputs that are committed under testdata/fuzz: a gzip file of lengths (u32) and inputs."""
    path, found, offset = DATA / "fuzz" / f"{target}.gz", [], 0
    data = gzip.decompress(path.read_bytes()) if path.exists() else b""
    while offset < len(data):
        count = int.from_bytes(data[offset:offset + 4], "little")
        found.append(data[offset + 4:offset + 4 + count])
        offset += 4 + count
    return found


def archive(inputs):
    return gzip.compress(b"".join(len(data).to_bytes(4, "little") + data for data in inputs), 9, mtime=0)


def templates(value):
    """Every chat template anywhere in a JSON value."""
    if isinstance(value, dict):
        own = [value["chat_template"]] if isinstance(value.get("chat_template"), str) else []
        return own + [text for member in value.values() for text in templates(member)]
    if isinstance(value, list):
        return [text for element in value for text in templates(element)]
    return [value] if isinstance(value, str) and "{%" in value and "%}" in value else []


def words(target):
    """A dictionary of what stands in the seeds' texts."""
    found = set()
    for path in files("**/adapter_config.json", "**/config.json", "inference/*/adapter/README.md"):
        found.update(re.findall(rb'"([A-Za-z_]{2,40})"', path.read_bytes()))
    if target == "template":
        found = set(re.findall(rb"[a-z_]{2,20}|\{%-?|-?%\}|\{\{|\}\}", b" ".join(seeds("template"))))
    if target == "tokenizer":
        found = set()
        for path in files("tokenizers/cases/*/tokenizer.json"):
            found.update(re.findall(rb'"([A-Za-z_]{4,40})":', path.read_bytes()[:6000]))
    return sorted(found)[:600]


def prove(binary):
    """Whether the fuzzer finds the fault that is planted for it."""
    with tempfile.TemporaryDirectory(prefix="alora-fuzz-") as directory:
        environment = os.environ | {"ALORA_FUZZ_TARGET": "proof", "ALORA_FUZZ_DIRECTORY": directory, **QUIET}
        command = [str(binary), "-runs=3000000", f"-artifact_prefix={directory}/", "-max_len=64"]
        result = subprocess.run(command, env=environment, capture_output=True)
        found = [path.read_bytes() for path in pathlib.Path(directory).glob("crash-*")]
    return result.returncode != 0 and len(found) == 1 and found[0].startswith(b"alor")


def processor_seconds(process):
    """Of a running process, or one that has ended and was not waited for."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def finish(process, seconds, end):
    """Waits for the fuzzer and interrupts it when it has had its time of the processor; its usage."""
    interrupted = False
    while True:
        found, status, usage = os.wait4(process.pid, os.WNOHANG)
        if found:
            # libFuzzer's own code where it was interrupted.
            process.returncode = os.waitstatus_to_exitcode(status) if not interrupted or status != 72 << 8 else 0
            return usage
        if time.time() >= end or (seconds and processor_seconds(process) >= seconds):
            process.send_signal(signal.SIGINT)
            interrupted, end, seconds = True, time.time() + 60, 0
        time.sleep(0.2)


def starved(findings, before, command, environment):
    """Whether the only finding is an input over its time that takes less than that of the processor's: another's fault."""
    found = [path for path in findings.iterdir() if path.name not in before]
    if not found or not all(path.name.startswith("timeout-") for path in found):
        return False
    for path in found:
        again = subprocess.Popen([*command, str(path)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        usage = finish(again, 30, time.time() + 3600)
        if again.returncode != 0 or usage.ru_utime + usage.ru_stime >= SLOW_SECONDS:
            return False
        path.unlink()
    return True


def run(target, seconds, seed, merge, top, binary, end=math.inf):
    home = top / target
    corpus, given, findings = home / "corpus", home / "seeds", home / "findings"
    for directory in (corpus, findings):
        directory.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(given, ignore_errors=True)
    given.mkdir()
    limit, count = GREATEST.get(target, 16_000), 0
    for number, data in enumerate(seeds(target) + archived(target)):
        if len(data) <= limit:
            (given / str(number)).write_bytes(data)
            count += 1
    if not count:
        sys.exit(f"{target}: no seeds")
    quoted = ["".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\x{b:02x}" for b in word) for word in words(target)]
    (home / "words").write_text("".join(f'"{word}"\n' for word in quoted))
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="alora-fuzz-", dir=memory) as directory:
        options = [f"-max_len={limit}", f"-timeout={SLOW_SECONDS}", "-report_slow_units=3600", "-rss_limit_mb=1024", "-malloc_limit_mb=1024",
                   f"-seed={seed}", "-print_final_stats=1", f"-artifact_prefix={findings}/", f"-dict={home / 'words'}", "-detect_leaks=0"]
        command = [str(binary), *options, str(corpus), str(given)]
        if merge:
            smaller = home / "merged"
            shutil.rmtree(smaller, ignore_errors=True)
            smaller.mkdir()
            command = [command[0], "-set_cover_merge=1", *options, str(smaller), str(corpus), str(given)]
        start = time.monotonic()
        environment = os.environ | {"ALORA_FUZZ_TARGET": target, "ALORA_FUZZ_DIRECTORY": directory, "ALORA_FUZZ_DATA": str(DATA), **QUIET,
                                    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16"}
        before = {path.name for path in findings.iterdir()}
        with open(home / "log", "wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log)
            usage = finish(process, 0 if merge else seconds, end)
        # Seconds of the clock go by where the machine does something else, too.
        ok = process.returncode == 0 or starved(findings, before, [str(binary), "-timeout=3600", "-detect_leaks=0"], environment)
    text = (home / "log").read_text("utf-8", "replace")
    found = re.search(r"stat::number_of_executed_units: (\d+)", text)
    coverage = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", text)
    peak = re.search(r"stat::peak_rss_mb: +(\d+)", text)
    slowest = re.search(r"stat::slowest_unit_time_sec: +(\d+)", text)
    # A machine's other work takes time from it: the processor's own seconds are what executions should be held against.
    total = {"target": target, "fuzzer": binary.name, "seconds": round(time.monotonic() - start), "cpu_seconds": round(usage.ru_utime + usage.ru_stime),
             "slowest_seconds": int(slowest[1]) if slowest else 0, "executions": int(found[1]) if found else 0,
             "edges": int(coverage[-1][0]) if coverage else 0, "corpus": int(coverage[-1][2]) if coverage else 0,
             "peak_mib": int(peak[1]) if peak else 0, "ok": ok}
    if not merge:
        with LOCK, open(top / "totals.jsonl", "a") as file:
            file.write(json.dumps(total) + "\n")
    print(f"{target}: {total['executions']} executions in {total['seconds']} s, {total['edges']} edges, "
          f"corpus {total['corpus']}, peak {total['peak_mib']} MiB" + ("" if total["ok"] else ", FAILED"), flush=True)
    if not total["ok"]:
        print("\n".join(text.splitlines()[-60:]), file=sys.stderr)
    return total["ok"]


def totals(top):
    """What has run so far, by target."""
    runs, path = {}, top / "totals.jsonl"
    for line in path.read_text().splitlines() if path.exists() else []:
        total = json.loads(line)
        runs.setdefault(total["target"], []).append(total)
    return runs


def run_until(end, targets, lanes, top, one):
    """Runs the targets in turns up to a time, so that each gets as much of the processor's time."""
    running, results = set(), []

    def next_target():
        with LOCK:
            runs = totals(top)
            free = [target for target in targets if target not in running]
            chosen = min(free, key=lambda target: sum(total["cpu_seconds"] for total in runs.get(target, [])))
            running.add(chosen)
        return chosen

    def lane():
        while time.time() < end:
            target = next_target()
            results.append(one(target, len(results), end))
            running.discard(target)

    threads = [threading.Thread(target=lane) for _ in range(min(lanes, len(targets)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def put_away(target, top):
    """Writes the committed corpus from the merged one."""
    inputs = sorted((path.read_bytes() for path in (top / target / "merged").iterdir()), key=lambda data: (len(data), data))
    low, high = 0, len(inputs)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(archive(inputs[:middle])) <= CORPUS_BYTES // len(TARGETS) else (low, middle - 1)
    (DATA / "fuzz").mkdir(exist_ok=True)
    data = archive(inputs[:low])
    (DATA / "fuzz" / f"{target}.gz").write_bytes(data)
    print(f"{target}: {low} of {len(inputs)} inputs, {len(data)} bytes")


def table(top):
    """The totals of all runs so far, as a table of the documentation."""
    runs = totals(top)
    print("| target | wall s | CPU s | executions | per CPU s | edges | peak MiB | slowest s | findings |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    whole = [0, 0, 0, 0]
    for target in [target for target in TARGETS if target in runs]:
        seconds, processor, executions = (sum(r[name] for r in runs[target]) for name in ("seconds", "cpu_seconds", "executions"))
        edges, peak, slowest = (max(r[name] for r in runs[target]) for name in ("edges", "peak_mib", "slowest_seconds"))
        failed = sum(not r["ok"] for r in runs[target])
        whole = [a + b for a, b in zip(whole, (seconds, processor, executions, failed))]
        limit = f"< {slowest + 1}"
        print(f"| {target} | {seconds} | {processor} | {executions} | {executions / max(processor, 1):.0f} | {edges} | {peak} | {limit} | {failed} |")
    print(f"| all | {whole[0]} | {whole[1]} | {whole[2]} | {whole[2] / max(whole[1], 1):.0f} | | | | {whole[3]} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", action="append", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60, help="of the processor's time, for each target")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--merge", action="store_true", help="only make the corpora smaller, into merged/")
    parser.add_argument("--archive", action="store_true", help="make the committed corpora anew")
    parser.add_argument("--binary", type=pathlib.Path, help="this fuzzer instead of one built now")
    parser.add_argument("--lanes", type=int, default=1, help="targets at once")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--until", help="HH:MM of today, UTC; instead of rounds")
    parser.add_argument("--home", type=pathlib.Path, default=ROOT / ".cache" / "fuzz", help="for corpora, findings and totals")
    parser.add_argument("--table", action="store_true", help="only add up what has run")
    options = parser.parse_args()
    top = options.home.resolve()
    if options.table:
        table(top)
        return 0
    binary = options.binary or build()
    if not prove(binary):
        print("the planted fault was not found", file=sys.stderr)
        return 1
    top.mkdir(parents=True, exist_ok=True)
    targets, merge = options.target or TARGETS, options.merge or options.archive

    def one(target, number, end=math.inf):
        return run(target, options.seconds, options.seed + number, merge, top, binary, end)

    if options.until:
        hour, minute = map(int, options.until.split(":"))
        end = time.time() // 86400 * 86400 + hour * 3600 + minute * 60
        results = run_until(end, targets, options.lanes, top, one)
    else:
        with concurrent.futures.ThreadPoolExecutor(options.lanes) as pool:
            runs = [pool.submit(one, target, number) for number in range(options.rounds) for target in targets]
            results = [future.result() for future in runs]
    if options.archive and all(results):
        for target in targets:
            put_away(target, top)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
