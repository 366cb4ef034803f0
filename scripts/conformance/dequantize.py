"""Writes a GGUF's weights as a Hugging Face directory in float32, with its tokenizer.

    dequantize.py MODEL.gguf DIRECTORY
"""

import pathlib
import sys

import torch
import transformers

source = pathlib.Path(sys.argv[1])
loaded = transformers.AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
# A model that was read from a GGUF refuses to be saved.
configuration = loaded.config
if hasattr(configuration, "quantization_config"):
    del configuration.quantization_config
model = transformers.AutoModelForCausalLM.from_config(configuration, dtype=torch.float32)
model.load_state_dict(loaded.state_dict())
model.save_pretrained(sys.argv[2])
transformers.AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(sys.argv[2])
