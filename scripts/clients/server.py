"""Starts `alora serve` for a check, and ends it."""

import contextlib
import json
import pathlib
import shutil
import signal
import subprocess
import urllib.request


@contextlib.contextmanager
def serving(alora, model, adapters, *options):
    """Yields what the server prints once it listens: url, port, base, adapters; and its pid."""
    words = [alora, "serve", "--model", model, "--port", "0", "--json", "--quiet", *options]
    for name, path in adapters.items():
        words += ["--adapter", f"{name}={path}"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"alora serve ended with status {process.wait()}")
        yield {**json.loads(line), "pid": process.pid}
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=60)
    if status != 0:
        raise SystemExit(f"alora serve ended with status {status}")


def metrics(port):
    """The numbers of /metrics that have no labels, by their names without the prefix."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
        lines = response.read().decode().split("\n")
    pairs = [line.split() for line in lines if line and not line.startswith("#") and "{" not in line]
    return {name.removeprefix("alora_"): float(value) for name, value in pairs}


def variant(adapter, folder, **changes):
    """The same weights with a changed configuration, in a directory of its own."""
    path = pathlib.Path(folder)
    path.mkdir(parents=True)
    shutil.copy(f"{adapter}/adapter_model.safetensors", path)
    configuration = json.loads(pathlib.Path(f"{adapter}/adapter_config.json").read_text(encoding="utf-8"))
    (path / "adapter_config.json").write_text(json.dumps(configuration | changes), encoding="utf-8")
    return str(path)
