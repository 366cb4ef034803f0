#!/usr/bin/env python3
"""Writes a synthetic model as GGUF: the shape of a published one, and random weights. For measuring speed, not for answers.

    make_models.py SHAPE TYPE OUTPUT.gguf [--layers N]

SHAPE: llama-1b, llama-3b, llama-8b, moe-1b. TYPE: f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k.
Needs gguf and numpy. Blocks are random bytes with scales that keep the weights small, so any engine computes with them.
"""
import argparse
import sys

import gguf
import numpy

SHAPES = {
    "llama-1b": dict(architecture="llama", hidden=2048, layers=16, heads=32, kv_heads=8, head=64, ffn=8192, vocabulary=32000),
    "llama-3b": dict(architecture="llama", hidden=3072, layers=28, heads=24, kv_heads=8, head=128, ffn=8192, vocabulary=128256),
    "llama-8b": dict(architecture="llama", hidden=4096, layers=32, heads=32, kv_heads=8, head=128, ffn=14336, vocabulary=128256),
    "moe-1b": dict(architecture="qwen3moe", hidden=1024, layers=16, heads=16, kv_heads=4, head=64, ffn=2048, vocabulary=32000,
                   experts=32, used=4, expert_ffn=768),
}
# Where a block has a 16-bit scale, and how large it has to be for weights of about 0.02.
SCALES = {
    "q8_0": {0: 0.02 / 74}, "q4_0": {0: 0.02 / 4.6}, "q4_1": {0: 0.02 / 4.6, 2: -0.035}, "q5_0": {0: 0.02 / 9.2},
    "q5_1": {0: 0.02 / 9.2, 2: -0.035}, "q4_k": {0: 0.02 / 150, 2: 0.02 / 40}, "q5_k": {0: 0.02 / 300, 2: 0.02 / 40},
    "q6_k": {208: 0.02 / 1300},
}


class Writer:
    def __init__(self, path, shape, kind, seed=1):
        self.shape, self.kind = shape, kind
        self.type = gguf.GGMLQuantizationType[kind.upper()]
        self.random = numpy.random.default_rng(seed)
        self.file = gguf.GGUFWriter(path, shape["architecture"])
        self.tensors = []

    def add(self, name, *shape, plain=False):
        """A matrix by rows, or a norm of ones."""
        kind = gguf.GGMLQuantizationType.F32 if plain else self.type
        block, size = gguf.GGML_QUANT_SIZES[kind]
        assert shape[-1] % block == 0, (name, shape)
        stored = (*shape[:-1], shape[-1] // block * size)
        count = int(numpy.prod(stored))
        quantized = kind not in (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16)
        dtype = numpy.uint8 if quantized else numpy.float32 if kind == gguf.GGMLQuantizationType.F32 else numpy.float16
        self.file.add_tensor_info(name, stored if quantized else shape, numpy.dtype(dtype), count, kind if quantized else None)
        self.tensors.append((shape, kind, plain))

    def data(self, shape, kind, plain):
        if plain:
            return numpy.ones(shape, numpy.float32)
        if kind == gguf.GGMLQuantizationType.F32:
            return self.random.standard_normal(shape, numpy.float32) * numpy.float32(0.02)
        if kind in (gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.BF16):
            values = self.random.standard_normal(shape, numpy.float32) * numpy.float32(0.02)
            if kind == gguf.GGMLQuantizationType.F16:
                return values.astype(numpy.float16)
            return (values.view(numpy.uint32) >> 16).astype(numpy.uint16).view(numpy.uint8)
        block, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = self.random.integers(0, 256, (int(numpy.prod(shape)) // block, size), numpy.uint8)
        for place, scale in SCALES[self.kind].items():
            blocks[:, place:place + 2] = numpy.array([scale], numpy.float16).view(numpy.uint8)
        if self.kind == "q6_k":
            blocks[:, 192:208] = self.random.integers(20, 40, (len(blocks), 16), numpy.uint8)
        return blocks.reshape(*shape[:-1], -1)

    def write(self):
        self.file.write_header_to_file()
        self.file.write_kv_data_to_file()
        self.file.write_ti_data_to_file()
        for tensor in self.tensors:
            self.file.write_tensor_data(self.data(*tensor))
        self.file.close()


def describe(writer, shape, layers):
    file = writer.file
    file.add_name(f"synthetic {shape['architecture']}")
    file.add_context_length(32768)
    file.add_embedding_length(shape["hidden"])
    file.add_block_count(layers)
    file.add_feed_forward_length(shape["ffn"])
    file.add_head_count(shape["heads"])
    file.add_head_count_kv(shape["kv_heads"])
    file.add_key_length(shape["head"])
    file.add_value_length(shape["head"])
    file.add_rope_dimension_count(shape["head"])
    file.add_rope_freq_base(500000.0)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_vocab_size(shape["vocabulary"])
    # Without a vocabulary: nothing is tokenized.
    file.add_tokenizer_model("none")
    if "experts" in shape:
        file.add_expert_count(shape["experts"])
        file.add_expert_used_count(shape["used"])
        file.add_expert_feed_forward_length(shape["expert_ffn"])


def tensors(writer, shape, layers):
    hidden, head = shape["hidden"], shape["head"]
    writer.add("token_embd.weight", shape["vocabulary"], hidden)
    for layer in range(layers):
        prefix = f"blk.{layer}"
        writer.add(f"{prefix}.attn_norm.weight", hidden, plain=True)
        writer.add(f"{prefix}.attn_q.weight", shape["heads"] * head, hidden)
        writer.add(f"{prefix}.attn_k.weight", shape["kv_heads"] * head, hidden)
        writer.add(f"{prefix}.attn_v.weight", shape["kv_heads"] * head, hidden)
        writer.add(f"{prefix}.attn_output.weight", hidden, shape["heads"] * head)
        writer.add(f"{prefix}.ffn_norm.weight", hidden, plain=True)
        if "experts" in shape:
            writer.add(f"{prefix}.attn_q_norm.weight", head, plain=True)
            writer.add(f"{prefix}.attn_k_norm.weight", head, plain=True)
            writer.add(f"{prefix}.ffn_gate_inp.weight", shape["experts"], hidden, plain=True)
            for name in ("gate", "up"):
                writer.add(f"{prefix}.ffn_{name}_exps.weight", shape["experts"], shape["expert_ffn"], hidden)
            writer.add(f"{prefix}.ffn_down_exps.weight", shape["experts"], hidden, shape["expert_ffn"])
        else:
            for name in ("gate", "up"):
                writer.add(f"{prefix}.ffn_{name}.weight", shape["ffn"], hidden)
            writer.add(f"{prefix}.ffn_down.weight", hidden, shape["ffn"])
    writer.add("output_norm.weight", hidden, plain=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("type", choices=["f32", "f16", "bf16", *SCALES])
    parser.add_argument("output")
    parser.add_argument("--layers", type=int)
    options = parser.parse_args()
    shape = SHAPES[options.shape]
    layers = options.layers or shape["layers"]
    writer = Writer(options.output, shape, options.type)
    describe(writer, shape, layers)
    tensors(writer, shape, layers)
    writer.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
