#!/usr/bin/env python3
"""Small files that ask for much: time or memory out of proportion. Each call has to end within ten seconds of the processor's
time and a gigabyte, with one line, or with what it was asked for.

    scripts/robustness bombs BINARY [--quick] [PART …]

With --quick, one call in 37; `templates` and `patterns` are the parts whose files are quickly made.
"""

import json
import pathlib
import shutil
import struct
import sys
import zipfile

from shared import LLAMA, Trial, make_model


def values(trial, root):
    """JSON whose values take hundreds of times the file's size."""
    adapter = root + "/adapter"
    shutil.copytree(LLAMA / "adapter", adapter)
    for name, value in [("zeros", b"0,"), ("lists", b"[],"), ("objects", b"{},"), ("strings", b'"",')]:
        text = b'{"a":[' + value * 20_000_000 + b"0]}"
        pathlib.Path(root, "a.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
        pathlib.Path(adapter, "adapter_config.json").write_bytes(text)
        path = adapter + "/adapter_config.json"
        trial.call(f"safetensors of {name}", ["inspect", root + "/a.safetensors"])
        trial.call(f"adapter of {name}", ["inspect", adapter])
        trial.call(f"tokenizer of {name}", ["tokenize", "--model", path, "--text", "a"])
        trial.call(f"tokens of {name}", ["logits", "--model", str(LLAMA / "base"), "--tokens-file", path, "--output", root + "/o"])


def templates(trial, root):
    """Chat templates without an end, or whose texts grow."""
    model = root + "/generator"
    make_model(model)
    pathlib.Path(root, "messages.json").write_text(json.dumps([{"role": "user", "content": "a" * 50}] * 3))
    long = "{% set s = 'é' * 1000000 %}{% set t = 'é' * 1000000 %}{% set d = {s: 1} %}"
    loop = long + "{% for i in range(100000) %}{% set x = EXPRESSION %}{% endfor %}"
    works = ["s|length", "s[9]", "s[::-1]", "s == t", "s < t", "s|upper", "s|title", "s|trim", "s.strip()", "s.split()|length", "'ab' in s",
             "(s ~ 'b') in (s ~ s)", "s.find(t ~ 'b')", "s.replace('é', 'e')", "d|dictsort", "d[t]", "s|list|length", "s ~ s", "[s, t]|tojson",
             "range(99999)|list", "s|indent(2)", "s.startswith(t)"]
    grows = ["ns.x + ns.x", "ns.x ~ ns.x", "ns.x|replace('a', 'aa')", "[ns.x, ns.x]", "{'a': ns.x, 'b': ns.x}", "ns.x|tojson", "[ns.x, ns.x]|join(ns.x|string)"]
    sources = [loop.replace("EXPRESSION", work) for work in works]
    sources += ["{% set ns = namespace(x='a') %}{% for i in range(99999) %}{% set ns.x = " + grow + " %}{% endfor %}{{ ns.x }}" for grow in grows]
    sources += ["{% for i in range(99999) %}" * depth + "{% endfor %}" * depth for depth in (3, 50, 200)]
    sources += ["{{ " + opening * 20_000 + "1" + closing * 20_000 + " }}" for opening, closing in ["()", "[]", ("not ", ""), ("-", ""), ("{'a':", "}")]]
    sources += ["{{ 1" + more * 100_000 + " }}" for more in ("+1", ".b", "|upper", "[1]", " if 1 else 1", "()", " and 1")]
    sources += ["{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}", "{{ 'a' * 10000000000 }}", "{% if 1 %}" * 20_000, "{{ 1 }}" * 2_000_000,
                "{{ strftime_now('%A' * 1000000) }}", "{% for i in range(100) %}" + "{% set a = 1 %}" * 30_000 + "{% endfor %}"]
    for source in sources:
        pathlib.Path(model, "tokenizer_config.json").write_text(json.dumps({"chat_template": source}))
        trial.call(f"template {source[:200]}", ["tokenize", "--model", model, "--messages", root + "/messages.json", "--json"])


def patterns(trial, root):
    """Regular expressions of tokenizers on texts that they were made for."""
    model = root + "/generator"
    make_model(model)
    path = pathlib.Path(model, "tokenizer.json")
    tokenizer = json.loads(path.read_text())
    found = ["(a*)*b", "(a|aa)+$", r"(a*)\1\1b", "(?:(a))*b", r"(?=(a+))\1*b", r"(?<a>a\g<a>?)b", "((a{1000}){1000}){1000}", "(?~b)*c",
             "(?i:a*a*a*a*a*a*b)", "(?<=a{1,1000})b", "(a?){50000}a{50000}", r"\X*b", "(?:(?=[^b]*+)a)*", "a*(?>[^b]*)c", "(*ERROR{-2})", "(*MAX{3})a",
             "(" * 4000 + ")" * 4000, "[" * 4000 + "]" * 4000, r"\p{L}*" * 5000, "a|" * 100_000, "(?=" * 3000 + ")" * 3000]
    for pattern in found:
        for size in (10_000, 300_000):
            split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": False}
            plain = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
            path.write_text(json.dumps({**tokenizer, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, plain]}}))
            pathlib.Path(root, "text").write_bytes(b"a" * size)
            trial.call(f"pattern {pattern[:40]} on {size}", ["tokenize", "--model", model, "--file", root + "/text", "--json"])
    adapter = root + "/adapter"
    shutil.copytree(LLAMA / "adapter", adapter)
    config = json.loads((LLAMA / "adapter" / "adapter_config.json").read_text())
    for pattern in found:
        pathlib.Path(adapter, "adapter_config.json").write_text(json.dumps({**config, "target_modules": pattern}))
        trial.call(f"target_modules {pattern[:40]}", ["convert", adapter, "--base", str(LLAMA / "base"), "--outfile", root + "/o", "--force"])


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def headers(trial, root):
    """GGUF headers of tens of megabytes: keys, tensors, strings, numbers and arrays without number."""
    path = root + "/a.gguf"
    count = 2_000_000
    alpha = string("adapter.lora.alpha") + struct.pack("<If", 6, 8)
    kinds = [
        (count, 0, b"".join(string(f"{i:08}") + struct.pack("<IB", 0, 0) for i in range(count))),
        (0, count, b"".join(string(f"{i:08}") + struct.pack("<IQIQ", 1, 0, 0, 0) for i in range(count))),
        (1, 0, string("a") + struct.pack("<IIQ", 9, 8, 10_000_000) + bytes(80_000_000)),
        (1, 0, string("a") + struct.pack("<IIQ", 9, 0, 80_000_000) + bytes(80_000_000)),
        (1, 0, string("a") + struct.pack("<IIQ", 9, 9, 6_000_000) + struct.pack("<IQ", 0, 0) * 6_000_000),
        (5, 0, string("general.type") + struct.pack("<I", 8) + string("adapter") + string("adapter.type") + struct.pack("<I", 8) + string("lora")
         + string("general.architecture") + struct.pack("<I", 8) + string("llama") + alpha
         + string("adapter.alora.invocation_tokens") + struct.pack("<IIQ", 9, 4, 20_000_000) + bytes(80_000_000)),
        (4, 0, string("general.architecture") + struct.pack("<I", 8) + string("llama") + string("tokenizer.ggml.model") + struct.pack("<I", 8)
         + string("gpt2") + string("tokenizer.ggml.pre") + struct.pack("<I", 8) + string("llama-bpe") + string("tokenizer.ggml.tokens")
         + struct.pack("<IIQ", 9, 8, 4_000_000) + b"".join(string(str(i)) for i in range(4_000_000))),
    ]
    for number, (keys, tensors, body) in enumerate(kinds):
        data = b"GGUF" + struct.pack("<IQQ", 3, tensors, keys) + body
        pathlib.Path(path).write_bytes(data + bytes(-len(data) % 32 + 32))
        for words in (["inspect", path, "--json"], ["inspect", path, "--key", "a"], ["tokens", path], ["tokenize", "--model", path, "--text", "a"],
                      ["convert", str(LLAMA / "adapter"), "--base", path, "--outfile", root + "/o"]):
            trial.call(f"header {number}", words)


def array(shape, kind="|u1"):
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode()


def archives(trial, root):
    """Archives that unpack to a thousand times their size."""
    path = root + "/a.npz"

    def write(members):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, head, count in members:
                with archive.open(name + ".npy", "w", force_zip64=True) as file:
                    file.write(head)
                    for _ in range(count >> 24):
                        file.write(bytes(1 << 24))

    size = 1 << 31
    kinds = [[("a", array(f"({size},)"), size)], [("tokens_0", array(f"({size // 8},)", "<i8"), size)],
             [("tokens_0", array(f"({size >> 5},)", "|i1"), size >> 5)],
             [("tokens_0", array("(1,)", "<i8") + bytes(8), 0), ("base_logits_0", array(f"(1, {size // 8})", "<f4"), size // 2)],
             [("meta", array("()", f"|S{size // 4}"), size // 4)], [(f"a{i}", array("(16777216,)"), 1 << 24) for i in range(100)]]
    for number, members in enumerate(kinds):
        write(members)
        for words in (["inspect", path, "--values"], ["inspect", path, "--json"],
                      ["verify", "--model", str(LLAMA / "base"), "--adapter", str(LLAMA / "adapter"), "--golden", path]):
            trial.call(f"archive {number}", words)
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(100_000):
            archive.writestr(f"a{index}.npy", array("()") + b"\0")
    trial.call("a hundred thousand members", ["inspect", path, "--values", "--json"])


def main():
    trial = Trial(__doc__, (values, templates, patterns, headers, archives))
    trial.prove()
    return trial.run()


if __name__ == "__main__":
    sys.exit(main())
