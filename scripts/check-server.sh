#!/usr/bin/env bash
# A real llama-server (LLAMA_SERVER names it) against the exact engine: its base and ordinary-LoRA answers have to pass, and
# its early activation of an aLoRA and the invocation it misses have to be reported. As of build 11434; a server without
# these faults fails this script, which is then to be changed.
#
#     LLAMA_SERVER=…/llama-server scripts/check-server.sh [alora] [model.gguf]
#
# One that was built for a processor with AMX ends with an illegal instruction where the kernel does not allow that; LLAMA_SERVER may
# be a script that adds --no-repack.
set -euo pipefail
cd "$(dirname "$0")/.."
alora=${1:-.build/release/alora}
model=${2:-.cache/SmolLM2-135M-Instruct.Q4_1.gguf}
adapter=testdata/adapters/answerability/adapter-bf16
if [ -z "${LLAMA_SERVER:-}" ]; then
  echo "LLAMA_SERVER names no llama-server: nothing checked" >&2
  exit 0
fi
work=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || { kill "$server" && wait "$server" || true; } 2>/dev/null
  rm -rf "$work"
}
trap finish EXIT

# The same weights as an ordinary LoRA.
mkdir "$work/plain"
cp "$adapter"/adapter_model.safetensors "$work/plain"
python3 - "$adapter" "$work/plain" <<'PYTHON'
import json, sys
configuration = json.load(open(sys.argv[1] + "/adapter_config.json"))
configuration["alora_invocation_tokens"] = None
json.dump(configuration, open(sys.argv[2] + "/adapter_config.json", "w"))
PYTHON
"$alora" convert "$adapter" --base "$model" --outfile "$work/answerability.gguf" --quiet
"$alora" convert "$work/plain" --base "$model" --outfile "$work/plain.gguf" --quiet

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$LLAMA_SERVER" -m "$model" --lora "$work/answerability.gguf" --lora "$work/plain.gguf" --lora-init-without-apply \
  --host 127.0.0.1 --port "$port" -c 2048 -np 1 >"$work/server.log" 2>&1 &
server=$!
python3 - "$port" "$server" <<'PYTHON' || { tail -n 20 "$work/server.log" >&2; exit 1; }
import os, sys, time, urllib.request
for _ in range(240):
    os.kill(int(sys.argv[2]), 0)
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/health", timeout=5)
        sys.exit(0)
    except OSError:
        time.sleep(0.5)
sys.exit("the server does not get ready")
PYTHON

failed=false
for name in plain answerability; do
  arguments=(--server "http://127.0.0.1:$port" --model "$model" --adapter "$work/$name.gguf")
  printf '\n$ alora verify --server http://127.0.0.1:%s --model %s --adapter %s.gguf\n' "$port" "${model##*/}" "$name"
  status=0
  "$alora" verify "${arguments[@]}" --json >"$work/$name.json" || status=$?
  python3 - "$work/$name.json" "$name" "$status" <<'PYTHON' || failed=true
import json, sys

report = json.load(open(sys.argv[1]))
checks = {check["check"]: check for check in report["checks"]}
marks = {"passed": "✓", "failed": "✗", "undecided": "?", "skipped": "-"}
print(f"noise {report['noise']:.4f} nats, {report['request_count']} requests")
for check in report["checks"]:
    print(f"{marks[check['outcome']]} {check['check']:24}{check['detail']}")
    for fit in check["fits"][:3]:
        print(f"{'':28}{fit['residual']:.4f}  {fit['hypothesis']['text']}")

def fitting(name):
    return [(item["activation"], item["shift"], item["factor"]) for item in checks[name]["compatible"]]

wanted = []
if sys.argv[2] == "plain":
    wanted.append(("an ordinary LoRA passes", report["passed"] and sys.argv[3] == "0"))
else:
    early = [("invocation", -1, 1)]
    wanted += [
        ("exit code 1", sys.argv[3] == "1"),
        ("the base's answers pass", checks["base"]["outcome"] == "passed"),
        ("an adapter that is not invoked is off", checks["none"]["outcome"] == "passed"),
        ("the activation is one token early", checks["middle"]["outcome"] == "failed" and fitting("middle") == early),
        ("also through /v1/completions", checks["openai"]["outcome"] == "failed" and fitting("openai") == early),
        ("the scaling is right", checks["scaling"]["outcome"] == "passed"),
        ("an invocation followed by its last token is missed",
         checks["own-last-token"]["outcome"] == "failed" and fitting("own-last-token") == [("off", None, 1)]),
    ]
for text, holds in wanted:
    print(f"{'found' if holds else 'NOT FOUND'}: {text}")
sys.exit(not all(holds for _, holds in wanted))
PYTHON
done
! $failed
