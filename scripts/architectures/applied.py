"""Which tensors llama.cpp's graphs apply LoRA to, read from its sources.

A weight that a graph multiplies with `build_lora_mm` (itself, or inside `build_ffn`, `build_moe_ffn`, `build_attn`,
`build_qkv`, `build_inp_embd`) takes an adapter into account; one that it multiplies with plain `ggml_mul_mat` doesn't,
and llama.cpp says nothing.

    LLAMA_CPP=… python applied.py [ARCHITECTURE …]
"""

import collections
import os
import re
import sys
from pathlib import Path

SOURCES = Path(os.environ["LLAMA_CPP"]) / "src"
APPLYING = re.compile(r"^(build_lora_mm(_id)?|build_ffn|build_moe_ffn|build_attn\w*|build_qkv|build_inp_embd)$")
BASES = {"build_mamba": "mamba-base.cpp", "build_rwkv6": "rwkv6-base.cpp", "build_rwkv7": "rwkv7-base.cpp"}
# What goes into `build_attn` as the value projection of latent attention is multiplied plainly.
PLAIN_ARGUMENTS = {"wv_b"}


def names():
    """Architecture → its name; tensor → its name."""
    text = (SOURCES / "llama-arch.cpp").read_text()
    architectures = dict(re.findall(r"\{\s*(LLM_ARCH_\w+),\s*\"([^\"]+)\"\s*\}", text))
    tensors = dict(re.findall(r"\{\s*(LLM_TENSOR_\w+),\s*\"([^\"]+)\"\s*\}", text))
    return architectures, {k: v.replace("%d", "{layer}") for k, v in tensors.items()}


def classes():
    """Architecture → the class that loads it; class → its parent."""
    text = (SOURCES / "llama-model.cpp").read_text()
    result, pending = {}, []
    for line in text.splitlines():
        if found := re.search(r"case (LLM_ARCH_\w+):", line):
            pending.append(found[1])
        elif found := re.search(r"return new (llama_model_\w+)\(params\)", line):
            result.update({name: found[1] for name in pending})
            pending = []
    header = (SOURCES / "models" / "models.h").read_text()
    parents = dict(re.findall(r"struct (llama_model_\w+)\s*:\s*public (llama_model_\w+)", header))
    graphs = re.findall(r"struct (llama_model_\w+)\s*:.*?\n\};", header, re.S)
    del graphs
    uses = {}
    for name, body in re.findall(r"struct (llama_model_\w+)\s*:[^{]*\{(.*?)\n\};", header, re.S):
        uses[name] = re.findall(r"using graph = (llama_model_\w+)::", body) + re.findall(
            r"struct graph\w* : public (llama_model_\w+)::", body
        )
    return result, parents, uses


def files():
    """Class → the text of the file that defines it."""
    result = {}
    for path in sorted((SOURCES / "models").glob("*.cpp")):
        text = re.sub(r"//[^\n]*", "", path.read_text())
        for name in set(re.findall(r"(llama_model_\w+)::", text)):
            if f"{name}::load_arch_tensors" in text or f"{name}::build_arch_graph" in text:
                result[name] = text
    return result


def enclosing_call(text, position):
    depth = 0
    index = position
    while index > 0:
        index -= 1
        if text[index] == ")":
            depth += 1
        elif text[index] == "(":
            if depth == 0:
                found = re.search(r"([\w:.>\-]+)\s*(<[^<>]*>)?\s*$", text[max(0, index - 80):index])
                return re.split(r"[:.>]", found[1])[-1] if found else ""
            depth -= 1
        elif text[index] in ";{}":
            return ""
    return ""


def fields(text, tensors):
    """Field of a layer or model → GGUF tensor."""
    result = {}
    for field, tensor in re.findall(r"(?:layer\.|layers\[\w+\]\.)?(\w+(?:\.\w+)?)\s*=\s*create_tensor\(\s*tn\((LLM_TENSOR_\w+),\s*\"weight\"", text):
        if tensor in tensors:
            result.setdefault(field.split(".")[-1], set()).add(tensors[tensor])
    if "create_tensor_qkv" in text:
        for field, tensor in (("wqkv", "qkv"), ("wq", "q"), ("wk", "k"), ("wv", "v")):
            result.setdefault(field, set()).add(f"blk.{{layer}}.attn_{tensor}")
    if "create_tensor_gate_up_exps" in text:
        for name in ("gate_up", "gate", "up"):
            result.setdefault(f"ffn_{name}_exps", set()).add(f"blk.{{layer}}.ffn_{name}_exps")
    return result


def judge(architecture_key):
    """Tensor → the set of calls that use it, for one architecture."""
    architectures, tensors = names()
    of, parents, uses = classes()
    sources = files()
    chain, name = [], of.get(architecture_key)
    while name:
        chain.append(name)
        chain += [u for u in uses.get(name, []) if u not in chain]
        name = parents.get(name)
    text = "\n".join(dict.fromkeys(sources[c] for c in chain if c in sources))
    for call, base in BASES.items():
        if call in text:
            text += "\n" + re.sub(r"//[^\n]*", "", (SOURCES / "models" / base).read_text())
    mapping = fields(text, tensors)
    result = collections.defaultdict(set)
    if "build_qkv(" in text:
        for field in ("wqkv", "wq", "wk", "wv"):
            for tensor in mapping.get(field, ()):
                result[tensor].add("build_qkv")
    for field, targets in mapping.items():
        for found in re.finditer(r"(?:\blayer|\blayers\[[^\]]+\]|\bmodel|\bnextn)(?:\.|->)" + field + r"\b(?!\s*=[^=])", text):
            call = enclosing_call(text, found.start())
            if not call or call in ("if", "GGML_ASSERT", "cb", "return", "tn", "while"):
                call = "" if call != "return" else "return"
            if call.startswith("build_attn") and field in PLAIN_ARGUMENTS:
                call = "plain argument of " + call
            for target in targets:
                result[target].add(call)
    aliases = re.findall(r"(?:ggml_tensor|auto)\s*\*?\s*(?:const\s*)?&?\s*(\w+)\s*=\s*(?:model\.)?(?:layer|layers\[\w+\])\.(\w+)\s*;", text)
    for alias, field in aliases:
        for found in re.finditer(r"\b" + alias + r"\b", text):
            call = enclosing_call(text, found.start())
            for target in mapping.get(field, ()):
                result[target].add(call)
    return result


# What reading the graph by hand decides: paths that depend on the model, and local variables.
BY_HAND = {
    # `build_lora_mm_id` multiplies the base's product by the experts' scales and then adds the adapter's, without them.
    # `engine.py` measures the difference. Only Gemma 4 has scales of its own; in other files they are part of a type.
    ("gemma4", "blk.{layer}.ffn_down_exps"): False,
    # `build_attn` multiplies the base's product by the gain and then adds the adapter's, without it.
    ("talkie", "blk.{layer}.attn_output"): False,
    # Arguments of convolutions, which multiply plainly; plain in layers with linear attention.
    **{("kimi-k3", f"blk.{{layer}}.attn_{x}"): False for x in "kv"},
    **{("glm5-next", f"blk.{{layer}}.attn_{x}"): False for x in "qkv"},
    # Arguments of `build_hc_pre` and `build_hc_head`, which multiply plainly.
    **{(name, f"blk.{{layer}}.hc_{part}_fn"): False for name in ("deepseek4", "glm5-next", "hy_v4") for part in ("attn", "ffn")},
    **{(name, "output_hc_fn"): False for name in ("deepseek4", "glm5-next", "hy_v4")},
    ("glm5-next", "blk.{layer}.indexer_compressor_ape"): False,
    # Arguments of `build_hc_mix`, which applies adapters.
    **{("qwen4exp", f"blk.{{layer}}.hc_{part}_{x}"): True for part in ("attn", "ffn") for x in ("down", "up", "inject")},
    ("qwen4exp", "output_hc_down"): True, ("qwen4exp", "output_hc_up"): True,
    # Plain in layers with linear attention, and a module has one name in all layers; the convolution takes q, k and v.
    ("kimi-linear", "blk.{layer}.attn_output"): False,
    **{(name, f"blk.{{layer}}.attn_{x}"): False for name in ("kimi-linear", "bailingmoe3") for x in "qkv"},
    # Plain in the graph of latent attention; `build_qkv` is for the variant without it.
    ("deepseek2", "blk.{layer}.attn_q"): False, ("mistral4", "blk.{layer}.attn_q"): False,
    # `wqkv`, `wo` and the feed-forward weights are variables that choose between the two experts.
    ("cogvlm", "blk.{layer}.attn_qkv"): True, ("cogvlm", "blk.{layer}.attn_output"): True,
    ("cogvlm", "blk.{layer}.ffn_gate"): True, ("cogvlm", "blk.{layer}.ffn_up"): True,
    ("lfm2", "blk.{layer}.shortconv.in_proj"): True, ("lfm2", "blk.{layer}.shortconv.out_proj"): True,
    ("lfm2moe", "blk.{layer}.shortconv.in_proj"): True, ("lfm2moe", "blk.{layer}.shortconv.out_proj"): True,
    ("cogvlm", "blk.{layer}.ffn_down"): True, ("cogvlm", "blk.{layer}.vis_attn_qkv"): True,
    ("cogvlm", "blk.{layer}.vis_attn_output"): True, ("cogvlm", "blk.{layer}.vis_gate"): True,
    ("cogvlm", "blk.{layer}.vis_up"): True, ("cogvlm", "blk.{layer}.vis_down"): True,
}


def verdicts():
    """(architecture, tensor) → whether the graph applies LoRA; missing if that isn't clear."""
    result = {}
    for name, (yes, no, _) in applied().items():
        result.update({(name, t): True for t in yes})
        result.update({(name, t): False for t in no})
    result.update(BY_HAND)
    return result


def applied():
    """Architecture's name → (applied, never applied, unclear)."""
    architectures, _ = names()
    result = {}
    for key, name in architectures.items():
        calls = judge(key)
        if not calls:
            continue
        yes, no, unclear = [], [], {}
        for tensor, used in sorted(calls.items()):
            if any(APPLYING.match(c) for c in used):
                yes.append(tensor)
            elif any(c in ("ggml_mul_mat", "ggml_mul_mat_id", "ggml_get_rows", "build_mm") or c.startswith("plain argument") for c in used):
                no.append(tensor)
            else:
                unclear[tensor] = sorted(used)
        result[name] = (yes, no, unclear)
    return result


if __name__ == "__main__":
    for name, (yes, no, unclear) in applied().items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        print(name, "NEVER", no, "UNCLEAR", unclear)
