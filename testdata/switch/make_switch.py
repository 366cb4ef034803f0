#!/usr/bin/env python3
"""Writes a tiny checkpoint that granite-switch composes from three adapters, and the adapters.

    make_switch.py [DIRECTORY]

The composer multiplies B by lora_alpha / r of the whole configuration. `ranked` has use_rslora and `patterned` an alpha_pattern, so these two get another
scaling than PEFT gives them; `plain` gets the right one. Needs granite-switch 0.1.1, torch, transformers, peft and safetensors.
"""

import contextlib
import io
import json
import pathlib
import shutil
import sys
import tempfile

import peft
import safetensors.torch
import torch
import transformers
from granite_switch.composer.compose_utils import GraniteSwitchComposer

HERE = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
MODULES = ["q_proj", "v_proj", "o_proj", "up_proj"]
ADAPTERS = {
    "plain": {"r": 2, "lora_alpha": 6},
    "ranked": {"r": 4, "lora_alpha": 8, "use_rslora": True, "alora_invocation_tokens": [5, 6]},
    "patterned": {"r": 3, "lora_alpha": 6, "alpha_pattern": {"q_proj": 9}},
}


def main():
    torch.manual_seed(3)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        # The composer's configuration has Mamba's fields, whose defaults need a hidden size of 64.
        configuration = transformers.GraniteConfig(
            vocab_size=32, hidden_size=64, intermediate_size=32, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=64, tie_word_embeddings=True, dtype="bfloat16")
        model = transformers.AutoModelForCausalLM.from_config(configuration)
        model.to(torch.bfloat16).save_pretrained(f"{folder}/base")
        paths = []
        for name, options in ADAPTERS.items():
            base = transformers.AutoModelForCausalLM.from_pretrained(f"{folder}/base")
            adapted = peft.get_peft_model(base, peft.LoraConfig(target_modules=MODULES, task_type="CAUSAL_LM", **options))
            for parameter, value in adapted.named_parameters():
                if "lora_" in parameter:
                    value.data = torch.randn_like(value).mul(0.1).to(torch.bfloat16)
            paths.append(f"{folder}/{name}")
            adapted.save_pretrained(paths[-1])
        composed = GraniteSwitchComposer.from_base_and_adapters(
            f"{folder}/base", paths, adapter_token_ids=[29, 30, 31], adapter_substitute_token_ids=[7, 5, 8], adapter_names=list(ADAPTERS),
            torch_dtype=torch.bfloat16)
        composed.save_pretrained(f"{folder}/composed")
        for name in [*ADAPTERS, "composed"]:
            target = HERE / name
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            for file in ["config.json", "model.safetensors", "adapter_config.json", "adapter_model.safetensors"]:
                source = pathlib.Path(folder, name, file)
                if source.exists():
                    shutil.copy(source, target)
            if name == "composed":
                # The base's weights are left out: only the slots are read.
                weights = safetensors.torch.load_file(target / "model.safetensors")
                kept = {key: value.contiguous() for key, value in weights.items() if "lora_" in key}
                safetensors.torch.save_file(kept, target / "model.safetensors", metadata={"format": "pt"})
            configuration = target / "adapter_config.json"
            if configuration.exists():
                # The base's place on this machine.
                content = json.loads(configuration.read_text()) | {"base_model_name_or_path": "tiny"}
                configuration.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
