"""Starts `alora serve` for a check, and ends it."""

import contextlib
import json
import signal
import subprocess


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
