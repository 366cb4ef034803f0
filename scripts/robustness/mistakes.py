#!/usr/bin/env python3
"""Makes mistakes with the real adapter, and demands that `alora verify` finds each: the right proof fails, with the cause.

Each is one that files, trainers or engines are known to make. Before all, what is right has to pass. Mistakes too small
for a tolerance, a weight's lowest bit, are there too: only digests find them.

    scripts/robustness mistakes BINARY MODEL WORK_DIR [--only NAME]
"""

import argparse
import array
import concurrent.futures
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import time
import zipfile

from shared import DATA

HERE = DATA / "adapters" / "answerability"
ADAPTER, BASE, GOLDEN = HERE / "adapter-bf16", HERE / "base-config", HERE / "golden.npz"
LAYERS, HEAD = 30, 64
KINDS = {"q_proj": "self_attn", "k_proj": "self_attn", "v_proj": "self_attn", "o_proj": "self_attn",
         "gate_proj": "mlp", "up_proj": "mlp", "down_proj": "mlp"}


def turned(values, rows, columns):
    """The transpose of a matrix, row by row."""
    return array.array(values.typecode, (values[i % rows * columns + i // rows] for i in range(len(values))))


class Adapter:
    """A PEFT directory in memory: 16-bit values as integers."""

    def __init__(self):
        self.config = json.loads((ADAPTER / "adapter_config.json").read_text())
        raw = (ADAPTER / "adapter_model.safetensors").read_bytes()
        size = struct.unpack("<Q", raw[:8])[0]
        header = json.loads(raw[8:8 + size])
        header.pop("__metadata__", None)
        self.shapes = {name: entry["shape"] for name, entry in header.items()}
        self.values = {name: array.array("H", raw[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]])
                       for name, entry in header.items()}
        self.dtype = "BF16"

    def name(self, layer, kind, factor):
        return f"base_model.model.model.layers.{layer}.{KINDS[kind]}.{kind}.lora_{factor}.weight"

    def every(self, factor=None, kind=None, layer=None):
        return [self.name(l, k, f) for l in range(LAYERS) for k in KINDS for f in "AB"
                if factor in (None, f) and kind in (None, k) and layer in (None, l)]

    def turn(self, name):
        """Puts the numbers in the order of the transpose, under the old shape: they are read as another matrix."""
        rows, columns = self.shapes[name]
        self.values[name] = turned(self.values[name], rows, columns)

    def widen(self, noise):
        """As F32, with what rounding to BF16 may have taken away."""
        state = 1
        for name, values in self.values.items():
            wide = array.array("I")
            for value in values:
                state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
                # Within half of the last place of BF16 to either side, as numbers that round to it are.
                wide.append(((value << 16) + (state >> 16) - 0x8000 if noise and value & 0x7FFF else value << 16) & 0xFFFFFFFF)
            self.values[name] = wide
        self.dtype = "F32"

    def cut_off(self):
        """From F32 to BF16 without rounding."""
        self.values = {name: array.array("H", (value >> 16 for value in values)) for name, values in self.values.items()}
        self.dtype = "BF16"

    def write(self, directory):
        directory.mkdir(parents=True)
        header, offset = {}, 0
        for name, values in self.values.items():
            end = offset + len(values) * values.itemsize
            header[name] = {"dtype": self.dtype, "shape": self.shapes[name], "data_offsets": [offset, end]}
            offset = end
        text = json.dumps(header).encode()
        with open(directory / "adapter_model.safetensors", "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for values in self.values.values():
                file.write(values.tobytes())
        (directory / "adapter_config.json").write_text(json.dumps(self.config))
        return directory


class Workshop:
    """Where mistakes are made: the command, the model, and files made of them when they are first needed."""

    def __init__(self, binary, model, directory):
        self.binary, self.model, self.directory, self.made = binary, model, directory, {}

    def run(self, *arguments, status=0):
        result = subprocess.run([self.binary, *map(str, arguments)], capture_output=True, text=True)
        if result.returncode != status:
            sys.exit(f"{arguments} ended with {result.returncode}: {result.stderr}{result.stdout[-2000:]}")
        return result.stdout

    def adapter(self, name, *changes):
        """A directory with a changed adapter."""
        if name not in self.made:
            adapter = Adapter()
            for change in changes:
                change(adapter)
            self.made[name] = adapter.write(self.directory / name)
        return self.made[name]

    def converted(self):
        path = self.directory / "converted.gguf"
        if not path.exists():
            self.run("convert", ADAPTER, "--base", BASE, "--outfile", path, "--quiet")
        return path

    def shortest(self):
        """The line of the shortest prompt."""
        return min((HERE / "prompts.jsonl").read_text().splitlines(), key=lambda line: json.loads(line)["n_tokens"])

    def golden(self, name, adapter):
        """What `alora golden record` makes of an adapter, on the shortest prompt."""
        path = self.directory / f"{name}.npz"
        if not path.exists():
            prompts = self.directory / "prompts.jsonl"
            prompts.write_text(self.shortest() + "\n")
            self.run("golden", "record", "--model", self.model, "--adapter", adapter, "--prompts", prompts, "--output", path,
                     "--quiet")
        return path

    def baseline(self):
        path = self.directory / "baseline.json"
        if not path.exists():
            self.run("verify", "--model", self.model, "--adapter", ADAPTER, "--golden", GOLDEN, "--baseline", path, "--accept", "--quiet")
        return path

    def changed(self, name, source, change):
        """A golden file whose members' bytes are changed: `change` gets name and bytes, and the bytes of the header."""
        path = self.directory / f"{name}.npz"
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
            for member in old.namelist():
                data = old.read(member)
                header = 10 + struct.unpack("<H", data[8:10])[0]
                new.writestr(member, data[:header] + change(member.removesuffix(".npy"), data[header:]))
        return path

    def moved(self, rule):
        """The logits of an engine that activates elsewhere, as a golden file."""
        path, source = self.directory / f"{rule}.npz", self.directory / f"{rule}-logits.npz"
        text = json.loads(self.shortest())["text"]
        tokens = json.loads(self.run("tokenize", "--model", self.model, "--text", text, "--json"))["tokens"]
        self.run("logits", "--model", self.model, "--adapter", ADAPTER, "--activation", rule, "--tokens",
                 ",".join(map(str, tokens)), "--output", source, "--quiet")
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
            new.writestr("tokens_0.npy", old.read("tokens_0.npy"))
            new.writestr("adapted_logits_0.npy", old.read("logits_0.npy"))
        return path

    def rows_moved(self, name, again):
        """The converted adapter with the rows of query and key as Hugging Face has them, or moved once more."""
        path = self.directory / f"{name}.gguf"
        data = bytearray(self.converted().read_bytes())
        for tensor in json.loads(self.run("inspect", self.converted(), "--tensors", "--json"))["tensors"]:
            if not any(tensor["name"].endswith(f"attn_{kind}.weight.lora_b") for kind in "qk"):
                continue
            start, count = tensor["byte_offset"], tensor["byte_count"]
            width = count // tensor["shape"][0]
            rows = [bytes(data[start + i * width:start + (i + 1) * width]) for i in range(tensor["shape"][0])]
            # Row 2j + i of a head in GGUF is row 32i + j in Hugging Face.
            head, half = HEAD, HEAD // 2
            source = (lambda i: i % 2 * half + i // 2) if again else (lambda i: 2 * (i % half) + i // half)
            rows = [rows[i // head * head + source(i % head)] for i in range(len(rows))]
            data[start:start + count] = b"".join(rows)
        path.write_bytes(data)
        return path

    def other_base(self, name, change):
        """The model with the bytes of some tensors changed."""
        path = self.directory / f"{name}.gguf"
        shutil.copyfile(self.model, path)
        with open(path, "r+b") as file:
            for tensor in json.loads(self.run("inspect", self.model, "--tensors", "--json"))["tensors"]:
                file.seek(tensor["byte_offset"])
                changed = change(tensor, file.read(tensor["byte_count"]))
                if changed is not None:
                    file.seek(tensor["byte_offset"])
                    file.write(changed)
        return path


def multiplied(step, factor, kind=None):
    """Multiplies BF16 numbers by a power of two; those next to zero stay."""
    def change(adapter):
        for name in adapter.every(factor, kind):
            values = adapter.values[name]
            adapter.values[name] = array.array("H", (v + (step << 7) if v & 0x7F00 else v for v in values))
    return change


def coarser(*names):
    """Changes some Q4_1 tensors to have a bit less for each weight, up or down in turn so that no sum is shifted."""
    def change(tensor, data):
        if tensor["dtype"] != "Q4_1" or not any(name in tensor["name"] for name in names):
            return None
        # A block: scale and minimum as halves, then 16 bytes with two weights each.
        lost = bytearray(data)
        for at in range(4, 20):
            table = bytes((byte & 0xFE | 0x10) if at % 2 else (byte & 0xEF | 0x01) for byte in range(256))
            lost[at::20] = data[at::20].translate(table)
        return bytes(lost)
    return change


def one_bit_of_one_weight(tensor, data):
    return bytes([*data[:4], data[4] ^ 1, *data[5:]]) if tensor["name"] == "blk.12.attn_v.weight" else None


def mistakes(shop):
    """Name, arguments of verify, the proof that must fail, and what the failure must say."""
    zero = lambda names: lambda a: [a.values.update({n: array.array("H", bytes(2 * len(a.values[n])))}) for n in names(a)]
    config = lambda **fields: lambda a: a.config.update(fields)

    def exchange(a):
        one, other = a.name(3, "q_proj", "A"), a.name(3, "q_proj", "B")
        a.values[one], a.values[other] = (turned(a.values[other], *a.shapes[other]), turned(a.values[one], *a.shapes[one]))

    def other_module(a):
        for layer in range(LAYERS):
            for factor in "AB":
                one, other = a.name(layer, "gate_proj", factor), a.name(layer, "up_proj", factor)
                a.values[one], a.values[other] = a.values[other], a.values[one]

    def layers_late(a):
        moved = {a.name((l + 1) % LAYERS, k, f): a.values[a.name(l, k, f)] for l in range(LAYERS) for k in KINDS for f in "AB"}
        a.values.update(moved)

    def half_rank(a):
        for name in a.every("A"):
            rank, columns = a.shapes[name]
            a.values[name], a.shapes[name] = a.values[name][:rank // 2 * columns], [rank // 2, columns]
        for name in a.every("B"):
            rows, rank = a.shapes[name]
            a.values[name] = array.array("H", (v for i, v in enumerate(a.values[name]) if i % rank < rank // 2))
            a.shapes[name] = [rows, rank // 2]
        a.config.update(r=8, lora_alpha=16)

    def rows_exchanged(name, data):
        half = len(data) // 2
        return data[half:] + data[:half] if "logits" in name else data

    def last_bit(name, data):
        return data[:-4] + bytes([data[-4] ^ 1]) + data[-3:] if name == "adapted_logits_0" else data

    def flip(bit):
        def change(a):
            values = a.values[a.name(12, "o_proj", "B")]
            # A bit that is not set, of a number that is none of the smallest: the number grows.
            index = next(i for i, value in enumerate(values) if not value >> bit & 1 and value & 0x7FFF > 0x3B00)
            values[index] ^= 1 << bit
        return change

    adapter = lambda name, *changes: ["--adapter", shop.adapter(name, *changes)]
    peft = ["--golden", GOLDEN]
    after = "after-activation"
    rslora = lambda: shop.golden("rslora", shop.adapter("rslora", config(use_rslora=True)))
    without = lambda: shop.golden("without", shop.adapter("without", zero(lambda a: a.every("B", layer=20))))
    wide = lambda a: a.widen(True)
    precise = lambda: shop.golden("precise", shop.adapter("precise", wide))
    base = lambda name, change: ["--adapter", ADAPTER, "--model", shop.other_base(name, change)]

    yield "alpha doubled", lambda: adapter("alpha", config(lora_alpha=64)) + peft, after, mistake("scaling", factor=0.5)
    yield "rank-stabilized where it is not", lambda: adapter("stable", config(use_rslora=True)) + peft, after, \
        mistake("scaling", origin="rank-stabilized-added")
    yield "rank-stabilized scaling ignored", lambda: ["--adapter", ADAPTER, "--golden", rslora()], after, \
        mistake("scaling", origin="rank-stabilized-left-out")
    yield "A and B of one module exchanged", lambda: adapter("exchanged", exchange) + peft, after, \
        mistake("factors", change="exchanged", modules=["blk.3.attn_q"])
    yield "one B transposed", lambda: adapter("b-turned", lambda a: a.turn(a.name(11, "up_proj", "B"))) + peft, after, \
        mistake("factors", change="transposed-b", modules=["blk.11.ffn_up"])
    yield "every A transposed", lambda: adapter("a-turned", lambda a: [a.turn(n) for n in a.every("A")]) + peft, after, \
        mistake("factors", change="transposed-a", modules=[])
    yield "rows of query and key not permuted", lambda: ["--adapter", shop.rows_moved("unpermuted", False)] + peft, after, \
        mistake("factors", change="unpermuted", modules=["attn_q", "attn_k"])
    yield "rows of query and key permuted twice", lambda: ["--adapter", shop.rows_moved("twice", True)] + peft, after, \
        mistake("factors", change="permuted-twice", modules=["attn_q", "attn_k"])
    yield "a layer dropped", lambda: adapter("dropped", zero(lambda a: a.every("B", layer=7))) + peft, after, \
        cause("idle-modules", modules=["blk.7"])
    yield "a layer dropped where the golden was made", lambda: ["--adapter", ADAPTER, "--golden", without()], after, \
        mistake("update-left-out", modules=["blk.20"])
    yield "layers one off", lambda: adapter("late", layers_late) + peft, after, \
        mistake("layer-order", order="one-late")
    yield "an adapter of another module", lambda: adapter("other-module", other_module) + peft, after, \
        mistake("exchanged-kinds", modules=["ffn_gate", "ffn_up"])
    yield "the alpha of one kind halved", lambda: adapter("kind", multiplied(-1, "B", "v_proj")) + peft, after, \
        mistake("scaling-of-kind", factor=2, modules=["attn_v"])
    yield "rows of the golden at other positions", \
        lambda: ["--adapter", ADAPTER, "--golden", shop.changed("rows", GOLDEN, rows_exchanged)], after, \
        cause("golden", golden_mistake={"kind": "other-position", "golden": 39, "computed": 45})
    yield "other invocation tokens", lambda: adapter("tokens", config(alora_invocation_tokens=[11247, 1307, 5])) + peft, \
        "structure", finding("activation-start-disagrees", golden=39, adapter=40)
    yield "a plain LoRA", lambda: adapter("plain", config(alora_invocation_tokens=None)) + peft, after, \
        mistake("activation-shifted", shift=39)
    yield "activation a token late (legacy)", lambda: ["--adapter", ADAPTER, "--golden", shop.moved("legacy")], after, \
        mistake("activation-shifted", shift=1)
    yield "activation a token early (llama-server)", lambda: ["--adapter", ADAPTER, "--golden", shop.moved("llama-server")], \
        after, mistake("activation-shifted", shift=-1)
    yield "a zero adapter", lambda: adapter("zero", zero(lambda a: a.every("B"))) + peft, after, cause("adapter-changes-nothing")
    yield "half of the rank", lambda: adapter("rank", half_rank) + peft, after, cause("unexplained", nearest=None)
    yield "factors cut off to BF16", lambda: adapter("cut", wide, Adapter.cut_off) + ["--golden", precise()], after, \
        mistake("factors", change="truncated")
    yield "a base with one tensor quantized anew", lambda: base("anew", coarser("blk.20.attn_v.")) + peft, after, \
        cause("base-differs", difference={"close": True})
    yield "a much coarser base", lambda: base("coarser", coarser("attn_v")) + peft, after, \
        cause("base-differs", difference={"close": False})
    yield "a bit of a weight's exponent flipped", lambda: adapter("exponent", flip(10)) + peft, after, \
        cause("unexplained", nearest=None)
    exact = lambda: ["--golden", shop.golden("right", ADAPTER), "--exact"]
    yield "a weight's lowest bit flipped: digests", lambda: adapter("lowest", flip(0)) + exact(), after, \
        finding("bits-not-comparable", reason="other-adapter")
    yield "a golden logit's lowest bit flipped", \
        lambda: ["--adapter", ADAPTER, "--golden", shop.changed("bit", shop.golden("right", ADAPTER), last_bit)], after, \
        finding("golden-file-changed")
    yield "a weight's lowest bit flipped: baseline", lambda: adapter("lowest", flip(0)) + peft + ["--baseline", shop.baseline()], \
        "baseline", finding("baseline-bits-changed", subject="adapted", first_position=39)
    yield "a base weight's bit flipped: baseline", lambda: base("bit", one_bit_of_one_weight) + peft \
        + ["--baseline", shop.baseline()], "baseline", finding("baseline-bits-changed", subject="base_cache", first_position=0)


def mistake(kind, **figures):
    return {"cause": {"cause": {"mistake": {"kind": kind, **figures}}}}


def cause(kind, **figures):
    return {"cause": {"cause": {"kind": kind, **figures}}}


def finding(kind, **figures):
    return {"finding": {"kind": kind, **figures}}


def holds(expected, found):
    """Whether every figure that is expected is there; a factor within 1 %."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(key in found and holds(value, found[key]) for key, value in expected.items())
    if isinstance(expected, float):
        return isinstance(found, (int, float)) and abs(found - expected) <= 0.01 * abs(expected)
    return found == expected


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("model")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--only")
    options = parser.parse_args()
    shutil.rmtree(options.directory, ignore_errors=True)
    options.directory.mkdir(parents=True)
    shop = Workshop(options.binary, options.model, options.directory)

    def verify(arguments, status):
        model = [] if "--model" in arguments else ["--model", shop.model]
        return json.loads(shop.run("verify", *model, *arguments, "--json", status=status))

    def timed(arguments):
        begun = time.monotonic()
        return verify([*arguments, "--threads", 1], 1), time.monotonic() - begun

    for arguments in (["--golden", GOLDEN, "--baseline", shop.baseline()], ["--golden", shop.golden("right", ADAPTER), "--exact"]):
        for adapter in (ADAPTER, shop.converted()):
            verify(["--adapter", adapter, *arguments], 0)
    # The same updates from other factors.
    same = shop.adapter("rescaled", multiplied(1, "A"), multiplied(-1, "B"))
    verify(["--adapter", same, "--golden", GOLDEN], 0)
    print("what is right passes")
    # Files are made one after the other, while others are verified.
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    runs = [(name, pool.submit(timed, arguments()), proof, expected) for name, arguments, proof, expected in mistakes(shop)
            if not options.only or options.only in name]
    failed, count = 0, len(runs)
    for name, run, proof, expected in runs:
        report, seconds = run.result()
        proofs = {item["proof"]: item["findings"] for item in report["proofs"]}
        bits = proofs["before-activation"] + proofs["cache-reuse"]
        if any(holds(expected, item) for item in proofs[proof]) and not bits:
            print(f"✓ {name:45}{seconds:5.1f} s  {proof:18}{expected}")
            continue
        failed += 1
        print(f"✗ {name:45}{proof} should find {expected}:")
        for other, findings in proofs.items():
            for item in findings:
                print(f"    {other}: {json.dumps(item)}")
    shutil.rmtree(options.directory)
    print(f"{count - failed} of {count} mistakes found, with their cause")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
