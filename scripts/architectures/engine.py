"""The engine oracle: llama.cpp with a file that alora made, against PEFT.

For each class, a tiny random base gets a random adapter on all linear modules and experts. `xllamacpp` loads the base's
GGUF and alora's file; the log-probabilities after a prompt must agree with PEFT's within 5e-3, while the adapter changes
them by at least 0.5. Where llama.cpp and transformers differ on the base alone, or llama.cpp can't load so tiny a base,
the report says so: that isn't about the adapter.

    LLAMA_CPP=… ALORA=…/alora python engine.py [--report FILE] [CLASS …]
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import urllib.request
from pathlib import Path

import reference  # first: it finds llama.cpp's packages
import models
import numpy as np
import oracle
import subjects
import trace

TOLERANCE, EFFECT = 5e-3, 0.5
RANK, ALPHA = 4, 8
PROMPT = [5, 9, 33, 77, 12, 64, 101, 8, 3, 90, 41, 17]
VOCABULARY = 128

# What llama.cpp, or the reference's converter, needs and a model that is only traced doesn't.
SAME_WIDTH = {"shared_intermediate_size": 112}
ENGINE = {
    "GraniteMoeHybridForCausalLM": SAME_WIDTH,
    "OlmoeForCausalLM": {"num_key_value_heads": 4}, "Qwen3MoeForCausalLM": {"norm_topk_prob": True},
    "DeepseekV3ForCausalLM": {"head_dim": 8}, "Qwen3_5ForConditionalGeneration": {"_text": {"head_dim": 256}},
}


def vocabulary(model):
    """Tokens of two letters each, so that nothing is merged."""
    writer = model.gguf_writer
    count = model.hparams.get("vocab_size", VOCABULARY)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    tokens = [chr(0x100 + i) + chr(0x200 + i) for i in range(count)]
    writer.add_token_list(tokens)
    writer.add_token_types([1] * count)
    writer.add_token_merges([tokens[3][0] + " " + tokens[3][1]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)


def weight(name, shape, index):
    """Norms near 1, other weights small."""
    values = np.random.default_rng(index).standard_normal(shape).astype(np.float32) * np.float32(0.08)
    return values + np.float32(len(shape) == 1 and ("norm" in name or name.endswith(("ln_1.weight", "ln_2.weight", "ln_f.weight"))) and name.endswith("weight"))


def log_probabilities(base, adapter):
    """Of every token after the prompt."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(base)
    parameters.n_ctx, parameters.warmup, parameters.cpuparams.n_threads = 256, False, 1
    parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    if adapter:
        information = xllamacpp.CommonAdapterLoraInfo()
        information.path, information.scale = str(adapter), 1.0
        parameters.lora_adapters = [information]
    server = xllamacpp.Server(parameters)
    request = urllib.request.Request(
        server.listening_address + "/completion",
        data=json.dumps(dict(
            prompt=PROMPT, n_predict=1, n_probs=VOCABULARY, temperature=0.0, cache_prompt=False, post_sampling_probs=False
        )).encode(),
        headers={"Content-Type": "application/json"},
    )
    answer = json.load(urllib.request.urlopen(request, timeout=60))
    del server
    result = np.full(VOCABULARY, np.nan)
    for token in answer["completion_probabilities"][0]["top_logprobs"]:
        if token["id"] < VOCABULARY:
            result[token["id"]] = token["logprob"]
    return result


def measure(spec, directory):
    import torch

    over = ENGINE.get(spec["class"], {})
    spec = {**spec, "over": {**spec.get("over", {}), **over, "_text": {**spec.get("over", {}).get("_text", {}), **over.get("_text", {})}}}
    subject = subjects.TransformersSubject(spec, directory, weight)
    tokens = torch.tensor([PROMPT])

    def theirs(model):
        with torch.no_grad():
            return torch.log_softmax(model(input_ids=tokens).logits[0, -1].float(), -1).numpy()[:VOCABULARY]

    plain = theirs(subject.model)
    adapted = subject.adapted(RANK, ALPHA)
    size = 0.1
    # Large enough to be seen, and small enough that both engines' rounding isn't magnified.
    for _ in range(12):
        with torch.no_grad():
            for index, (name, parameter) in enumerate(adapted.named_parameters()):
                if "lora_" in name:
                    values = np.random.default_rng(1000 + index).standard_normal(tuple(parameter.shape)) * size
                    parameter.copy_(torch.tensor(values, dtype=torch.float32))
        changed = theirs(adapted)
        effect = float(np.abs(changed - plain).max())
        if EFFECT * 1.1 <= effect <= EFFECT * 2:
            break
        size *= 1.25 if effect < EFFECT * 1.1 else 0.85
    adapted.save_pretrained(directory / "adapter", save_embedding_layers=False)
    reference.write_model(spec["class"], subject.base, directory / "base.gguf", vocabulary=vocabulary)
    file = directory / "lora.gguf"
    configuration = subject.base / "config.json"
    if refused := oracle.convert(directory / "adapter", configuration, file):
        return {"refused": refused}
    result = {"effect": float(np.abs(changed - plain).max())}
    own_plain = log_probabilities(directory / "base.gguf", None)
    result["base"] = float(np.abs(own_plain - plain).max())
    own = log_probabilities(directory / "base.gguf", file)
    result["adapted"] = float(np.abs(own - changed).max())
    result["engine effect"] = float(np.abs(own - own_plain).max())
    return result


def verdict(result):
    if "error" in result or "refused" in result:
        return "can't be tried"
    if result["adapted"] <= TOLERANCE and result["effect"] >= EFFECT:
        return "agrees"
    if result["base"] > TOLERANCE:
        return "the base alone differs"
    return "DIFFERS" if result["effect"] >= EFFECT else "too small an effect"


def main():
    import conversion

    conversion.load_all_models()
    import peft  # noqa: F401
    import transformers  # noqa: F401

    parser = argparse.ArgumentParser()
    parser.add_argument("--report")
    parser.add_argument("classes", nargs="*")
    options = parser.parse_args()
    report = open(options.report, "w") if options.report else None
    counts = {}
    for spec in models.specifications(reference.names()):
        if "tensors" in spec or options.classes and spec["class"] not in options.classes:
            continue
        for tried in oracle.variants(spec):
            directory = Path(tempfile.mkdtemp(prefix="engine-"))
            result = trace.isolated(measure, tried, directory, seconds=180)
            if os.environ.get("KEEP") is None:
                shutil.rmtree(directory, ignore_errors=True)
            if "error" not in result:
                break
        found = verdict(result)
        counts[found] = counts.get(found, 0) + 1
        label = f"{spec['class']} {spec.get('tag', '')}".strip()
        print(f"{label}: {found} {json.dumps(result)}", flush=True)
        if report:
            report.write(json.dumps({"class": label, "verdict": found, **result}) + "\n")
            report.flush()
    print(counts, file=sys.stderr)
    sys.exit("DIFFERS" in counts)


if __name__ == "__main__":
    main()
