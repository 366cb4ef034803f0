#!/usr/bin/env bash
# Reports of the real adapter, of one with its scaling doubled, of many prompts, of prompts without goldens and of servers in the
# tests, one of them a token early, in a headless Chromium. Screenshots are left beside them.
#
#     check-report.sh ALORA ADAPTER_DIR MODEL.gguf DIRECTORY
set -euo pipefail
alora=$1 adapter=$2 model=$3 directory=$4
golden=$(dirname "$adapter")/golden.npz
tiny=testdata/inference/llama
rm -rf "$directory"
mkdir -p "$directory/doubled"
cp "$adapter"/adapter_model.safetensors "$directory/doubled"
sed 's/"lora_alpha": 32/"lora_alpha": 64/' "$adapter/adapter_config.json" >"$directory/doubled/adapter_config.json"

verify() { # NAME EXPECTED_STATUS ARGUMENT...
  local name=$1 expected=$2 status=0
  "$alora" verify --quiet --report "html=$directory/$name.html" "${@:3}" || status=$?
  [ "$status" -eq "$expected" ] || { echo "$name: exit code $status, expected $expected" >&2; exit 1; }
}
verify real 0 --model "$model" --adapter "$adapter" --golden "$golden"
verify doubled 1 --model "$model" --adapter "$directory/doubled" --golden "$golden"
verify without-golden 0 --model "$model" --adapter "$adapter"
verify many 1 --model $tiny/base --adapter $tiny/adapter --golden $tiny/golden.npz --tolerance 1e-6
ALORA_PAGES=$PWD/$directory "${SWIFT:-swift}" test --skip-build -Xcc -O2 --filter VerifyServerTests.reportsForCI >/dev/null
python3 scripts/check_report.py --screenshots "$directory" "$directory"/*.html
