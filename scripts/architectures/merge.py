"""The oracle of `alora merge`: PEFT's merged model, and llama.cpp's conversion of it.

For each class a tiny model gets an adapter on all of its linear modules and expert parameters. PEFT merges it. What alora
merges into the directory must have the bytes of PEFT's tensors, and what it merges into the base's GGUF the bytes of the
merged model's GGUF. All numbers are such that F32 holds every sum exactly, so a difference is a misplaced element.

    LLAMA_CPP=… ALORA=…/alora python merge.py [--engine] [--report FILE] [CLASS …]

With `--engine`, `xllamacpp` loads the merged GGUF, and the log-probabilities after a prompt must agree with those of PEFT's
adapted model within 5e-3, as `engine.py` demands of adapters.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import reference  # first: it finds llama.cpp's packages
import models
import numpy as np
import oracle
import subjects
import trace

RANK, ALPHA = 2, 6


def merge(base, adapter, *output):
    """What alora says if it doesn't merge."""
    run = subprocess.run(
        [os.environ["ALORA"], "merge", "--model", str(base), "--adapter", str(adapter), *map(str, output), "--quiet"],
        capture_output=True, text=True,
    )
    return f"exit {run.returncode}: {run.stderr.strip()[:300]}" if run.returncode else None


def compare(found, expected, names):
    wrong = [n for n in sorted(names) if n not in found or found[n].tobytes() != expected[n].tobytes()]
    return f"{len(wrong)} of {len(names)} tensors differ: {wrong[:3]}" if wrong else "agrees"


def read_directory(path):
    import torch
    from safetensors.torch import load_file

    found = {}
    for file in sorted(Path(path).glob("*.safetensors")):
        found.update({n: t.reshape(-1).view(torch.uint8).numpy() for n, t in load_file(file).items()})
    return found


def check(spec, directory):
    subject = subjects.subject(spec, directory)
    tensors, _ = subject.adapt(RANK, ALPHA, "adapter")
    architecture, base, merged = subject.write_models("merged-adapter")
    result = {"architecture": architecture, "modules": len(tensors) // 2}
    result["directory"] = merge(subject.base, directory / "adapter", "--outdir", directory / "out")
    if not result["directory"]:
        names = set(read_directory(subject.base))
        result["directory"] = compare(read_directory(directory / "out"), read_directory(directory / "merged-adapter"), names)
    result["GGUF"] = merge(directory / "base.gguf", directory / "adapter", "--outfile", directory / "out.gguf")
    if not result["GGUF"]:
        result["GGUF"] = compare(reference.read_tensors(directory / "out.gguf")[1], merged, set(base))
    return result


def run(spec, directory):
    """The engine's log-probabilities with a merged GGUF, against PEFT's with the adapter."""
    import engine

    # `engine.measure` converts the adapter; here it's merged, and the merged model takes the place of base and adapter.
    oracle.convert = lambda adapter, base, output: merge(directory / "base.gguf", adapter, "--outfile", output)
    original = engine.log_probabilities
    engine.log_probabilities = lambda base, adapter: original(adapter or base, None)
    # The merged model is the sum already.
    engine.sums = lambda base, merged, output, wanted=None: merged
    return engine.measure(spec, directory)


def main():
    import conversion

    conversion.load_all_models()
    import peft  # noqa: F401
    import transformers  # noqa: F401

    parser = argparse.ArgumentParser()
    parser.add_argument("--report")
    parser.add_argument("--engine", action="store_true")
    parser.add_argument("classes", nargs="*")
    options = parser.parse_args()
    report = open(options.report, "w") if options.report else None
    counts = {}
    for spec in models.specifications(reference.names()):
        if options.classes and spec["class"] not in options.classes:
            continue
        for tried in oracle.variants({**spec, "size": 0}):
            directory = Path(tempfile.mkdtemp(prefix="merge-"))
            result = trace.isolated(run if options.engine else check, tried, directory, seconds=600)
            shutil.rmtree(directory, ignore_errors=True)
            if "error" not in result:
                break
        label = f"{spec['class']} {spec.get('tag', '')}".strip()
        if options.engine:
            import engine

            verdict = result["verdict"] = engine.verdict(result)
            counts[verdict] = counts.get(verdict, 0) + 1
        for key in () if options.engine else ("directory", "GGUF"):
            verdict = f"{key} {result.get(key, 'not tried').split(':')[0]}"
            counts[verdict] = counts.get(verdict, 0) + 1
        print(label, json.dumps(result), flush=True)
        if report:
            report.write(json.dumps({"class": label, **result}) + "\n")
            report.flush()
    print(counts, file=sys.stderr)


if __name__ == "__main__":
    main()
