"""Generates GGUF adapters that keep or break the rules of llama.cpp's loader, and asks llama.cpp and alora about them.

usage: loader_cases.py verdicts [COUNT]          writes verdicts.json: each file's header and llama.cpp's verdict
       loader_cases.py compare ALORA [COUNT]     runs both over COUNT files and prints where they differ

llama.cpp is the library inside `xllamacpp` (PyPI), called through ctypes: `llama_adapter_lora_init` on a tiny Qwen2 model
(testdata/inference/qwen2/base.gguf). Each file gets a process of its own, because ggml aborts on some of them.
"""
import base64
import ctypes
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BASE = os.path.join(HERE, "..", "..", "inference", "qwen2", "base.gguf")

U8, I8, U16, I16, U32, I32, F32, BOOL, STR, ARR, U64, I64, F64 = range(13)
PACK = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}
# Type: elements in a block, bytes of a block.
TYPES = {0: (1, 4), 1: (1, 2), 8: (32, 34), 12: (256, 144), 24: (1, 1), 26: (1, 4), 28: (1, 8), 30: (1, 2)}


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(value)) + value


class File:
    """A GGUF as lists that a mutation can change."""

    def __init__(self, shapes):
        self.version, self.padding, self.big_endian = 3, 32, False
        self.keys = [
            ["general.architecture", STR, "qwen2"], ["general.type", STR, "adapter"], ["adapter.type", STR, "lora"],
            ["general.name", STR, "x"], ["adapter.lora.alpha", F32, 8.0],
            ["adapter.alora.invocation_tokens", (ARR, U32), [7, 9, 7]],
        ]
        self.tensors = []
        for name, (outputs, inputs) in shapes:
            self.tensors.append([name + ".lora_a", [inputs, 2], 0])
            self.tensors.append([name + ".lora_b", [2, outputs], 0])
        self.shift = 0  # added to the second tensor's offset
        self.missing = 0  # bytes cut off the end
        self.stated_tensors = None
        self.tail = None

    def key(self, name):
        return next((entry for entry in self.keys if entry[0] == name), None)

    def value(self, kind, value):
        if kind == STR:
            return text(value)
        if isinstance(kind, tuple):
            items = b"".join(self.value(kind[1:] if len(kind) > 2 else kind[1], item) for item in value)
            return struct.pack("<IQ", kind[1], len(value)) + items
        return struct.pack("<" + PACK[kind], value)

    def build(self):
        """The header, and the number of zero bytes after it."""
        head = b"GGUF" + struct.pack(
            "<Iqq", self.version, len(self.tensors) if self.stated_tensors is None else self.stated_tensors, len(self.keys))
        for name, kind, value in self.keys:
            head += text(name) + struct.pack("<I", kind[0] if isinstance(kind, tuple) else kind) + self.value(kind, value)
        offset = 0
        for index, (name, extents, kind) in enumerate(self.tensors):
            head += text(name) + struct.pack("<I", len(extents)) + b"".join(struct.pack("<q", e) for e in extents)
            head += struct.pack("<IQ", kind, offset + (self.shift if index == 1 else 0))
            block, size = TYPES.get(kind, (1, 4))
            count = 1
            for extent in extents:
                count *= max(extent, 0)
            offset += -(-(count // block * size) // self.padding) * self.padding
        head += bytes(-len(head) % self.padding)
        if self.big_endian:
            head = head[:4] + head[4:8][::-1] + head[8:]
        return head, max(0, offset - self.missing)


def shapes():
    """Some of the base's matrices: a name in GGUF and [out, in]."""
    with open(os.path.join(HERE, "..", "..", "inference", "qwen2", "base", "config.json")) as file:
        c = json.load(file)
    hidden, width = c["hidden_size"], c["intermediate_size"]
    head = c.get("head_dim") or hidden // c["num_attention_heads"]
    return [
        ("blk.0.attn_q.weight", (c["num_attention_heads"] * head, hidden)),
        ("blk.1.attn_k.weight", (c["num_key_value_heads"] * head, hidden)),
        ("blk.0.ffn_down.weight", (hidden, width)),
    ], c


KEYS = [
    "general.architecture", "general.type", "adapter.type", "adapter.lora.alpha", "adapter.alora.invocation_tokens",
]


def mutations(config):
    """Name → a change of a file. Those marked as stricter are refused by alora and loaded by llama.cpp, each with a reason."""
    hidden, vocabulary = config["hidden_size"], config["vocab_size"]
    table = {}

    def add(name, change, stricter=None):
        table[name] = (change, stricter)

    def setter(key, kind, value):
        def change(f):
            f.key(key)[1:] = [kind, value]
        return change

    def remover(key):
        return lambda f: f.keys.remove(f.key(key))

    add("unchanged", lambda f: None)
    for key in KEYS:
        add(f"without {key}", remover(key))
        for kind, value in [(U8, 1), (I32, 1), (U32, 1), (U64, 1), (F32, 1.0), (F64, 1.0), (BOOL, True), (STR, "lora")]:
            reason = None
            add(f"{key} of type {kind}", setter(key, kind, value), reason)
        for kind, value in [(STR, ["lora"]), (STR, []), (F32, [1.0]), (F32, [1.0, 2.0]), (U32, [5]), (U32, []),
                            (I32, [5]), (U64, [5]), (I64, [5]), (U8, [5]), (F64, [5.0]), (BOOL, [True])]:
            add(f"{key} of {len(value)} × type {kind}", setter(key, (ARR, kind), value))
    for key, good in [("general.type", "adapter"), ("adapter.type", "lora"), ("general.architecture", "qwen2")]:
        add(f"{key} as a list of one", setter(key, (ARR, STR), [good]))
        for wrong in ["", "model", "Adapter", "LORA", "llama", "qwen3", "nonsense", good + " "]:
            add(f"{key} = {wrong!r}", setter(key, STR, wrong))
    for value in [0.0, -8.0, 1e-30, 3e38]:
        add(f"alpha = {value}", setter("adapter.lora.alpha", F32, value),
            "B · A times infinity" if value == 3e38 else None)
    add("alpha is infinite", setter("adapter.lora.alpha", F32, float("inf")), "llama.cpp computes NaN")
    add("alpha is NaN", setter("adapter.lora.alpha", F32, float("nan")), "llama.cpp computes NaN")
    add("a token beyond the vocabulary", setter("adapter.alora.invocation_tokens", (ARR, U32), [vocabulary]),
        "a token that the base doesn't have")
    add("a nested array", lambda f: f.keys.append(["x", (ARR, ARR, U32), [[1], [2]]]))
    add("a key twice", lambda f: f.keys.append(list(f.keys[3])))
    add("adapter.type twice", lambda f: f.keys.append(list(f.key("adapter.type"))))
    add("an empty key", lambda f: f.keys.append(["", U32, 1]))
    for kind in (U32, I32, U64):
        for value in (1, 8, 16, 32, 64):
            def change(f, kind=kind, value=value):
                f.keys.append(["general.alignment", kind, value])
                f.padding = value if kind == U32 else 32
            add(f"alignment {value} of type {kind}", change)
    for value in (0, 3, 48):
        add(f"alignment {value}", lambda f, v=value: f.keys.append(["general.alignment", U32, v]))
    for version in (0, 1, 2, 4, 5):
        add(f"version {version}", lambda f, v=version: setattr(f, "version", v))

    def field(index, part, value):
        def change(f):
            f.tensors[index][part] = value
        return change

    q = "blk.0.attn_q.weight"
    for name in [q, q + ".lora_c", q + ".lora_A", q + ".lora_a.bias", "lora_a", "", "x", "blk.0.attn_q.lora_a",
                 "blk.9.attn_q.weight.lora_a", "blk.0.attn_x.weight.lora_a", "output.bias.lora_a",
                 "blk.0.attn_norm.weight", "a" * 62, "a" * 63, "a" * 64, "a" * 65,
                 "b" * 56 + ".lora_a", "b" * 57 + ".lora_a"]:
        add(f"A named {name!r}", field(0, 0, name))
    for name in ["blk.0.attn_norm.weight", "output_norm.weight", "blk.0.attn_q_norm.weight", "norm.weight", "x.bias"]:
        add(f"also {name}", lambda f, n=name: f.tensors.append([n, [hidden], 0]),
            "llama.cpp skips the norm without a word" if name.endswith("_norm.weight") else None)
    for index in range(2):
        add(f"without tensor {index}", lambda f, i=index: f.tensors.pop(i))
        add(f"tensor {index} twice", lambda f, i=index: f.tensors.append(list(f.tensors[i])))
    add("no tensors", lambda f: f.tensors.clear(), "an adapter that changes nothing")
    inputs, outputs = hidden, shapes()[0][0][1][0]
    for extents in [[inputs + 1, 2], [inputs, 3], [2, inputs], [inputs], [inputs, 2, 1], [inputs, 2, 1, 1],
                    [inputs, 2, 1, 1, 1], [0, 2], [inputs, 0], [-1, 2], [1 << 62, 2], []]:
        add(f"A of ne {extents}", field(0, 1, extents))
    for extents in [[2, outputs + 1], [3, outputs], [outputs, 2], [outputs], [2, outputs, 1], [0, outputs]]:
        add(f"B of ne {extents}", field(1, 1, extents))
    add("A and B exchanged", lambda f: (f.tensors[0].__setitem__(1, [2, outputs]), f.tensors[1].__setitem__(1, [inputs, 2])))

    def vectors(f):
        f.tensors[0][1], f.tensors[1][1] = [inputs], [1, outputs]
    add("rank 1, A as a vector", vectors)

    def empty(f):
        f.tensors[0][1], f.tensors[1][1] = [inputs, 0], [0, outputs]
    add("rank 0", empty, "llama.cpp divides by 0")
    for kind in list(TYPES) + [4, 5, 31, 36, 43, 138, 200, 255, 65536]:
        reason = {24: "no product with integers", 26: "no product with integers", 28: "no product with F64"}.get(kind)
        add(f"A of type {kind}", field(0, 2, kind), reason)

    def embedding(a, b):
        def change(f):
            f.tensors += [["token_embd.weight.lora_a", a, 0], ["token_embd.weight.lora_b", b, 0]]
        return change
    add("an embedding", embedding([2, vocabulary], [2, hidden]))
    add("an embedding of two ranks", embedding([2, vocabulary], [3, hidden]), "two ranks, which can't be multiplied")
    add("an embedding as a linear module", embedding([vocabulary, 2], [2, hidden]))
    add("an output layer", lambda f: f.tensors.extend([["output.weight.lora_a", [hidden, 2], 0],
                                                      ["output.weight.lora_b", [2, vocabulary], 0]]))
    add("a norm as a pair", lambda f: f.tensors.extend([["output_norm.weight.lora_a", [hidden, 2], 0],
                                                       ["output_norm.weight.lora_b", [2, 1], 0]]),
        "llama.cpp never applies it")
    add("a bias as a pair", lambda f: f.tensors.extend([["blk.0.attn_q.bias.lora_a", [outputs, 2], 0],
                                                       ["blk.0.attn_q.bias.lora_b", [2, 1], 0]]),
        "llama.cpp never applies it")
    add("a shifted offset", lambda f: setattr(f, "shift", 32))
    add("a misaligned offset", lambda f: setattr(f, "shift", 4))
    for count in (1, 33, 4096):
        add(f"{count} bytes missing", lambda f, c=count: setattr(f, "missing", c))
    add("more tensors stated", lambda f: setattr(f, "stated_tensors", 99))
    add("negative tensors stated", lambda f: setattr(f, "stated_tensors", -1))
    add("another byte order", lambda f: setattr(f, "big_endian", True))
    return table


class Params(ctypes.Structure):
    """More bytes than llama_model_params has; structures this large are passed in memory."""
    _fields_ = [("bytes", ctypes.c_char * 512)]


class Llama:
    def __init__(self):
        import xllamacpp
        self.library = ctypes.CDLL(os.path.join(os.path.dirname(xllamacpp.__file__), "xllamacpp.abi3.so"))
        self.version = xllamacpp.__version__
        self.library.llama_model_default_params.restype = Params
        self.library.llama_model_load_from_file.restype = ctypes.c_void_p
        self.library.llama_model_load_from_file.argtypes = [ctypes.c_char_p, Params]
        self.library.llama_adapter_lora_init.restype = ctypes.c_void_p
        self.library.llama_adapter_lora_init.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        os.environ["GGML_NO_BACKTRACE"] = "1"
        silence = os.open(os.devnull, os.O_WRONLY)
        self.errors = os.dup(2)
        os.dup2(silence, 2)
        self.library.llama_backend_init()
        self.model = self.library.llama_model_load_from_file(BASE.encode(), self.library.llama_model_default_params())
        os.dup2(self.errors, 2)
        if not self.model:
            sys.exit("llama.cpp does not load the base")

    def verdict(self, path):
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            adapter = self.library.llama_adapter_lora_init(self.model, path.encode())
            os._exit(0 if adapter else 1)
        _, status = os.waitpid(child, 0)
        return "aborts" if os.WIFSIGNALED(status) else "loads" if os.WEXITSTATUS(status) == 0 else "refuses"


def cases(count):
    """Each mutation alone, then `count` random pairs of two."""
    names, config = shapes()
    table = mutations(config)
    chance = random.Random(20)
    chosen = [[name] for name in table] + [sorted(chance.sample(sorted(table), 2)) for _ in range(count)]
    for combination in chosen:
        file = File(names)
        try:
            for name in combination:
                table[name][0](file)
            header, zeros = file.build()
        except (AttributeError, ValueError, IndexError, TypeError, struct.error, OverflowError):
            continue  # the two exclude each other
        if zeros > 1 << 22:
            zeros = 0
        reasons = [table[name][1] for name in combination if table[name][1]]
        yield " + ".join(combination), header, zeros, reasons[0] if reasons else None


def main():
    count = int(sys.argv[-1]) if sys.argv[-1].isdigit() else 0
    llama = Llama()
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "a.gguf")
        results, differences = [], 0
        for name, header, zeros, reason in cases(count):
            with open(path, "wb") as file:
                file.write(header + bytes(zeros))
            verdict = llama.verdict(path)
            if sys.argv[1] == "verdicts":
                entry = {"name": name, "verdict": verdict, "zeros": zeros, "header": base64.b64encode(header).decode()}
                results.append(entry | ({"stricter": reason} if reason else {}))
                continue
            run = subprocess.run(
                [sys.argv[2], "logits", "--model", BASE, "--adapter", path, "--tokens", "1", "--force", "--output",
                 os.path.join(directory, "l.npz")], capture_output=True, text=True)
            accepted = run.returncode == 0
            if run.returncode not in (0, 3) or accepted != (verdict == "loads") and not (reason and not accepted):
                differences += 1
                print(f"{name}: llama.cpp {verdict}, alora {run.returncode} {run.stderr.strip()}")
            results.append(verdict)
    if sys.argv[1] == "verdicts":
        with open(os.path.join(HERE, "verdicts.json"), "w") as file:
            json.dump({"xllamacpp": llama.version, "cases": results}, file, indent=0, ensure_ascii=False)
            file.write("\n")
        results = [entry["verdict"] for entry in results]
    print(f"{len(results)} files: " + ", ".join(f"{results.count(v)} {v}" for v in sorted(set(results))))
    if sys.argv[1] == "compare":
        print(f"{differences} differences")
        sys.exit(differences != 0)


main()
