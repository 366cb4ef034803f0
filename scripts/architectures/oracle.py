"""The merge oracle: what alora writes, against llama.cpp's conversion of a base and of PEFT's merged model.

For each class a tiny model gets an adapter on all of its linear modules and expert parameters, whose numbers follow from
the names. PEFT merges it; llama.cpp converts the base and the merged model; the difference of each tensor must be
(alpha / r) · B · A of the file that alora makes, and zero everywhere else.

    LLAMA_CPP=… ALORA=…/alora python oracle.py [--fixtures FOLDER] [CLASS …]

`--fixtures` writes what agrees as small cases: configuration, names, shapes and a digest of alora's tensors.
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
import tiny
import trace

RANK, ALPHA = 2, 6
OUT = ("vision", "visual", "audio", "multi_modal", "projector", "merger", "lm_head", "embed", "altup", "conv1d")


def number(name, count):
    """Element k of a tensor: exact in BF16, and the same everywhere."""
    seed = sum(name.encode())
    return (((np.arange(count, dtype=np.int64) * 37 + seed) % 251) - 125).astype(np.float32) / 64


def never_applied():
    table = json.loads((Path(__file__).resolve().parents[2] / "Sources/CArchitectureTable/architectures.json").read_text())
    return {item["neverApplied"]: set(item["tensors"]) for item in table["neverApplied"]}, table


def refused_modules(class_name):
    never, table = never_applied()
    result = set()
    for row in table["classes"]:
        if row["class"] != class_name:
            continue
        for index in row["rules"]:
            rule = table["rules"][index]
            if any(t["tensor"] in never.get(row["architecture"], ()) for t in rule["targets"]):
                result.add(rule["module"].rpartition(".")[2])
    return result


def check(spec, directory):
    import peft
    import torch
    import transformers
    from safetensors.numpy import load_file

    if spec.get("raw_configuration"):
        reference.use_raw_configuration()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    class_name = spec["class"]
    model_class = getattr(transformers, spec.get("build", class_name))
    settings = tiny.configuration(model_class.config_class, spec.get("size", 0), spec.get("over", {}))
    model = model_class(settings).eval().float()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.1 + 0.05)
    base = directory / "base"
    model.save_pretrained(base)
    prepare(base, spec)
    refused = refused_modules(class_name)
    linear = sorted(
        name for name, module in model.named_modules()
        if (isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D")
        and not any(word in name for word in OUT) and name.rpartition(".")[2] not in refused
    )
    parameters = sorted({
        ".".join(name.split(".")[-2:]) for name, p in model.named_parameters()
        if p.ndim == 3 and "experts" in name and not any(word in name for word in OUT)
    })
    arguments = {"target_modules": linear} if linear else {}
    if parameters:
        arguments["target_parameters"] = parameters
    if not linear:
        arguments["target_modules"] = []
    adapted = peft.get_peft_model(
        model, peft.LoraConfig(r=RANK, lora_alpha=ALPHA, init_lora_weights=False, task_type="CAUSAL_LM", **arguments)
    )
    adapted.peft_config["default"].base_model_name_or_path = "test/base"
    adapted.save_pretrained(directory / "adapter", save_embedding_layers=False)
    path = directory / "adapter" / "adapter_model.safetensors"
    from safetensors.numpy import save_file

    tensors = {n: number(n, t.size).reshape(t.shape) for n, t in load_file(path).items()}
    save_file(tensors, path, {"format": "pt"})
    loaded = peft.utils.set_peft_model_state_dict(adapted, {n: torch.tensor(t) for n, t in tensors.items()})
    assert not loaded.unexpected_keys, loaded.unexpected_keys
    merged = adapted.merge_and_unload()
    merged.save_pretrained(directory / "merged")
    for f in base.iterdir():
        if f.suffix != ".safetensors":
            shutil.copy(f, directory / "merged" / f.name)
    for part in (base, directory / "merged"):
        for file in part.glob("*.safetensors"):
            trace.transpose_on_disk(file, spec.get("transposed_on_disk", ()))
    written = {}
    for part in ("base", "merged"):
        reference.write_model(class_name, directory / part, directory / f"{part}.gguf")
        architecture, written[part] = reference.read_tensors(directory / f"{part}.gguf")
    configuration = directory / "adapter" / "adapter_config.json"
    settings = json.loads(configuration.read_text())
    kept = ("peft_type", "r", "lora_alpha", "target_modules", "target_parameters", "task_type", "peft_version",
            "rank_pattern", "alpha_pattern")
    settings = {k: v for k, v in settings.items() if k in kept and v}
    if isinstance(settings.get("target_modules"), list):
        settings["target_modules"] = sorted({m.rpartition(".")[2] for m in settings["target_modules"]})
    configuration.write_text(json.dumps(settings))
    result = {"architecture": architecture, "tensors": len(tensors)}
    for name, bases in {"config.json": base / "config.json", "GGUF": directory / "base.gguf"}.items():
        output = directory / f"{name}.lora.gguf"
        run = subprocess.run(
            [os.environ["ALORA"], "convert", str(directory / "adapter"), "--base", str(bases), "--outfile", str(output), "--quiet"],
            capture_output=True, text=True,
        )
        if run.returncode != 0:
            result[name] = f"exit {run.returncode}: {run.stderr.strip()[:400]}"
            continue
        result[name] = compare(output, architecture, written) or "agrees"
    if result.get("config.json") == "agrees":
        result["case"] = case(base, settings, tensors, directory / "config.json.lora.gguf")
    return result


def prepare(base, spec):
    configuration = json.loads((base / "config.json").read_text())
    size = spec.get("size", 0)
    for key, value in spec.get("raw", {}).items():
        value = tiny.at(value, size)
        if key == "text":
            configuration["text_config"].update({k: tiny.at(v, size) for k, v in value.items() if v is not None})
        elif value is None:
            configuration.pop(key, None)
        else:
            configuration[key] = value
    configuration["architectures"] = [spec["class"]]
    (base / "config.json").write_text(json.dumps(configuration))
    for name, text in spec.get("files", {}).items():
        (base / name).write_text(text)


def compare(path, architecture, written):
    """What is wrong, or nothing."""
    own, tensors = reference.read_tensors(path)
    wrong = [] if own == architecture else [f"architecture {own}, not {architecture}"]
    base, merged = written["base"], written["merged"]
    update = {n[: -len(".lora_a")]: n for n in tensors if n.endswith(".lora_a")}
    for name in base:
        if name not in merged or name.endswith("_norm.weight"):
            continue
        delta = merged[name] - base[name]
        scale = np.abs(delta).max()
        if name not in update:
            if scale > 1e-4:
                wrong.append(f"{name}: changed by {scale:.2g}, missing")
            continue
        a, b = tensors[name + ".lora_a"], tensors[name + ".lora_b"]
        found = np.matmul(b, a) * (ALPHA / b.shape[-1])
        if found.shape != delta.shape:
            wrong.append(f"{name}: shape {found.shape}, not {delta.shape}")
        elif np.abs(found - delta).max() > 2e-5 * max(scale, 1e-3):
            wrong.append(f"{name}: differs by {np.abs(found - delta).max() / max(scale, 1e-9):.2g}")
    wrong += [f"{n}: not in the base" for n in update if n not in base]
    return "; ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")


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


def main():
    import conversion

    conversion.load_all_models()
    parser = argparse.ArgumentParser()
    parser.add_argument("--fixtures")
    parser.add_argument("classes", nargs="*")
    options = parser.parse_args()
    cases, bad = [], 0
    for spec in models.specifications(reference.names()):
        if options.classes and spec["class"] not in options.classes or "tensors" in spec:
            continue
        tried = spec
        for over in ({}, {"tie_word_embeddings": None}):
            tried = {**spec, "over": {**spec.get("over", {}), **over}}
            if over:
                tried["over"]["_text"] = {**tried["over"].get("_text", {}), **over}
            directory = Path(tempfile.mkdtemp(prefix="oracle-"))
            result = trace.isolated(check, tried, directory, seconds=150)
            shutil.rmtree(directory, ignore_errors=True)
            if "error" not in result:
                break
        found = result.pop("case", None)
        label = f"{spec['class']} {spec.get('tag', '')}".strip()
        if found:
            cases.append({"class": label, **found})
        good = result.get("config.json") == "agrees" and result.get("GGUF") == "agrees"
        bad += not good
        print(label, json.dumps(result) if not good else f"agrees ({result['architecture']}, {result['tensors']})", flush=True)
    if options.fixtures:
        folder = Path(options.fixtures)
        folder.mkdir(parents=True, exist_ok=True)
        lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
        (folder / "cases.json").write_text("[\n" + lines + "\n]\n")
    print(f"{len(cases)} cases, {bad} differ or can't be tried", file=sys.stderr)


if __name__ == "__main__":
    main()
