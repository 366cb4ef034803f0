"""The engine oracle: llama.cpp with a file that alora made, against PEFT.

For each class, a tiny random base gets a random adapter on all linear modules and experts. `xllamacpp` loads the base's
GGUF and alora's file; the log-probabilities after a prompt must agree with PEFT's within 5e-3, while the adapter changes
them by at least 0.5.

Two more models tell why a class doesn't agree. The sum is the base's GGUF with alpha/r · B · A added to its weights, which
llama.cpp runs without an adapter; the merged model is PEFT's, which transformers runs.

- the adapter in llama.cpp ≠ the sum: llama.cpp applies the adapter otherwise, or alora is wrong. The report names the
  tensors, which belong on the list of what alora refuses.
- PEFT's adapter ≠ PEFT's merged model: transformers reads a module's weight without calling the module, so PEFT leaves
  the update out. llama.cpp must agree with the merged model.
- neither: llama.cpp and transformers differ without any adapter, on the base or on the sum.
- llama.cpp can't load the tiny base, or the reference can't convert it: the report quotes why.

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
import differences
import models
import numpy as np
import oracle
import results
import subjects
import trace

TOLERANCE, EFFECT = 5e-3, 0.5
RANK, ALPHA = 4, 8
PROMPT = [5, 9, 33, 77, 12, 64, 101, 8, 3, 90, 41, 17]
VOCABULARY = 128

# What llama.cpp, or the reference's converter, needs and a model that is only traced doesn't: of the configuration class,
# of its text part, of config.json; and modules whose adapter transformers can't run.
def mrope(*sections):
    return {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": list(sections)}}


QWEN_VL = {"text": mrope(4, 2, 2)}
DELTA_NET = {"linear_value_head_dim": 10, "head_dim": 256}
SIGMOID = {"over": {"num_experts_per_tok": 2}, "raw": {"scoring_func": "sigmoid"}}
ENGINE = {
    **{name: settings for name, (settings, _) in differences.DIFFERENCES.items()},
    "CohereForCausalLM": {"over": {"logit_scale": 1.0}}, "Cohere2ForCausalLM": {"over": {"logit_scale": 1.0}},
    "DeepseekV4ForCausalLM": {
        "over": {"compress_rates": {"compressed_sparse_attention": 4, "heavily_compressed_attention": 128}},
        "raw": {"compress_ratios": [128, 4, 128, 4]},
    },
    "Step3p7ForConditionalGeneration": {
        "text": {"rope_parameters": {kind: {**differences.ROPE, "partial_rotary_factor": part} for kind, part in (("full_attention", 0.5), ("sliding_attention", 1.0))}},
        "raw": {"norm_expert_weight": True, "scoring_func": "sigmoid"},
    },
    "HYV4ForCausalLM": {"over": {"index_head_dim": 16}},
    "Dots3NoteForCausalLM": {"over": {"shared_experts_intermediate_size": 32}},
    "KimiLinearForCausalLM": {"raw": {"moe_router_activation_func": "sigmoid"}},
    "Glm5NextForConditionalGeneration": {"raw": {"scoring_func": "sigmoid"}},
    "Cohere2MoeForCausalLM": {"over": {"logit_scale": 1.0}}, "DeepseekV2ForCausalLM": {"over": {"num_experts_per_tok": 2}},
    "DeepseekV32ForCausalLM": SIGMOID, "ExaoneMoeForCausalLM": SIGMOID,
    "Dots1ForCausalLM": {"over": {"num_experts_per_tok": 2, "num_key_value_heads": 4}, "raw": {"scoring_func": "sigmoid"}},
    "PhiForCausalLM": {"over": {"intermediate_size": 256}},
    "Qwen4ExpForCausalLM": {"over": {"linear_value_head_dim": 10}},
    "Qwen4ExpForConditionalGeneration": {"text": {"linear_value_head_dim": 10}},
    "FalconForCausalLM": {"over": {"ffn_hidden_size": 256}},
    "GPT2LMHeadModel": {"over": {"n_inner": None}}, "GPTBigCodeForCausalLM": {"over": {"n_inner": None}},
    # The converter takes this over the key-value heads for the width of the shared experts.
    "Ernie4_5_MoeForCausalLM": {"over": {"intermediate_size": 128}},
    "Exaone4ForCausalLM": {"over": differences.FULL},
    "Gemma2ForCausalLM": {"over": {"query_pre_attn_scalar": 16}}, "Gemma3ForCausalLM": {"over": {"query_pre_attn_scalar": 16}},
    "Gemma3ForConditionalGeneration": {"text": {"query_pre_attn_scalar": 16}},
    "GraniteMoeHybridForCausalLM": {"over": {"shared_intermediate_size": 112}},
    "Glm4vForConditionalGeneration": {"text": models.MROPE}, "GlmOcrForConditionalGeneration": {"text": models.MROPE},
    "Glm4vMoeForConditionalGeneration": {"text": models.MROPE}, "Llama4ForCausalLM": {"unadapted": ["router"]},
    "MiniCPM3ForCausalLM": {"over": {"num_key_value_heads": 4}},
    "NemotronHForCausalLM": {"raw": {"n_group": None, "topk_group": None}}, "OlmoeForCausalLM": {"over": {"num_key_value_heads": 4}},
    "PaddleOCRVLForConditionalGeneration": QWEN_VL, "Qwen2VLForConditionalGeneration": QWEN_VL,
    "Qwen2_5_VLForConditionalGeneration": QWEN_VL, "Qwen3VLForConditionalGeneration": QWEN_VL,
    "Qwen3VLMoeForConditionalGeneration": QWEN_VL, "Qwen3ASRForConditionalGeneration": QWEN_VL,
    "Qwen3MoeForCausalLM": {"over": {"norm_topk_prob": True}}, "Qwen3NextForCausalLM": {"over": DELTA_NET},
    "Qwen3_5ForCausalLM": {"over": DELTA_NET}, "Qwen3_5MoeForCausalLM": {"over": DELTA_NET},
    "Qwen3_5ForConditionalGeneration": {"text": DELTA_NET}, "Qwen3_5MoeForConditionalGeneration": {"text": DELTA_NET},
    "MiniCPMV4_6ForConditionalGeneration": {"text": DELTA_NET},
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
    # Flash attention rounds to 16 bits.
    parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
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


def sums(base, adapter, output, wanted=lambda tensor: True):
    """The base's GGUF with the updates of some tensors added to their weights."""
    shutil.copy(base, output)
    _, factors = reference.read_tensors(adapter)
    alpha = oracle.alpha_of(adapter)
    for tensor in reference.gguf.GGUFReader(output, "r+").tensors:
        if tensor.name + ".lora_a" in factors and wanted(tensor.name):
            a, b = (factors[f"{tensor.name}.lora_{x}"] for x in "ab")
            tensor.data[...] += np.matmul(b, a) * np.float32(alpha / b.shape[-1])
    return output


def part(adapter, output, wanted):
    """The adapter with the factors of some tensors only."""
    gguf = reference.gguf
    reader = gguf.GGUFReader(adapter)
    writer = gguf.GGUFWriter(output, reader.get_field("general.architecture").contents())
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", oracle.alpha_of(adapter))
    for tensor in reader.tensors:
        if wanted(tensor.name.rpartition(".lora_")[0]):
            writer.add_tensor(tensor.name, np.array(tensor.data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return output


def suspects(base, adapter, directory):
    """The kinds of tensors whose update llama.cpp doesn't add as it is, and how far off it is."""
    names = {n.rpartition(".lora_")[0] for n in reference.tensor_bytes(adapter)}
    found = {}
    for kind in sorted({trace.pattern(n)[0] for n in names}):
        def wanted(name, kind=kind):
            return trace.pattern(name)[0] == kind

        own = log_probabilities(base, part(adapter, directory / "part.gguf", wanted))
        summed = log_probabilities(sums(base, adapter, directory / "part-sum.gguf", wanted), None)
        difference = float(np.abs(own - summed).max())
        if difference > TOLERANCE:
            found[kind.removesuffix(".weight")] = difference
    return found


def measure(spec, directory):
    import torch

    more, over = ENGINE.get(spec["class"], {}), spec.get("over", {})
    text = {**over.get("_text", {}), **more.get("text", {})}
    spec = {
        **spec, "over": {**over, **more.get("over", {}), "_text": text}, "raw": {**spec.get("raw", {}), **more.get("raw", {})},
        "unadapted": more.get("unadapted", ()),
    }
    subject = subjects.TransformersSubject(spec, directory, weight)
    tokens = torch.tensor([PROMPT])

    def theirs(model):
        with torch.no_grad():
            return torch.log_softmax(model(input_ids=tokens).logits[0, -1].float(), -1).numpy()[:VOCABULARY]

    plain = theirs(subject.model)
    adapted = subject.adapted(RANK, ALPHA)
    size = 0.1
    # Large enough to be seen, and small enough that both engines' rounding isn't magnified.
    for _ in range(20):
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
    def far(a, b):
        return float(np.abs(a - b).max())

    result = {"effect": far(changed, plain)}
    gguf = directory / "base.gguf"
    own_plain, own = log_probabilities(gguf, None), log_probabilities(gguf, file)
    summed = log_probabilities(sums(gguf, file, directory / "sum.gguf"), None)
    result |= {"base": far(own_plain, plain), "adapted": far(own, changed), "sum": far(own, summed)}
    if result["sum"] > TOLERANCE:
        result["applied otherwise"] = suspects(gguf, file, directory)
    if max(result["adapted"], result["sum"]) > TOLERANCE:
        merged = theirs(adapted.merge_and_unload())
        result |= {"PEFT's merge": far(merged, changed), "adapted, merge": far(own, merged)}
    return result


def verdict(result):
    if "refused" in result:
        return "REFUSED"
    if "error" in result:
        return "can't be tried"
    if result["sum"] > TOLERANCE:
        return "APPLIED OTHERWISE"
    if result["adapted"] <= TOLERANCE:
        return "agrees" if result["effect"] >= EFFECT else "agrees, but no adapter of this model has an effect of 0.5"
    if result["PEFT's merge"] > TOLERANCE and result["adapted, merge"] <= TOLERANCE:
        return "agrees with PEFT's merged model: transformers reads a weight without PEFT's module"
    if result["base"] > TOLERANCE:
        return "llama.cpp and transformers differ on the base; the adapter is applied"
    return "llama.cpp and transformers differ on the sum; the adapter is applied"


def ties_output(class_name):
    table = json.loads(subjects.TABLE.read_text())
    return any(row.get("tiesEmbeddings", False) for row in table["classes"] if row["class"] == class_name)


def reason(log):
    """The line of a log that says why llama.cpp gave up."""
    words = ("GGML_ASSERT", "fatal error", "error loading model", "exception", "what():", "unsupported", "failed to load")
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()] if log.exists() else []
    return next((line[-200:] for word in words for line in lines if word in line), "")


def main():
    import conversion

    conversion.load_all_models()
    import peft  # noqa: F401
    import transformers  # noqa: F401

    parser = argparse.ArgumentParser()
    parser.add_argument("--report")
    parser.add_argument("--record", action="store_true", help="update results.json")
    parser.add_argument("classes", nargs="*")
    options = parser.parse_args()
    report = open(options.report, "w") if options.report else None
    counts, found_all = {}, {}
    for spec in models.specifications(reference.names()):
        # An alias is its class's model once more, and a bare model has no output.
        if not spec.get("tried", True) or "tensors" in spec or spec.get("build", spec["class"]) != spec["class"] or spec["class"].endswith("Model") and "LMHead" not in spec["class"]:
            continue
        if options.classes and spec["class"] not in options.classes or not subjects.tabled_modules(spec["class"]):
            continue
        # llama.cpp ties the output of some classes whatever the configuration says.
        tried_variants = list(oracle.variants(spec))
        for tried in tried_variants[1:] if ties_output(spec["class"]) else tried_variants:
            directory = Path(tempfile.mkdtemp(prefix="engine-"))
            os.environ["TRACE_LOG"] = str(directory / "log")
            result = trace.isolated(measure, tried, directory, seconds=180)
            if "error" in result and (why := reason(directory / "log")):
                result["error"] = f"llama.cpp: {why}"
            if os.environ.get("KEEP") is None:
                shutil.rmtree(directory, ignore_errors=True)
            if "error" not in result:
                break
        found = verdict(result)
        counts[found] = counts.get(found, 0) + 1
        label = f"{spec['class']} {spec.get('tag', '')}".strip()
        print(f"{label}: {found} {json.dumps(result)}", flush=True)
        numbers = {key: results.rounded(result[key]) for key in ("effect", "base", "adapted") if key in result}
        found_all[label] = {"engine": {"verdict": found, **numbers, **({"error": results.quoted(result["error"])} if "error" in result else {})}}
        if report:
            report.write(json.dumps({"class": label, "verdict": found, **result}) + "\n")
            report.flush()
    if options.record:
        results.record(found_all)
    print(counts, file=sys.stderr)
    sys.exit(any(name.isupper() for name in counts))


if __name__ == "__main__":
    main()
