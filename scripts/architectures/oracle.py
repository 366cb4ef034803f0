"""The merge oracle: what alora writes, against llama.cpp's conversion of a base and of PEFT's merged model.

For each class a tiny model gets an adapter on all of its linear modules and expert parameters, of two ranks. PEFT merges
it; llama.cpp converts the base and the merged model; the difference of each tensor must be (alpha / r) · B · A of the
file that alora makes, to 1e-6 of the largest, and exactly zero everywhere else. Then `convert_lora_to_gguf.py` is judged
the same way; where it's right, alora's tensors must have its bytes, in every output type.

    LLAMA_CPP=… ALORA=…/alora python oracle.py [--fixtures FOLDER] [--report FILE] [--size N] [--random SEED] [--over JSON] [CLASS …]

`--fixtures` writes what agrees as small cases: configuration, names, shapes and a digest of alora's tensors. The folder's
cases of other classes stay.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import reference  # first: it finds llama.cpp's packages
import models
import numpy as np
import results
import subjects
import tiny
import trace

TOLERANCE = 1e-6
RANKS = ((2, 6, {}), (5, 10, {}))
# Ranks and alphas of single modules, of experts' parameters too; with rank stabilization, alpha is divided by the root.
# No pattern is one that PEFT adds to a configuration: it saves patterns in another order than it applied them in.
PATTERNS = (4, 8, {
    "use_rslora": True, "rank_pattern": {"v_proj": 16, "down_proj": 16}, "alpha_pattern": {"o_proj": 4, "experts.down_proj": 4},
})
# What alora answers if a GGUF lacks what the converter multiplied its weights by.
NEEDS_CONFIGURATION = "give the base's config.json"
OUTPUT_TYPES = ("f32", "f16", "bf16", "q8_0", "auto")


def convert(adapter, base, output, outtype="f32"):
    """What alora says if it doesn't convert."""
    run = subprocess.run(
        [os.environ["ALORA"], "convert", str(adapter), "--base", str(base), "--outfile", str(output), "--quiet",
         "--outtype", outtype, "--force"],
        capture_output=True, text=True,
    )
    return f"exit {run.returncode}: {run.stderr.strip()[:400]}" if run.returncode else None


def check(spec, directory):
    subject = subjects.subject(spec, directory)
    result, worst = {}, 0.0
    adapters = spec.get("adapters") or RANKS + (() if "tensors" in spec else (PATTERNS,))
    for number, (rank, alpha, more) in enumerate(adapters):
        name = f"adapter-{rank}"
        tensors, settings = subject.adapt(rank, alpha, name, **more)
        architecture, base, merged = subject.write_models(f"merged-{name}")
        result["architecture"], result["modules"] = architecture, len(tensors) // 2
        bases = {"config.json": subject.base / "config.json", "GGUF": directory / "base.gguf"}
        expected = {label: (base, merged) for label in bases}
        if number == 0:
            for fuse in (("gate_up", "qkv"), ("qkv",), ("gate_up",)):
                try:
                    _, *found = subject.write_models(f"merged-{name}", fuse)
                except Exception:
                    continue
                # Experts without a gate are lost if gate and up are joined.
                is_whole = sum(t.size for t in found[0].values()) == sum(t.size for t in base.values())
                if is_whole and set(found[0]) != set(base):
                    expected["fused GGUF"], bases["fused GGUF"] = found, directory / "base-fused.gguf"
                    break
        for label, path in bases.items():
            output = directory / f"{label}-{rank}.lora.gguf"
            wrong = convert(directory / name, path, output)
            if not wrong:
                wrong, error = compare(output, architecture, *expected[label], alpha)
                worst = max(worst, error)
            if wrong and label != "config.json" and NEEDS_CONFIGURATION in wrong:
                result[label] = "needs config.json"
            elif wrong:
                result[label] = f"r = {rank}: {wrong}"
            else:
                result.setdefault(label, "agrees")
        if number == 0 and result.get("config.json") == "agrees":
            if spec.get("build", spec["class"]) == spec["class"]:
                result["case"] = case(subject.base, settings, tensors, directory / f"config.json-{rank}.lora.gguf")
            result["reference"] = against_reference(subject, tensors, settings, base, merged, architecture, alpha)
    result["worst"] = worst
    return result


def compare(path, architecture, base, merged, alpha, partial=False):
    """(what is wrong, the largest relative difference)."""
    own, tensors = reference.read_tensors(path)
    wrong = [] if own == architecture else [f"architecture {own}, not {architecture}"]
    update = {n[: -len(".lora_a")]: n for n in tensors if n.endswith(".lora_a")}
    worst = 0.0
    for name in base:
        if name not in merged:
            wrong.append(f"{name}: not in the merged model")
            continue
        delta = merged[name].astype(np.float64) - base[name]
        scale = np.abs(delta).max()
        if name not in update:
            if scale > 0 and not partial:
                wrong.append(f"{name}: changed by {scale:.2g}, missing")
            continue
        a, b = tensors[name + ".lora_a"].astype(np.float64), tensors[name + ".lora_b"].astype(np.float64)
        found = np.matmul(b, a) * (alpha_of(path) / b.shape[-1])
        if found.shape != delta.shape:
            wrong.append(f"{name}: shape {found.shape}, not {delta.shape}")
            continue
        error = np.abs(found - delta).max() / max(scale, 1e-9)
        worst = max(worst, error)
        if error > TOLERANCE:
            wrong.append(f"{name}: differs by {error:.2g}")
    wrong += [f"{n}: not in the base" for n in update if n not in base]
    return "; ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""), worst


def alpha_of(path):
    return reference.gguf.GGUFReader(path).get_field("adapter.lora.alpha").contents()


def against_reference(subject, tensors, settings, base, merged, architecture, alpha):
    """The reference's verdict, and where it's right, whether alora has its bytes."""
    directory = subject.directory
    linear = {n: t for n, t in tensors.items() if not subjects.is_expert(n)}
    if not linear:
        return "only experts, which it refuses"
    modules = {n.removeprefix("base_model.model.").rpartition(".lora_")[0] for n in linear}
    settings = {**{k: v for k, v in settings.items() if k != "target_parameters"}, "target_modules": sorted(modules)}
    adapter = subject.save_adapter("linear", linear, settings)
    run = trace.isolated(convert_all, adapter, subject.base, directory, seconds=120)
    if "error" in run:
        return f"crashes: {run['error'][:160]}"
    wrong, _ = compare(directory / "reference-f32.gguf", architecture, base, merged, alpha, partial=True)
    names = set(reference.tensor_bytes(directory / "reference-f32.gguf"))
    for outtype in OUTPUT_TYPES:
        if refused := convert(adapter, subject.base, directory / f"own-{outtype}.gguf", outtype):
            return refused
    if not wrong and names != set(reference.tensor_bytes(directory / "own-f32.gguf")):
        wrong = "leaves tensors out"
    if wrong:
        return f"wrong: {wrong}"
    different = []
    for outtype in OUTPUT_TYPES:
        # The reference crashes with `auto`; the file is F32, and so is what alora writes.
        theirs = reference.tensor_bytes(directory / f"reference-{'f32' if outtype == 'auto' else outtype}.gguf")
        own = reference.tensor_bytes(directory / f"own-{outtype}.gguf")
        different += [f"{outtype} {n}" for n in theirs if own.get(n) != theirs[n]] + [f"{outtype} {n}" for n in own if n not in theirs]
    return "equal bytes" if not different else f"other bytes: {different[:3]}"


def convert_all(adapter, base, directory):
    for outtype in OUTPUT_TYPES:
        if outtype != "auto":
            reference.convert_adapter(adapter, base, directory / f"reference-{outtype}.gguf", outtype)
    return {}


def digest(path):
    """Of every tensor's name, shape and elements, in the order of names."""
    _, tensors = reference.read_tensors(path)
    sha = hashlib.sha256()
    for name in sorted(tensors):
        sha.update(f"{name} {list(tensors[name].shape)}\n".encode())
        sha.update(np.ascontiguousarray(tensors[name], np.float32).tobytes())
    return sha.hexdigest()


def case(base, settings, tensors, output):
    """Names as patterns, with the layers that have them."""
    patterns = {}
    for name in sorted(tensors):
        numbers = re.findall(r"\.(\d+)\.", name)
        layer = int(numbers[0]) if numbers else -1
        key = re.sub(r"\.\d+\.", ".{layer}.", name, count=1)
        patterns.setdefault(f"{key} {list(tensors[name].shape)}", []).append(layer)
    return {
        "base": json.loads((base / "config.json").read_text()), "adapter": settings,
        "tensors": [[k.split(" ", 1)[0], json.loads(k.split(" ", 1)[1]), v] for k, v in patterns.items()],
        "sha256": digest(output),
    }


def variants(spec):
    """The variant, and itself with tied embeddings where the reference can't map the output."""
    yield spec
    if "tensors" not in spec:
        over = {"tie_word_embeddings": None}
        tied = {**spec, "over": {**spec.get("over", {}), **over}}
        tied["over"]["_text"] = {**tied["over"].get("_text", {}), **over}
        yield tied


def randomized(spec, generator):
    """The class with other numbers, biases and patterns of ranks than any fixture has. Scalings stay exact."""
    def one_of(*values):
        return values[generator.integers(len(values))]

    size = int(generator.integers(4))
    heads = tiny.at(tiny.FIELDS["num_attention_heads"], size)
    count = int(generator.integers(3, 12))
    fields = {
        "num_key_value_heads": one_of(*(n for n in range(1, heads + 1) if heads % n == 0)),
        "num_experts": count, "num_local_experts": count, "n_routed_experts": count, "n_shared_experts": one_of(1, 2, 3),
        "moe_intermediate_size": one_of(12, 20, 64), "intermediate_size": one_of(68, 96, 116), "attention_bias": one_of(True, False),
        "mlp_bias": one_of(True, False), "qkv_bias": one_of(True, False), "tie_word_embeddings": one_of(True, False),
    }
    rank = one_of(1, 2, 3, 4, 6, 16)
    more = one_of(
        {}, {"use_rslora": rank in (1, 4, 16)},
        {"rank_pattern": {r"layers\.[13]\..*": 2 * rank}}, {"rank_pattern": {"(q|v|down)_proj": 4 * rank}},
        {"alpha_pattern": {r".*\.[02]\..*(k|o)_proj": 8 * rank}},
        {"rank_pattern": {r"^(.*\.)?layers\.0\..*_proj": 4 * rank}, "alpha_pattern": {"o_proj": rank / 2}},
    )
    return {**spec, "size": size, "fields": fields, "adapters": [(rank, one_of(0.5, 1, 2, 3) * rank, more)]}


def main():
    import conversion

    conversion.load_all_models()
    import peft  # noqa: F401
    import transformers  # noqa: F401

    parser = argparse.ArgumentParser()
    parser.add_argument("--fixtures")
    parser.add_argument("--report")
    parser.add_argument("--record", action="store_true", help="update results.json")
    parser.add_argument("--random", type=int, metavar="SEED", help="numbers, biases and patterns that no fixture has")
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--over", type=json.loads, default={}, help="fields of the configuration, as JSON")
    parser.add_argument("classes", nargs="*")
    options = parser.parse_args()
    cases, bad, counts, found_all = [], 0, {}, {}
    report = open(options.report, "w") if options.report else None
    for spec in models.specifications(reference.names()):
        if options.classes and spec["class"] not in options.classes or not spec.get("tried", True):
            continue
        if not subjects.tabled_modules(spec["class"]):
            print(spec["class"], "isn't in the table", flush=True)
            continue
        over = spec.get("over", {})
        over = {**over, **options.over, "_text": {**over.get("_text", {}), **options.over}}
        spec = {**spec, "over": over, "size": options.size}
        if options.random is not None and "tensors" not in spec:
            spec = randomized(spec, np.random.default_rng([options.random, *spec["class"].encode()]))
        for tried in variants(spec):
            directory = Path(tempfile.mkdtemp(prefix="oracle-"))
            result = trace.isolated(check, tried, directory, seconds=600)
            shutil.rmtree(directory, ignore_errors=True)
            if "error" not in result:
                break
        found = result.pop("case", None)
        label = f"{spec['class']} {spec.get('tag', '')}".strip()
        if found:
            cases.append({"class": label + (f", size {options.size}" if options.size else ""), **found})
        verdicts = [result.get(key) for key in ("config.json", "GGUF", "fused GGUF")]
        own = "other bytes" in result.get("reference", "") or "exit" in result.get("reference", "")
        good = verdicts[0] == "agrees" and {*verdicts[1:]} <= {None, "agrees", "needs config.json"} and not own
        bad += not good
        for key in ("reference",):
            verdict = result.get(key, "not tried").split(":")[0]
            counts[verdict] = counts.get(verdict, 0) + 1
        drawn = json.dumps([spec["fields"], spec["adapters"], spec["size"]]) if "fields" in spec else ""
        print(("" if good else "NOT ") + label, json.dumps(result), drawn, flush=True)
        found_all[label] = {
            "merge": results.rounded(result["worst"]) if good else result.get("error") or "differs",
            "reference": result.get("reference", "not tried").split(":")[0],
        }
        if report:
            report.write(json.dumps({"class": label, "good": good, **result}) + "\n")
            report.flush()
    if options.fixtures:
        file = Path(options.fixtures) / "cases.json"
        known = {c["class"]: c for c in (json.loads(file.read_text()) if file.exists() else [])}
        known |= {c["class"]: c for c in cases}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in known.values()) + "\n]\n")
    if options.record:
        results.record(found_all)
    print(f"{len(cases)} cases, {bad} differ or can't be tried; convert_lora_to_gguf.py: {counts}", file=sys.stderr)


if __name__ == "__main__":
    main()
