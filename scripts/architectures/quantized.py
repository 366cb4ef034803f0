"""The oracle of `alora merge` into quantized GGUFs: PEFT merges, ggml quantizes, and llama.cpp runs the result.

For each type, and for the mixture of Q4_K_M, a random llama with rows of 256 and 512 elements is quantized by ggml. PEFT merges a
random adapter into the decoded weights, in F32; llama.cpp's converter writes them, and ggml quantizes them. `alora merge` of the
quantized GGUF must have the same bytes. `xllamacpp` loads it; its log-probabilities must be nearer to those of PEFT's merged model
than the base's are. They differ from transformers' for the same decoded weights, because llama.cpp rounds activations to eight bits: by
at most three times as much as the base's do.

    LLAMA_CPP=… ALORA=…/alora python quantized.py [TYPE …]      needs torch, transformers, peft and xllamacpp
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import reference  # first: it finds llama.cpp's packages
import engine
import gguf
import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "differential"))
import compare_quantize  # noqa: E402

PARTS = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
WHOLE = {"model.embed_tokens.weight": "token_embd.weight", "lm_head.weight": "output.weight"}
LEAST_LIMIT = 5e-3


def mixture(kind):
    """The type of a tensor."""
    if kind != "Q4_K_M":
        return lambda name: kind
    return lambda name: "Q6_K" if any(part in name for part in ("attn_v", "ffn_down", "token_embd", "output.")) else "Q4_K"


def gguf_name(name):
    """The GGUF name of a matrix of transformers; None for others."""
    words = name.split(".")
    if len(words) == 6 and words[1] == "layers":
        return f"blk.{words[2]}.{PARTS[words[3] + '.' + words[4]]}.weight"
    return WHOLE.get(name)


def rewrite(path, output, change):
    """Copies a GGUF; `change` gives a tensor's data and type."""
    reader = gguf.GGUFReader(path)
    writer = gguf.GGUFWriter(output, reader.get_field("general.architecture").contents())
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        is_array = field.types[0] == gguf.GGUFValueType.ARRAY
        writer.add_key_value(field.name, field.contents(), field.types[0], field.types[-1] if is_array else None)
    for tensor in reader.tensors:
        data, kind = change(tensor)
        writer.add_tensor(tensor.name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tensors(path):
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


def check(kind, folder):
    import torch
    import xllamacpp
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    library = next(Path(xllamacpp.__file__).parent.glob("xllamacpp*.so"))
    ggml, type_of = compare_quantize.quantizer(library), mixture(kind)

    def quantized(name, values):
        chosen = type_of(name)
        blocks = ggml(chosen, values.reshape(-1))
        return blocks.reshape(values.shape[0], -1), gguf.GGMLQuantizationType[chosen]

    configuration = LlamaConfig(
        hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=engine.VOCABULARY, max_position_embeddings=256, tie_word_embeddings=False)
    model = LlamaForCausalLM(configuration).eval()
    tokens = torch.tensor([engine.PROMPT])

    def log_probabilities(model):
        with torch.no_grad():
            return torch.log_softmax(model(input_ids=tokens).logits[0, -1].float(), -1).numpy()

    with torch.no_grad():
        for index, (name, parameter) in enumerate(model.named_parameters()):
            parameter.copy_(torch.tensor(engine.weight(name, tuple(parameter.shape), index)))
    model.save_pretrained(folder / "original")
    reference.write_model("LlamaForCausalLM", folder / "original", folder / "original.gguf", vocabulary=engine.vocabulary)
    rewrite(folder / "original.gguf", folder / "base.gguf",
            lambda t: quantized(t.name, np.array(t.data)) if len(t.shape) > 1 else (np.array(t.data), t.tensor_type))
    # Rows are quantized one by one, so their order doesn't matter: transformers' weights decode to the GGUF's.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if found := gguf_name(name):
                parameter.copy_(torch.tensor(gguf.dequantize(*quantized(found, parameter.numpy()))))
    plain = log_probabilities(model)
    adapted = get_peft_model(model, LoraConfig(r=engine.RANK, lora_alpha=engine.ALPHA, target_modules=[name.split(".")[1] for name in PARTS]))
    with torch.no_grad():
        for index, (name, parameter) in enumerate(adapted.named_parameters()):
            if "lora_" in name:
                values = np.random.default_rng(1000 + index).standard_normal(tuple(parameter.shape)) * 0.08
                parameter.copy_(torch.tensor(values, dtype=torch.float32))
    adapted.save_pretrained(folder / "adapter")
    merged = adapted.merge_and_unload()
    wanted = log_probabilities(merged)
    merged.save_pretrained(folder / "merged")
    reference.write_model("LlamaForCausalLM", folder / "merged", folder / "merged.gguf", vocabulary=engine.vocabulary)
    run = subprocess.run(
        [os.environ["ALORA"], "merge", "--model", folder / "base.gguf", "--adapter", folder / "adapter", "--outfile", folder / "out.gguf", "--quiet"],
        capture_output=True, text=True)
    if run.returncode:
        return f"exit {run.returncode}: {run.stderr.strip()}"
    base, sums, found = (tensors(folder / f"{name}.gguf") for name in ("base", "merged", "out"))
    different = 0
    for name, tensor in found.items():
        is_adapted = any(f".{part}." in name for part in PARTS.values())
        expected = quantized(name, np.array(sums[name].data))[0] if is_adapted else base[name].data
        different += np.array(expected).tobytes() != np.array(tensor.data).tobytes()
    with torch.no_grad():
        for name, parameter in merged.named_parameters():
            if ".layers." in name and (found_name := gguf_name(name)):
                parameter.copy_(torch.tensor(gguf.dequantize(*quantized(found_name, parameter.numpy()))))
    rounded = log_probabilities(merged)
    own, own_plain = (engine.log_probabilities(folder / f"{name}.gguf", None) for name in ("out", "base"))

    def far(a, b):
        return float(np.abs(a - b).max())

    result = dict(effect=far(wanted, plain), rounding=far(wanted, rounded), base=far(own_plain, plain), merged=far(own, rounded))
    numbers = ", ".join(f"{name} {value:.2g}" for name, value in result.items())
    good = not different and result["merged"] <= max(LEAST_LIMIT, 3 * result["base"]) and far(own, wanted) < far(own_plain, wanted)
    return ("agrees" if good else "DIFFERS") + f": {len(found)} tensors, {different} differ; {numbers}"


def main():
    failed = False
    for kind in sys.argv[1:] or ["Q4_K_M", *compare_quantize.TYPES]:
        with tempfile.TemporaryDirectory() as folder:
            result = check(kind, Path(folder))
        print(f"{kind:7} {result}", flush=True)
        failed |= not result.startswith("agrees")
    sys.exit(failed)


if __name__ == "__main__":
    main()
