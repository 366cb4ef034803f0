"""Compares the greedy answers of `alora run` with those of PEFT, over the 50 prompts of prompts.jsonl.

    python compare_answers.py path/to/alora path/to/SmolLM2-135M-Instruct.Q4_1.gguf [adapter]

Every disagreement is printed with the smallest distance of its two largest logits. Exit code 1: an answer
differs where that distance is more than rounding explains.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

# Logits are up to 30; in float32 PEFT's differ from these by up to 2e-4.
NEAR_TIE = 0.001
here = pathlib.Path(__file__).parent
alora, model = sys.argv[1:3]
adapter = sys.argv[3] if len(sys.argv) > 3 else str(here / "adapter-bf16")
prompts = [json.loads(line) for line in open(here / "prompts.jsonl")]

with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as script:
    for prompt in prompts:
        json.dump({"prompt": prompt["text"], "adapter": "answerability", "reset": True}, script)
        script.write("\n")
    script.flush()
    arguments = ["run", "--model", model, "--adapter", f"answerability={adapter}", "--script", script.name]
    arguments += ["-n", "16", "--json", "--margins", "--quiet"]
    report, bare = [
        json.loads(subprocess.run([alora, *arguments, *more], stdout=subprocess.PIPE, check=True).stdout)
        for more in ([], ["--cache-limit", "0", "--threads", "1"])
    ]
differing, failures = 0, 0
margins = []
for prompt, turn in zip(prompts, report["turns"], strict=True):
    assert turn["activation_start"] == prompt["alora_start"] and turn["prompt_tokens"] == prompt["n_tokens"]
    answer = turn["text"] + ("<|im_end|>" if turn["end"] == "end_token" else "")
    gaps = [choice["margin"] for choice in turn["choices"]]
    margins += gaps
    if answer == prompt["adapter_output"]:
        continue
    differing += 1
    failures += min(gaps) > NEAR_TIE
    print(f"prompt {prompt['id']}: {answer!r}, PEFT {prompt['adapter_output']!r}; closest logits {min(gaps):.5f} apart")
# The cache changes nothing, nor does the number of threads: not a bit of a logit's distance to the next.
for one, other in zip(report["turns"], bare["turns"], strict=True):
    assert other["cached_tokens"] == 0
    assert all(one[name] == other[name] for name in ["text", "tokens", "choices"]), "the cache changed an answer"
cache = report["cache"]
print(f"{len(prompts) - differing} of {len(prompts)} answers agree; the two largest logits are never closer than {min(margins):.3f}")
print(f"{cache['reused_tokens']} of {cache['requested_tokens']} prompt tokens came from the cache; without it, the same answers and distances")
sys.exit(1 if failures else 0)
