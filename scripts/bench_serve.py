#!/usr/bin/env python3
"""`alora bench serve` with alora serve and llama-server, on the same file, adapters and threads. Needs the package xllamacpp, which has
llama-server in it, or LLAMA_SERVER, which names a llama-server.

    scripts/bench_serve.py ALORA MODEL ADAPTER [--threads 2] [--conversations 8] [--contexts 1024,4096] [BENCH-OPTION …]

The three Activated LoRAs have ADAPTER's weights, with scalings and invocations of their own. Neither server does anything while the other is measured.
"""

import argparse
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent / "clients"))

from server import serving, variant

# <|im_start|>NAME<file_sep>, as SmolLM2's tokenizer splits it; and an alpha, so that none has another's weights.
INVOCATIONS = {"answerability": ([1, 11247, 1307, 5], 32), "relevance": ([1, 28220, 8169, 5], 30), "uncertainty": ([1, 15977, 1327, 866, 5], 28)}


def llama_cpp(model, adapters, threads, slots, context):
    """Runs xllamacpp's server until standard input ends; prints its address."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.n_ctx, parameters.n_parallel = model, context * slots, slots
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.lora_init_without_apply = True
    loaded = []
    for path in adapters:
        information = xllamacpp.CommonAdapterLoraInfo()
        information.path, information.scale = path, 1.0
        loaded.append(information)
    parameters.lora_adapters = loaded
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)
    sys.stdin.read()


def wait_for(url):
    for _ in range(600):
        try:
            urllib.request.urlopen(url + "/health", timeout=5)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit(f"{url} does not get ready")


@contextlib.contextmanager
def llama_server(model, adapters, options, context):
    """The address of a running llama-server."""
    slots = options.conversations
    if binary := os.environ.get("LLAMA_SERVER"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        words = [binary, "-m", model, "--lora-init-without-apply", "--host", "127.0.0.1", "--port", port, "-c", context * slots, "-np", slots,
                 "-t", options.threads, "-tb", options.threads, *(word for path in adapters for word in ("--lora", path))]
        process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}"
    else:
        words = [sys.executable, __file__, "--llama-cpp", json.dumps([model, adapters, options.threads, slots, context])]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        url = process.stdout.readline().strip()
        if not url:
            raise SystemExit("xllamacpp's server does not start")
    try:
        wait_for(url)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)


def main():
    if sys.argv[1:2] == ["--llama-cpp"]:
        return llama_cpp(*json.loads(sys.argv[2]))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ["alora", "model", "adapter"]:
        parser.add_argument(name)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--conversations", type=int, default=8)
    parser.add_argument("--contexts", default="1024,4096")
    options, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        adapters = {}
        for name, (tokens, alpha) in INVOCATIONS.items():
            adapters[name] = f"{folder}/{name}.gguf"
            source = variant(options.adapter, f"{folder}/{name}", alora_invocation_tokens=tokens, lora_alpha=alpha)
            subprocess.run(
                [options.alora, "convert", source, "--base", options.model, "--outfile", adapters[name], "--quiet"], check=True)
        context = max(map(int, options.contexts.split(","))) + 512
        words = ["--threads", str(options.threads), "--cache-limit", "8000"]
        with (
            serving(options.alora, options.model, adapters, *words) as own,
            llama_server(options.model, list(adapters.values()), options, context) as other,
        ):
            return subprocess.run(
                [options.alora, "bench", "serve", "--server", f"alora={own['url']}", "--server", f"llama-server={other}", "--contexts", options.contexts,
                 "--conversations", str(options.conversations), *more]).returncode


if __name__ == "__main__":
    sys.exit(main())
