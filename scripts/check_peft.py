"""Loads what `alora convert --to peft` writes with PEFT itself, and compares its logits with those of the adapter it came from.

    python scripts/check_peft.py BINARY

For each base: PEFT makes an adapter of random factors on a tiny random model, alora converts it to GGUF and back, and PEFT
loads both. The logits must be equal, bit for bit, and the adapter must have an effect. Needs torch, transformers and peft 0.21.2.
"""
import pathlib
import subprocess
import sys
import tempfile
import warnings

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
COMMON = dict(hidden_size=64, num_attention_heads=4, num_key_value_heads=2, intermediate_size=96, num_hidden_layers=2, vocab_size=96)
EXPERTS = dict(moe_intermediate_size=48, num_experts=4, num_experts_per_tok=2)
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
MLP = ["gate_proj", "up_proj", "down_proj"]

# Name: configuration class, its fields, fields of LoraConfig.
CASES = {
    "llama aLoRA": ("LlamaConfig", {}, dict(target_modules=ATTENTION, alora_invocation_tokens=[5, 17])),
    "llama, all modules": ("LlamaConfig", {}, dict(target_modules=ATTENTION + MLP + ["lm_head"])),
    "llama, patterns": ("LlamaConfig", {}, dict(
        target_modules=ATTENTION, rank_pattern={"q_proj": 2, "layers.1.self_attn.o_proj": 6}, alpha_pattern={"v_proj": 3})),
    "llama, rslora": ("LlamaConfig", {}, dict(target_modules=ATTENTION, use_rslora=True)),
    "llama, one layer": ("LlamaConfig", {}, dict(target_modules=ATTENTION, layers_to_transform=[1])),
    "llama, embedding": ("LlamaConfig", {}, dict(target_modules=["embed_tokens", "q_proj"])),
    "phi3": ("Phi3Config", {"pad_token_id": 0}, dict(target_modules=["qkv_proj", "o_proj", "gate_up_proj", "down_proj"])),
    "qwen3": ("Qwen3Config", {"head_dim": 16}, dict(target_modules=ATTENTION + MLP)),
    "gpt2": ("GPT2Config", {"n_embd": 64, "n_head": 4, "n_layer": 2}, dict(target_modules=["c_attn", "c_proj", "c_fc"])),
    "qwen3 moe": ("Qwen3MoeConfig", {**EXPERTS, "head_dim": 16}, dict(
        target_modules=ATTENTION, target_parameters=["experts.gate_up_proj", "experts.down_proj"])),
    "qwen3 moe, by old names": ("Qwen3MoeConfig", {**EXPERTS, "head_dim": 16}, dict(target_modules=ATTENTION + MLP)),
    "qwen3 moe, down only": ("Qwen3MoeConfig", {**EXPERTS, "head_dim": 16}, dict(
        target_modules=["q_proj"], target_parameters=["experts.down_proj"])),
    "mixtral": ("MixtralConfig", {"num_local_experts": 4}, dict(
        target_modules=["q_proj"], target_parameters=["experts.gate_up_proj", "experts.down_proj"])),
    "gpt-oss": ("GptOssConfig", {"num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 16}, dict(
        target_modules=ATTENTION, target_parameters=["experts.gate_up_proj", "experts.down_proj"])),
    "llama 4": ("Llama4TextConfig", {"num_local_experts": 4, "head_dim": 16, "intermediate_size_mlp": 96,
                                     "interleave_moe_layer_step": 1}, dict(
        target_modules=["q_proj"], target_parameters=["feed_forward.experts.gate_up_proj", "feed_forward.experts.down_proj"])),
    "glm-4.5": ("Glm4MoeConfig", {"moe_intermediate_size": 48, "n_routed_experts": 4, "n_shared_experts": 1, "head_dim": 16,
                                  "first_k_dense_replace": 1, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1},
                dict(target_modules=ATTENTION + MLP)),
    "granite": ("GraniteConfig", {}, dict(target_modules=ATTENTION + MLP, alora_invocation_tokens=[5, 17])),
}


def logits(folder, base):
    torch.manual_seed(0)
    model = PeftModel.from_pretrained(base, str(folder)).eval()
    with torch.no_grad():
        return model(input_ids=torch.tensor([[3, 5, 17, 8, 9, 30]])).logits


def run(binary, name, work):
    class_name, fields, lora = CASES[name]
    torch.manual_seed(1)
    fields = fields if class_name == "GPT2Config" else {**COMMON, **fields}
    config = getattr(transformers, class_name)(**({"vocab_size": 96} | fields))
    make = lambda: (torch.manual_seed(1), transformers.AutoModelForCausalLM.from_config(config))[1].eval()
    base = make()
    config.architectures = [type(base).__name__]
    config.save_pretrained(work / "base")
    with torch.no_grad():
        plain = base(input_ids=torch.tensor([[3, 5, 17, 8, 9, 30]])).logits
    model = get_peft_model(make(), LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM", **lora))
    for key, parameter in model.named_parameters():
        if "lora_" in key:
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(work / "adapter")
    convert = [binary, "convert", "--base", str(work / "base"), "-q"]
    subprocess.run([*convert, str(work / "adapter"), "-o", str(work / "a.gguf")], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*convert, str(work / "a.gguf"), "--to", "peft", "-o", str(work / "back")], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*convert, str(work / "back"), "-o", str(work / "b.gguf")], check=True, stdout=subprocess.DEVNULL)
    assert (work / "a.gguf").read_bytes() == (work / "b.gguf").read_bytes(), "another GGUF"
    wanted, found = logits(work / "adapter", make()), logits(work / "back", make())
    effect, delta = (wanted - plain).abs().max().item(), (wanted - found).abs().max().item()
    # A scaling that one alpha can't express was folded into B, and B rounded once.
    limit = 1e-5 if "rslora" in name or "patterns" in name else 0
    print(f"{name:26} effect {effect:.3f}, difference {delta:.1e}", flush=True)
    return effect > 0.01 and delta <= limit * max(1, effect)


if __name__ == "__main__":
    failed = []
    for case in sys.argv[2:] or CASES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                ok = run(sys.argv[1], case, pathlib.Path(folder))
            except Exception as error:  # noqa: BLE001  every case is tried
                print(f"{case:26} {type(error).__name__}: {error}", flush=True)
                ok = False
        if not ok:
            failed.append(case)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)
