#!/usr/bin/env python3
"""Writes a synthetic model as GGUF: the shape of a published one, and random weights. For measuring speed, not for answers.

    make_models.py SHAPE TYPE OUTPUT.gguf [--layers N] [--adapter ADAPTER.gguf]

SHAPE: llama-1b, llama-3b, llama-8b, moe-1b (8 of 64 experts), gpt-oss-1b (4 of 32, in MXFP4 whatever the type),
hybrid-3b (granite-4.0-h-micro: Mamba 2, one layer in ten attends).
TYPE: f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q2_k to q6_k, iq4_nl, iq4_xs, iq1_s to iq3_s, tq1_0, tq2_0, mxfp4, nvfp4.
--adapter also writes an aLoRA for the model: rank 32, on q, k and v, with a small random update.
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
    "moe-1b": dict(architecture="qwen3moe", hidden=1024, layers=12, heads=16, kv_heads=4, head=64, ffn=2048, vocabulary=32000,
                   experts=64, used=8, expert_ffn=512),
    "gpt-oss-1b": dict(architecture="gpt-oss", hidden=1024, layers=10, heads=16, kv_heads=2, head=64, ffn=1024, vocabulary=32000,
                       experts=32, used=4, expert_ffn=1024, window=128),
    "hybrid-3b": dict(architecture="granitehybrid", hidden=2048, layers=40, heads=32, kv_heads=8, head=64, ffn=8192,
                      vocabulary=100352, ssm=dict(heads=64, head=64, states=128, kernel=4)),
}
RANK = 32
INVOCATION = [11, 12, 13, 14]
# Where a block has a 16-bit scale, and how large it has to be for weights of about 0.02.
SCALES = {
    "q8_0": {0: 0.02 / 74}, "q4_0": {0: 0.02 / 4.6}, "q4_1": {0: 0.02 / 4.6, 2: -0.035}, "q5_0": {0: 0.02 / 9.2},
    "q5_1": {0: 0.02 / 9.2, 2: -0.035}, "q4_k": {0: 0.02 / 150, 2: 0.02 / 40}, "q5_k": {0: 0.02 / 300, 2: 0.02 / 40},
    "q6_k": {208: 0.02 / 1300}, "q2_k": {80: 0.02 / 12, 82: 0.02 / 8}, "q3_k": {108: 0.02 / 40}, "iq4_nl": {0: 0.02 / 70},
    "iq4_xs": {0: 0.02 / 1300}, "iq2_xxs": {0: 0.02 / 60}, "iq2_xs": {0: 0.02 / 60}, "iq2_s": {0: 0.02 / 60},
    "iq3_xxs": {0: 0.02 / 110}, "iq3_s": {0: 0.02 / 140}, "iq1_s": {0: 0.02 / 8}, "iq1_m": {}, "tq1_0": {52: 0.02}, "tq2_0": {64: 0.02},
    "mxfp4": {}, "nvfp4": {},
}


class Writer:
    def __init__(self, path, shape, kind, seed=1):
        self.shape = shape
        self.type = gguf.GGMLQuantizationType[kind.upper()]
        self.random = numpy.random.default_rng(seed)
        self.file = gguf.GGUFWriter(path, shape["architecture"])
        self.tensors = []

    def add(self, name, *shape, plain=None, kind=None):
        """A matrix by rows; with `plain`, F32 numbers around it."""
        kind = gguf.GGMLQuantizationType.F32 if plain is not None else gguf.GGMLQuantizationType[kind.upper()] if kind else self.type
        block, size = gguf.GGML_QUANT_SIZES[kind]
        assert shape[-1] % block == 0, (name, shape)
        stored = (*shape[:-1], shape[-1] // block * size)
        count = int(numpy.prod(stored))
        quantized = kind not in (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16)
        dtype = numpy.uint8 if quantized else numpy.float32 if kind == gguf.GGMLQuantizationType.F32 else numpy.float16
        self.file.add_tensor_info(name, stored if quantized else shape, numpy.dtype(dtype), count, kind if quantized else None)
        self.tensors.append((shape, kind, plain))

    def data(self, shape, kind, plain):
        if plain is not None:
            return self.random.standard_normal(shape, numpy.float32) * numpy.float32(0.02) + numpy.float32(plain)
        if kind == gguf.GGMLQuantizationType.F32:
            return self.random.standard_normal(shape, numpy.float32) * numpy.float32(0.02)
        if kind in (gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.BF16):
            values = self.random.standard_normal(shape, numpy.float32) * numpy.float32(0.02)
            if kind == gguf.GGMLQuantizationType.F16:
                return values.astype(numpy.float16)
            return (values.view(numpy.uint32) >> 16).astype(numpy.uint16).view(numpy.uint8)
        block, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = self.random.integers(0, 256, (int(numpy.prod(shape)) // block, size), numpy.uint8)
        # With either sign, so that weights have a mean of zero: otherwise scores grow until most of the softmax is subnormal.
        signs = 1 - 2 * self.random.integers(0, 2, (len(blocks), 1), numpy.int8).astype(numpy.float16)
        for place, scale in SCALES[kind.name.lower()].items():
            blocks[:, place:place + 2] = (signs * numpy.float16(scale)).view(numpy.uint8)
        if kind == gguf.GGMLQuantizationType.Q6_K:
            blocks[:, 192:208] = self.random.integers(20, 40, (len(blocks), 16), numpy.uint8)
        if kind == gguf.GGMLQuantizationType.MXFP4:
            blocks[:, 0] = 127 - 7
        if kind == gguf.GGMLQuantizationType.NVFP4:
            blocks[:, :4] = self.random.integers(0, 8, (len(blocks), 4), numpy.uint8)  # E4M3 numbers below 2^-6
        if kind == gguf.GGMLQuantizationType.IQ1_M:  # the scale is in the highest four bits of four 16-bit words
            bits = int(numpy.float16(0.02 / 8).view(numpy.uint16))
            for i in range(4):
                blocks[:, 49 + 2 * i] = blocks[:, 49 + 2 * i] & 15 | (bits >> 4 * i & 15) << 4
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
    file.add_head_count_kv([shape["kv_heads"] if attends(shape, layer) else 0 for layer in range(layers)]
                           if "ssm" in shape else shape["kv_heads"])
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


    if "window" in shape:
        file.add_sliding_window(shape["window"])
        file.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        file.add_rope_scaling_factor(8.0)
        file.add_rope_scaling_orig_ctx_len(4096)
    if "ssm" in shape:
        ssm = shape["ssm"]
        file.add_ssm_conv_kernel(ssm["kernel"])
        file.add_ssm_state_size(ssm["states"])
        file.add_ssm_group_count(1)
        file.add_ssm_inner_size(ssm["heads"] * ssm["head"])
        file.add_ssm_time_step_rank(ssm["heads"])
        file.add_expert_shared_feed_forward_length(shape["ffn"])
        file.add_rope_scaling_finetuned(False)
        file.add_attention_scale(1 / shape["head"])
        file.add_embedding_scale(12.0)
        file.add_residual_scale(0.22)
        file.add_logit_scale(8.0)


def attends(shape, layer):
    """Whether a layer has attention; in a hybrid, one in ten."""
    return "ssm" not in shape or layer % 10 == 5


def tensors(writer, shape, layers):
    hidden = shape["hidden"]
    writer.add("token_embd.weight", shape["vocabulary"], hidden)
    for layer in range(layers):
        prefix = f"blk.{layer}"
        writer.add(f"{prefix}.attn_norm.weight", hidden, plain=1)
        (attention if attends(shape, layer) else mamba)(writer, shape, prefix)
        norm = "post_attention_norm" if shape["architecture"] == "gpt-oss" else "ffn_norm"
        writer.add(f"{prefix}.{norm}.weight", hidden, plain=1)
        (experts if "experts" in shape else feed_forward)(writer, shape, prefix)
    writer.add("output_norm.weight", hidden, plain=1)
    if shape["architecture"] == "gpt-oss":
        writer.add("output.weight", shape["vocabulary"], hidden)


def attention(writer, shape, prefix):
    hidden, head, heads, kv_heads = (shape[name] for name in ("hidden", "head", "heads", "kv_heads"))
    extents = {"attn_q": (heads * head, hidden), "attn_k": (kv_heads * head, hidden), "attn_v": (kv_heads * head, hidden),
               "attn_output": (hidden, heads * head)}
    for name, (rows, columns) in extents.items():
        writer.add(f"{prefix}.{name}.weight", rows, columns)
        if shape["architecture"] == "gpt-oss":
            writer.add(f"{prefix}.{name}.bias", rows, plain=0)
    if shape["architecture"] == "gpt-oss":
        writer.add(f"{prefix}.attn_sinks.weight", heads, plain=0)
    if shape["architecture"] == "qwen3moe":
        writer.add(f"{prefix}.attn_q_norm.weight", head, plain=1)
        writer.add(f"{prefix}.attn_k_norm.weight", head, plain=1)


def mamba(writer, shape, prefix):
    ssm, hidden = shape["ssm"], shape["hidden"]
    inner, mixed = ssm["heads"] * ssm["head"], ssm["heads"] * ssm["head"] + 2 * ssm["states"]
    writer.add(f"{prefix}.ssm_in.weight", inner + mixed + ssm["heads"], hidden)
    writer.add(f"{prefix}.ssm_conv1d.weight", mixed, ssm["kernel"], plain=0.2)
    writer.add(f"{prefix}.ssm_conv1d.bias", mixed, plain=0)
    writer.add(f"{prefix}.ssm_dt.bias", ssm["heads"], plain=-2)
    writer.add(f"{prefix}.ssm_a", ssm["heads"], 1, plain=-1.5)
    writer.add(f"{prefix}.ssm_d", ssm["heads"], 1, plain=1)
    writer.add(f"{prefix}.ssm_norm.weight", 1, inner, plain=1)
    writer.add(f"{prefix}.ssm_out.weight", hidden, inner)


def feed_forward(writer, shape, prefix):
    for name in ("gate", "up"):
        writer.add(f"{prefix}.ffn_{name}.weight", shape["ffn"], shape["hidden"])
    writer.add(f"{prefix}.ffn_down.weight", shape["hidden"], shape["ffn"])


def experts(writer, shape, prefix):
    count, hidden, inner = shape["experts"], shape["hidden"], shape["expert_ffn"]
    is_gpt_oss = shape["architecture"] == "gpt-oss"
    writer.add(f"{prefix}.ffn_gate_inp.weight", count, hidden, plain=0)
    if is_gpt_oss:
        writer.add(f"{prefix}.ffn_gate_inp.bias", count, plain=0)
    for name, rows, columns in (("gate", inner, hidden), ("up", inner, hidden), ("down", hidden, inner)):
        writer.add(f"{prefix}.ffn_{name}_exps.weight", count, rows, columns, kind="mxfp4" if is_gpt_oss else None)
        if is_gpt_oss:
            writer.add(f"{prefix}.ffn_{name}_exps.bias", count, rows, plain=0)


def write_adapter(path, shape, layers):
    """An aLoRA of the model's q, k and v."""
    random = numpy.random.default_rng(2)
    file = gguf.GGUFWriter(path, shape["architecture"])
    file.add_type("adapter")
    file.add_string("adapter.type", "lora")
    file.add_float32("adapter.lora.alpha", 2.0 * RANK)
    file.add_key_value("adapter.alora.invocation_tokens", INVOCATION, gguf.GGUFValueType.ARRAY, gguf.GGUFValueType.UINT32)
    hidden, head = shape["hidden"], shape["head"]
    for layer in (layer for layer in range(layers) if attends(shape, layer)):
        for name, heads in (("attn_q", shape["heads"]), ("attn_k", shape["kv_heads"]), ("attn_v", shape["kv_heads"])):
            for factor, extents in (("lora_a", (RANK, hidden)), ("lora_b", (heads * head, RANK))):
                values = random.standard_normal(extents, numpy.float32) * numpy.float32(0.02)
                file.add_tensor(f"blk.{layer}.{name}.weight.{factor}", values)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("type", choices=["f32", "f16", "bf16", *SCALES])
    parser.add_argument("output")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--adapter")
    options = parser.parse_args()
    shape = SHAPES[options.shape]
    layers = options.layers or shape["layers"]
    writer = Writer(options.output, shape, options.type)
    describe(writer, shape, layers)
    tensors(writer, shape, layers)
    writer.write()
    if options.adapter:
        write_adapter(options.adapter, shape, layers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
