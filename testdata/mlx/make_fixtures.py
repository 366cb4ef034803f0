"""Adapters that mlx-lm made, with what mlx-lm's own fusing adds to each weight.

    python make_fixtures.py        needs mlx[cpu] and mlx-lm; versions.json says which were used

The factors are small whole numbers over 8 and the scales powers of two times whole numbers, so that every update is exact in
float32: the test compares bits. The bases are those of ../conversion.
"""
import importlib.metadata
import json
import pathlib

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm.utils import _get_classes

HERE = pathlib.Path(__file__).parent
CONVERSION = HERE.parent / "conversion"


def table_base(name):
    cases = json.loads((CONVERSION / "architectures" / "cases.json").read_text())
    return next(case["base"] for case in cases if case["class"] == name)


def base(name):
    return json.loads((CONVERSION / "bases" / name / "config.json").read_text())


# Name: base, layers, lora_parameters.
CASES = {
    "llama": (lambda: base("llama"), 1, {"rank": 4, "scale": 20.0, "dropout": 0.0}),
    "llama-keys": (lambda: base("llama"), 2, {"rank": 3, "scale": 2.5, "dropout": 0.0,
                                              "keys": ["self_attn.q_proj", "mlp.down_proj"]}),
    "llama-embedding": (lambda: base("llama"), 1, {"rank": 2, "scale": 10.0, "dropout": 0.0,
                                                   "keys": ["model.embed_tokens", "self_attn.k_proj", "lm_head"]}),
    "phi3": (lambda: base("phi3"), 1, {"rank": 4, "scale": 16.0, "dropout": 0.0}),
    "qwen3-moe": (lambda: table_base("Qwen3MoeForCausalLM"), 1, {"rank": 2, "scale": 4.0, "dropout": 0.0}),
    "gpt-oss": (lambda: table_base("GptOssForCausalLM"), 1, {
        "rank": 2, "scale": 4.0, "dropout": 0.0,
        "keys": ["self_attn.q_proj", "mlp.experts.gate_proj", "mlp.experts.up_proj", "mlp.experts.down_proj"]}),
}


def values(shape, seed):
    count = int(np.prod(shape))
    return mx.array(((np.arange(count) * 37 + seed * 101) % 13 - 6).reshape(shape).astype(np.float32) / 8)


def make(name, config, layers, parameters):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    # What transformers writes under other names, or leaves to defaults.
    own = {"num_experts": config.get("num_local_experts"), "rope_theta": 10000.0, "shared_intermediate_size": 0,
           "head_dim": config["hidden_size"] // config["num_attention_heads"], **config}
    model_class, arguments = _get_classes(config)
    model = model_class(arguments.from_dict(own))
    model.freeze()
    linear_to_lora_layers(model, layers, parameters)
    weights = {}
    for index, (key, old) in enumerate(sorted(tree_flatten(model.trainable_parameters()))):
        weights[key] = values(old.shape, index)
    model.load_weights(list(weights.items()), strict=False)
    mx.save_safetensors(str(folder / "adapters.safetensors"), weights)
    (folder / "adapter_config.json").write_text(json.dumps({
        "adapter_path": "adapters", "batch_size": 4, "fine_tune_type": "lora", "iters": 1000, "learning_rate": 1e-05,
        "lora_parameters": parameters, "model": f"mlx-community/tiny-{name}-4bit", "num_layers": layers, "seed": 0,
        "train": True}, indent=4) + "\n")
    (folder / "base.json").write_text(json.dumps(config) + "\n")
    updates = {}
    for path, module in model.named_modules():
        if not hasattr(module, "lora_a"):
            continue
        inner = getattr(module, "linear", None) or module.embedding
        inner.weight = mx.zeros(inner.weight.shape)
        updates[path] = np.array(module.fuse().weight)
    np.savez_compressed(folder / "updates.npz", **updates)


if __name__ == "__main__":
    for case, (config, layers, parameters) in CASES.items():
        make(case, config(), layers, parameters)
    versions = {package: importlib.metadata.version(package) for package in ("mlx", "mlx-lm", "numpy")}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")
