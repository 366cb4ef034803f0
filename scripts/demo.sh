#!/usr/bin/env bash
# The main job on a real model and a real adapter: convert, inspect, verify, load into llama.cpp.
set -euo pipefail
alora=$1 adapter=$2 base=$3 model=$4 python=$5 cache=$6
output=$cache/answerability-F32-LoRA.gguf

show() { printf '\n$ %s\n' "${*/#$alora/alora}"; "$@"; }

show "$alora" convert "$adapter" --base "$base" --outfile "$output" --force
show "$alora" inspect "$output" --base "$base"
show "$alora" verify --model "$model" --adapter "$output" --golden "$(dirname "$adapter")/golden.npz"
tokens=$("$alora" inspect "$output" --key adapter.alora.invocation_tokens)
printf '\n# llama.cpp loads the model with the adapter, and says what it has read:\n'
"$python" scripts/demo_llama.py "$model" "$output" "$tokens"
