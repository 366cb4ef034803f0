"""Writes sampling.json: which tokens transformers leaves to be drawn from, and with which probabilities.

    python make_sampling.py          (torch, transformers; versions in the file)
"""
import json
import pathlib
import random

import torch
import transformers
from transformers.generation import logits_process as process

random.seed(11)
cases = []
while len(cases) < 60:
    count = random.choice([5, 40, 200])
    # Multiples of 1/64, no two equal: where logits are equal, transformers' top-k keeps more than k.
    logits = [value / 64 for value in random.sample(range(-640, 640), count)]
    options = {"temperature": random.choice([0.25, 0.7, 1.0, 1.7])}
    if random.random() < 0.6: options["top_k"] = random.choice([1, 3, 10, 50])
    if random.random() < 0.6: options["top_p"] = random.choice([0.1, 0.5, 0.9, 0.99])
    if random.random() < 0.5: options["min_p"] = random.choice([0.01, 0.1, 0.5])
    # In float64, so that no rounding decides what is at the edge.
    scores = torch.tensor([logits], dtype=torch.float64)
    for name, warper in [
        ("temperature", process.TemperatureLogitsWarper), ("top_k", process.TopKLogitsWarper),
        ("top_p", process.TopPLogitsWarper), ("min_p", process.MinPLogitsWarper),
    ]:
        if name in options: scores = warper(options[name])(None, scores)
    probabilities = torch.softmax(scores, dim=-1)[0].tolist()
    kept = sorted((i for i, p in enumerate(probabilities) if p > 0), key=lambda i: -probabilities[i])
    cases.append({
        "logits": logits, "options": options, "tokens": kept, "probabilities": [round(probabilities[i], 12) for i in kept],
    })

versions = {"torch": torch.__version__, "transformers": transformers.__version__}
with open(pathlib.Path(__file__).parent / "sampling.json", "w") as out:
    json.dump({"versions": versions, "cases": cases}, out, separators=(",", ":"))
    out.write("\n")
