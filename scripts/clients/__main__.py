#!/usr/bin/env python3
"""Real clients, unchanged, against a real server.

    scripts/clients ALORA MODEL ADAPTER [CLIENT …]

The clients are those of requirements.txt. Each check compares answers with what `alora run` prints. Exit code 1: a check failed.
"""

import importlib
import json
import pathlib
import subprocess
import sys
import traceback

from server import serving

CLIENTS = ["openai", "ollama", "litellm", "granite_common", "mellea", "schemathesis"]
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROMPTS = ROOT / "testdata/adapters/answerability/prompts.jsonl"


def questions():
    """The user's turn of one prompt that the adapter calls answerable, and of one that it calls unanswerable."""
    found = {}
    for line in PROMPTS.read_text(encoding="utf-8").split("\n"):
        if line:
            prompt = json.loads(line)
            text = prompt["text"].removeprefix("<|im_start|>user\n").split("<|im_end|>")[0]
            found.setdefault(prompt["label"], text)
    return found


class Check:
    """What a client's check needs: the server, and what `alora run` answers."""

    def __init__(self, alora, model, adapter, server):
        self.alora, self.model, self.adapter = alora, model, adapter
        self.url, self.port, self.base = server["url"], server["port"], server["base"][0]
        # By what the adapter answers.
        self.questions = {self.run(text, "check"): text for text in questions().values()}
        assert set(self.questions) == {"answerable", "unanswerable"}, self.questions

    def run(self, prompt, adapter=None, limit=16):
        """The greedy answer of `alora run`."""
        words = [self.alora, "run", "--model", self.model, "--chat", "--prompt", prompt, "-n", str(limit), "--quiet"]
        if adapter:
            words += ["--adapter", f"check={self.adapter}"]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.removesuffix("\n")


def main():
    if len(sys.argv) < 4:
        print(__doc__, file=sys.stderr)
        return 2
    alora, model, adapter, *names = sys.argv[1:]
    failed = []
    with serving(alora, model, {"check": adapter}) as server:
        check = Check(alora, model, adapter, server)
        for name in names or CLIENTS:
            try:
                print(f"{name}: {importlib.import_module(f'check_{name}').run(check)}", flush=True)
            except Exception:
                traceback.print_exc()
                print(f"{name}: FAILED", flush=True)
                failed.append(name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
