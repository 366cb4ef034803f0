"""schemathesis: requests that the OpenAPI document allows, and some that it doesn't. None may end in a status of 500 or more."""

import importlib.metadata
import pathlib
import subprocess
import sys
import tempfile

from server import serving

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def run(check, count=20):
    root = str(pathlib.Path(check.adapter).resolve().parent)
    options = ["--max-tokens", "4", "--adapter-root", root]
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(check.alora, check.model, {"check": check.adapter}, *options) as server,
    ):
        words = [
            str(pathlib.Path(sys.executable).with_name("schemathesis")), "run", str(ROOT / "schemas" / "serve.openapi.json"),
            "--url", server["url"], "--checks", "not_a_server_error,status_code_conformance,response_schema_conformance",
            # One worker: with several, Python 3.11 may fail in ast.parse, which Hypothesis calls.
            "--mode", "all", "--max-examples", str(count), "--phases", "examples,coverage,fuzzing", "--workers", "1",
            "--generation-deterministic", "--request-timeout", "60", "--no-color",
        ]
        result = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    if result.returncode != 0:
        print(result.stdout[-6000:], result.stderr[-2000:], file=sys.stderr)
        raise AssertionError("schemathesis found failures")
    line = next((line for line in result.stdout.split("\n") if "generated," in line), "").strip(" ✅")
    return f"schemathesis {importlib.metadata.version('schemathesis')}: {line or 'no failure'}"
