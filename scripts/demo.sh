#!/usr/bin/env bash
# The main job on a real model and a real adapter: convert, inspect, verify, run, load into llama.cpp.
set -euo pipefail
alora=$1 adapter=$2 base=$3 model=$4 python=$5 cache=$6
output=$cache/answerability-F32-LoRA.gguf

show() { printf '\n$ %s\n' "${*/#$alora/alora}"; "$@"; }

show "$alora" convert "$adapter" --base "$base" --outfile "$output" --force
show "$alora" inspect "$output" --base "$base"
show "$alora" verify --model "$model" --adapter "$output" --golden "$(dirname "$adapter")/golden.npz"
show "$alora" run --model "$model" --adapter check="$output" --chat --prompt "The Tavarin Lighthouse is 41 metres high.

Question: Who owns the Tavarin Lighthouse?"
printf '\n# the greedy answers to 50 prompts, against those that PEFT gave:\n'
"$python" "$(dirname "$adapter")/compare_answers.py" "$alora" "$model" "$output"
tokens=$("$alora" inspect "$output" --key adapter.alora.invocation_tokens)
printf '\n# llama.cpp loads the model with the adapter, and says what it has read:\n'
"$python" scripts/demo_llama.py "$model" "$output" "$tokens"
