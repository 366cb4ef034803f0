"""What the fuzzer starts from: inputs for each target, from testdata/ and made here, and words that occur in them."""

import gzip
import io
import json
import math
import random
import re
import struct
import zipfile

from fuzz_switches import checkpoints, switches
from shared import DATA

SEPARATOR = b"\n=-=-=\n"
# io.yaml files whose paths go through each form of schema.
INTRINSICS = [
    f"""model: ~
response_format: '{schema}'
transformations:
  - {{type: likelihood, input_path: {path}, categories_to_values: {{a: 1.0, 'b': 0.5, yes: 0, 3: 1}}}}
  - {{type: nest, input_path: [], field_name: x}}
instruction: "{{last_message}} {{{{}}}}"
parameters: {{temperature: 0.0}}
sentence_boundaries: {{documents: c}}
docs_as_message: json
"""
    for schema, path in [
        ('{"type":"object","properties":{"l":{"enum":["a","b"]}},"required":["l"]}', "[l]"),
        ('{"type":"array","items":{"$ref":"#/$defs/v"},"$defs":{"v":{"type":"boolean"}}}', "[~]"),
        ('{"type":"array","prefixItems":[{"const":"a"},{"enum":[3]}],"items":false,"minItems":2}', "[1]"),
        ('{"anyOf":[{"type":"string"},{"type":"object","properties":{"l":{"type":"integer"}}}]}', "[]"),
        ('{"type":"object","additionalProperties":{"type":"array","items":{"enum":["a"]}}}', "[k, 0]"),
    ]
] + ["model: *x\n", "a: [[[[[[[[[[[[[[[[[[", "response_format: {type: object}\ntransformations: 3\nname: ~\n"]
TEXT = "Ein <s> text, 12345 \u00e9\u4e2d ab ab\u0301\u0308".encode()


def files(*patterns):
    return [path for pattern in patterns for path in sorted(DATA.glob(pattern))]


def seeds(target):
    """Inputs that are read to their end, or nearly."""
    def parts(*paths):
        return SEPARATOR.join(path.read_bytes() if path.exists() else b"" for path in paths)

    if target == "golden":
        return [golden(p) for p in files("inference/*/golden.npz")[:6]] + [golden(p, kind="<f2") for p in files("inference/*/golden.npz")[:2]]
    if target == "cache":
        return caches()
    if target == "response":
        return responses()
    if target == "script":
        return [b'{"prompt":"a b"}\n{"prompt":"c","adapter":"x","limit":3,"seed":7,"role":"user","reset":true}\n',
                b'[{"prompt":"a","fork":true},{"prompt":"b","adapter":null}]\n\n{"prompt":"\xc3\xa9"}\r\n', b'{"prompt":""}']
    if target == "card":
        return [p.read_bytes() for p in files("**/README.md")] + cards()
    if target == "pattern":
        return [pattern.encode() + SEPARATOR + TEXT for pattern in patterns()]
    if target == "intrinsic":
        return [text.encode() for text in INTRINSICS]
    if target == "schema":
        cases = json.loads((DATA / "schemas/cases.json").read_text())["cases"]
        return [json.dumps(case["schema"]).encode() + SEPARATOR + bytes(range(3, 60, 7)) for case in cases]
    if target == "request":
        return requests()
    if target == "graph":
        return [p.read_bytes() for p in files("**/config.json")]
    if target == "json":
        return [p.read_bytes() for p in files("**/adapter_config.json", "**/config.json", "**/*.index.json")]
    if target == "gguf":
        return [tiny_model(), tiny_model(types=(2, 3, 6, 7, 20)), tiny_adapter()] + [p.read_bytes() for p in files("**/*.gguf")]
    if target == "engine":
        return [SEPARATOR.join([tiny_model(types=types, scale=scale), tiny_adapter(alpha)])
                for types, scale, alpha in [((8,), 0.01, 4), ((2, 3, 6, 7, 20), 0.01, -1), ((0, 1, 30), 1, 0), ((8, 2), math.nan, math.inf)]]
    if target == "merge":
        return merges()
    if target == "composed":
        return [SEPARATOR.join(files) for files in checkpoints()]
    if target == "graniteswitch":
        return switches(gguf)
    if target == "prompts":
        return [b'{"text":"a b"}\n{"prompt":"c","id":"x"}\n\n{"tokens":[1,2,3],"id":7}\r\n{"messages":[{"role":"user","content":"a"}]}\n', b'{"tokens":[]}']
    if target == "baseline":
        digests = {name: ["0123456789abcdef"] * 2 for name in ("base", "adapted", "base_cache", "adapted_cache")}
        return [json.dumps({"alora_baseline": 1, "exactness_version": version, "model_sha256": "a" * 64, "adapter_sha256": "b" * 64,
                            "cases": [{"name": "first", "tokens": [1, 2], **digests}] * count}).encode() for version in (1, 2, 3) for count in (0, 1, 3)]
    if target == "safetensors":
        return [p.read_bytes() for p in files("safetensors/*.safetensors", "inference/*/adapter/*.safetensors")]
    if target == "npz":
        return [p.read_bytes() for p in files("**/*.npz", "**/*.npy")]
    if target == "shards":
        found = [parts(p, *sorted(p.parent.glob("*.safetensors"))[:2]) for p in files("**/*.index.json")]
        return [re.sub(rb"model-0000(\d)-of-0000\d\.safetensors", rb"model-\1.safetensors", seed) for seed in found]
    if target == "adapter":
        return [parts(p, p.parent / "adapter_model.safetensors", p.parent / "README.md") for p in files("**/adapter_config.json")]
    if target == "tokenizer":
        return [p.read_bytes() + SEPARATOR + TEXT for p in files("**/tokenizer.json")]
    if target == "template":
        messages = json.dumps([{"role": "system", "content": "be"}, {"role": "user", "content": "a"},
                               {"role": "assistant", "content": "b", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]},
                               {"role": "user", "content": [{"type": "text", "text": "c"}]}]).encode()
        found = [p.read_bytes() for p in files("**/*.jinja")]
        for path in files("tokenizers/**/*.json"):
            try:
                value = json.loads(path.read_bytes())
            except ValueError:
                continue
            texts = templates(value)
            found += [text.encode() for text in texts]
        return [template + SEPARATOR + messages for template in dict.fromkeys(found)]
    if target == "convert":
        found = []
        for case in files("conversion/cases/*/adapter_config.json", "conversion/cases/*/adapter/adapter_config.json"):
            config = case.parent / "adapter_model.safetensors"
            for base in files("conversion/bases/*/config.json"):
                found.append(parts(case, config, base, case.parent / "README.md"))
        for adapter in files("inference/*/adapter/adapter_config.json"):
            base = adapter.parent.parent / "base" / "config.json"
            found.append(parts(adapter, adapter.parent / "adapter_model.safetensors", base))
        return found
    assert target == "model"
    return [tiny_checkpoint()] + [parts(p, p.parent / "model.safetensors") for p in files("inference/*/base/config.json")]


def array(values, kind="<f4", shape=None):
    """An .npy: a flat list of numbers, with a shape."""
    shape = shape or (len(values),)
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape!r}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    letter = {"<f4": "f", "<f2": "e", "<i8": "q", "<f8": "d"}[kind]
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode() + struct.pack(f"<{len(values)}{letter}", *values)


def golden(path, kind="<f4"):
    """A golden file of two short cases; which, the path's digest says."""
    rng = random.Random(str(path.relative_to(DATA)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        for case in range(2):
            count = rng.randint(1, 4)
            rows = [rng.uniform(-9, 9) for _ in range(count * 8)]
            archive.writestr(f"tokens_{case}.npy", array([rng.randrange(8) for _ in range(count)], "<i8"))
            archive.writestr(f"base_logits_{case}.npy", array(rows, kind, (count, 8)))
            archive.writestr(f"adapted_logits_{case}.npy", array(rows, kind, (count, 8)))
            if case:
                archive.writestr(f"positions_{case}.npy", array(list(range(count)), "<i8"))
                archive.writestr(f"activation_start_{case}.npy", array([rng.randint(-1, count)], "<i8", ()))
    return buffer.getvalue()


def gguf(keys, tensors):
    """A GGUF: keys with values, tensors as name: (dimensions, type, data)."""
    def text(value):
        return struct.pack("<Q", len(value.encode())) + value.encode()

    def value(item):
        if isinstance(item, list):
            kinds = {str: (8, text), int: (4, lambda n: struct.pack("<I", n)), float: (6, lambda n: struct.pack("<f", n))}
            kind, pack = kinds[type(item[0])]
            return struct.pack("<IIQ", 9, kind, len(item)) + b"".join(map(pack, item))
        if isinstance(item, str):
            return struct.pack("<I", 8) + text(item)
        return struct.pack("<If", 6, item) if isinstance(item, float) else struct.pack("<II", 4, item)

    header, data = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)), b""
    header += b"".join(text(key) + value(item) for key, item in keys.items())
    for name, (dimensions, kind, content) in tensors.items():
        header += text(name) + struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, kind, len(data))
        data += content + bytes(-len(content) % 32)
    return header + bytes(-len(header) % 32) + data


def tiny_model(types=(8,), scale=0.01):
    """A Llama of one layer that computes, with a vocabulary of eight: its matrices are of one type after the other."""
    rng, width = random.Random(8), 32
    half = struct.pack("<e", scale)
    blocks = {0: lambda: struct.pack("<32f", *[scale * rng.uniform(-1, 1) for _ in range(32)]), 1: lambda: half * 32,
              30: lambda: struct.pack("<f", scale)[2:] * 32, 2: lambda: half + rng.randbytes(16), 3: lambda: half * 2 + rng.randbytes(16),
              6: lambda: half + rng.randbytes(20), 7: lambda: half * 2 + rng.randbytes(20), 8: lambda: half + rng.randbytes(32),
              20: lambda: half + rng.randbytes(16)}
    shapes = {"token_embd": 8, "blk.0.attn_q": 32, "blk.0.attn_k": 16, "blk.0.attn_v": 16, "blk.0.attn_output": 32, "blk.0.ffn_gate": 32,
              "blk.0.ffn_up": 32, "blk.0.ffn_down": 32}
    tensors = {}
    for number, (name, rows) in enumerate(shapes.items()):
        kind = types[number % len(types)]
        tensors[f"{name}.weight"] = ((width, rows), kind, b"".join(blocks[kind]() for _ in range(rows)))
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        tensors[f"{name}.weight"] = ((width,), 0, struct.pack("<32f", *[1.0] * 32))
    keys = {"general.architecture": "llama", "llama.block_count": 1, "llama.context_length": 64, "llama.embedding_length": width,
            "llama.feed_forward_length": 32, "llama.attention.head_count": 2, "llama.attention.head_count_kv": 1,
            "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.dimension_count": 16, "llama.vocab_size": 8,
            "tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>", "\u2581", "a", "b", "\u2581a", "ab"],
            "tokenizer.ggml.scores": [0.0, 0.0, 0.0, -1.0, -2.0, -3.0, -0.5, -0.7], "tokenizer.ggml.token_type": [2, 3, 3, 1, 1, 1, 1, 1],
            "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2, "tokenizer.chat_template": "{{ messages[0].content }}"}
    return gguf(keys, tensors)


def tiny_checkpoint():
    """The same Llama as config.json and BF16 safetensors."""
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
              "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 8, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
              "hidden_act": "silu", "tie_word_embeddings": True}
    shapes = {"embed_tokens": [8, 32], "norm": [32], "layers.0.input_layernorm": [32], "layers.0.post_attention_layernorm": [32],
              "layers.0.self_attn.q_proj": [32, 32], "layers.0.self_attn.k_proj": [16, 32], "layers.0.self_attn.v_proj": [16, 32],
              "layers.0.self_attn.o_proj": [32, 32], "layers.0.mlp.gate_proj": [32, 32], "layers.0.mlp.up_proj": [32, 32], "layers.0.mlp.down_proj": [32, 32]}
    header, data = {}, b""
    for name, shape in shapes.items():
        content = struct.pack("<f", 0.5)[2:] * math.prod(shape)
        header[f"model.{name}.weight"] = {"dtype": "BF16", "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return json.dumps(config).encode() + SEPARATOR + struct.pack("<Q", len(text)) + text + data


def tiny_adapter(alpha=4):
    """An adapter for the tiny model."""
    pair = struct.pack("<64f", *[(n % 7 - 3) / 64 for n in range(64)])
    keys = {"general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora", "adapter.lora.alpha": float(alpha),
            "adapter.alora.invocation_tokens": [1, 4]}
    return gguf(keys, {"blk.0.attn_q.weight.lora_a": ((32, 2), 0, pair), "blk.0.attn_q.weight.lora_b": ((2, 32), 0, pair)})


def merges():
    """Bases with rows of 256 elements in each type that is written, and in one that isn't, and plain adapters of them."""
    types = {0: (1, 4), 1: (1, 2), 30: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84), 11: (256, 110), 12: (256, 144),
             13: (256, 176), 14: (256, 210), 16: (256, 66), 20: (32, 18), 23: (256, 136), 34: (256, 54), 35: (256, 66), 39: (32, 17)}
    keys = {"general.architecture": "llama", "llama.block_count": 1, "llama.context_length": 64, "llama.embedding_length": 256,
            "llama.feed_forward_length": 4, "llama.attention.head_count": 1, "llama.attention.head_count_kv": 1, "llama.attention.key_length": 4,
            "llama.attention.value_length": 4, "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.dimension_count": 4, "llama.vocab_size": 8}
    shapes = {"token_embd": 8, "blk.0.attn_q": 4, "blk.0.attn_k": 4, "blk.0.attn_v": 4, "blk.0.ffn_gate": 4, "blk.0.ffn_up": 4}
    adapter = {"general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora", "adapter.lora.alpha": 4.0}
    a, b = struct.pack("<256f", *[(n % 7 - 3) / 64 for n in range(256)]), struct.pack("<8f", *[n % 3 - 1.0 for n in range(8)])
    adapters = [gguf(adapter, {"blk.0.attn_q.weight.lora_a": ((256, 1), 0, a), "blk.0.attn_q.weight.lora_b": ((1, 4), 0, b[:16])}),
                gguf(adapter, {"token_embd.weight.lora_a": ((1, 8), 0, b), "token_embd.weight.lora_b": ((1, 256), 0, a)})]
    found = []
    for number, (kind, (elements, size)) in enumerate(types.items()):
        tensors = {}
        for name, rows in shapes.items():
            block = bytes((7 * n + number) % 60 for n in range(size))
            tensors[f"{name}.weight"] = ((256, rows), kind, block * (256 * rows // elements))
        for name in ("blk.0.attn_output", "blk.0.ffn_down"):
            tensors[f"{name}.weight"] = ((4, 256), 0, struct.pack("<1024f", *[0.5] * 1024))
        for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
            tensors[f"{name}.weight"] = ((256,), 0, struct.pack("<256f", *[1.0] * 256))
        parts = [gguf(keys, tensors), adapters[number % 2]]
        found += [SEPARATOR.join(parts), SEPARATOR.join([*parts, bytes([5 * number])])]
    return found


def caches():
    """Files of cached keys and values without versions and digests, which the target puts in."""
    config = json.loads((DATA / "inference" / "llama-output" / "base" / "config.json").read_text())
    layers, heads = config["num_hidden_layers"], config.get("num_key_value_heads", config["num_attention_heads"])
    size, found = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"], []
    for blocks in ([(0, 3, 0)], [(0, 32, 0), (1, 2, 0)], [(0, 32, 1), (1, 4, 1)]):
        data = b"ALORAKV\0" + bytes(56) + struct.pack("<Q", len(blocks))
        for parent, count, flag in blocks:
            data += struct.pack("<QQB32sQI", parent, 0, flag, bytes(32), 5 * flag, count) + struct.pack(f"<{count}I", *range(count))
            data += bytes(4 * layers * heads * count * 2 * size) + bytes(32)
        found.append(data)
    return found


def responses():
    """Answers of llama-server, vLLM, SGLang, FastAPI and Ollama, by length, in chunks, and up to the end."""
    bodies = [{"build_info": "b1", "model_path": "m.gguf", "total_slots": 1, "default_generation_settings": {"n_ctx": 512}},
              [{"id": 0, "path": "a.gguf", "scale": 1, "alora_invocation_tokens": [1, 2]}, {"id": 1, "path": "b"}],
              {"completion_probabilities": [{"id": 1, "top_logprobs": [{"id": 1, "logprob": -0.5}, {"id": 2, "logprob": -90}]}],
               "tokens_evaluated": 3, "timings": {"cache_n": 0}},
              {"choices": [{"logprobs": {"content": [{"top_logprobs": [{"id": 3, "logprob": -1e-4}]}]}}],
               "usage": {"prompt_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}},
              {"data": [{"id": "b", "root": "/m", "parent": None, "owned_by": "vllm", "max_model_len": 512},
                        {"id": "a", "parent": "b", "invocation": [1, 2]}, {"id": "c", "parent": "b", "invocation": None}]},
              {"choices": [{"logprobs": {"tokens": ["x"], "top_logprobs": [{"token_id:7": -0.5, " x": -1, "\ufffd": -90}]}}], "usage": None},
              {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}}, {"version": "0.1"}, {"detail": "no"},
              {"models": [{"name": "b:latest"}, {"name": "a:latest"}]},
              {"modelfile": "# FROM a\n\nFROM /blobs/b\nADAPTER /blobs/a\nTEMPLATE x\nADAPTER y"},
              {"response": "", "prompt_eval_count": 2,
               "logprobs": [{"token": "x", "logprob": -1, "top_logprobs": [{"token": " x", "logprob": -1}, {"token": "y", "logprob": -90}]}]},
              {"error": {"message": "no", "code": 500}}]
    found = []
    for body in map(json.dumps, bodies):
        found.append(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}")
        found.append(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{body[:5]}\r\n{len(body) - 5:x}\r\n{body[5:]}\r\n0\r\n\r\n")
        found.append(f"HTTP/1.0 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\nServer: x\r\n\r\n{body}")
    return [text.encode() for text in found]


def requests():
    """Bodies in the forms of OpenAI's API, vLLM, llama-server and Ollama."""
    messages = [{"role": "system", "content": "A"}, {"role": "user", "content": [{"type": "text", "text": "HJH"}]}]
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"], "additionalProperties": False}
    tool = {"type": "function", "function": {"name": "f", "description": "d", "parameters": schema}}
    sampling = {"temperature": 0.5, "top_p": 0.9, "top_k": 3, "min_p": 0.1, "seed": -1, "stop": ["a", "b"], "stop_token_ids": [1]}
    bodies = [
        {"model": "check", "messages": messages, "max_tokens": 3, "logprobs": True, "top_logprobs": 5, "n": 2, **sampling},
        {"model": "tiny:other", "messages": messages, "tools": [tool], "tool_choice": "auto", "documents": [{"doc_id": "1", "text": "t"}],
         "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema, "strict": True}}},
        {"messages": [*messages, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "1", "content": "x"}],
         "chat_template_kwargs": {"adapter_name": "check", "x": None}, "structured_outputs": {"json": schema}, "stream": True,
         "stream_options": {"include_usage": True}},
        {"prompt": ["a", [1, 2, 3]], "model": "plain", "logprobs": 2, "guided_json": json.dumps(schema), "echo": False, "best_of": 1},
        {"prompt": [1, "HJH", 2], "n_predict": -1, "lora": [{"id": 0, "scale": 0.5}, {"id": 1, "scale": 0}], "json_schema": schema,
         "n_probs": 3, "cache_prompt": True, "ignore_eos": True, **sampling},
        {"model": "check:latest", "messages": messages[:1], "format": "json", "options": {"num_predict": 2, **sampling}, "think": False},
        {"model": "tiny", "prompt": "a", "system": "b", "raw": True, "format": schema, "stream": False, "images": [], "template": ""},
        [{"id": 0, "scale": 1.0}, {"id": 2, "scale": 0}],
    ]
    return [json.dumps(body).encode() for body in bodies] + [b"{}", b"[]", b"null", b'{"model":"nobody","messages":[]}']


def cards():
    """Model cards' front matter of every kind that is known."""
    expected = json.loads((DATA / "modelcards" / "expected.json").read_text())
    return [card.encode() for card in strings(expected, lambda text: text.startswith("---"))]


def patterns():
    """Patterns of tokenizers and of adapters, and the operators that they seldom use."""
    found = []
    for path in files("tokenizers/**/tokenizer.json"):
        found += strings(json.loads(path.read_text()).get("pre_tokenizer"), lambda text: len(text) > 8)
    return list(dict.fromkeys(found))[:40] + [r"(?<a>\(\g<a>*\))", r"(a*)*b", r"(?~ab)", r"(?<=a|bc)\X\R", r"(?i:stra\u00dfe)\k<1>", r"[[a-z]&&[^b]]{2,5}+",
                                               r"(*FAIL)|(*MAX{3})a", r"(?>a+)(?(1)b|c)", r"\p{^Han}\P{L}\p{In_Basic_Latin}", r".*\.layers\.\d+"]


def strings(value, wanted):
    """The strings anywhere in a JSON value that are wanted."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for element in value for text in strings(element, wanted)]
    return [value] if isinstance(value, str) and wanted(value) else []


def archived(target):
    """The inputs that are committed under testdata/fuzz: a gzip file of lengths (u32) and inputs."""
    path, found, offset = DATA / "fuzz" / f"{target}.gz", [], 0
    data = gzip.decompress(path.read_bytes()) if path.exists() else b""
    while offset < len(data):
        count = int.from_bytes(data[offset:offset + 4], "little")
        found.append(data[offset + 4:offset + 4 + count])
        offset += 4 + count
    return found


def archive(inputs):
    return gzip.compress(b"".join(len(data).to_bytes(4, "little") + data for data in inputs), 9, mtime=0)


def templates(value):
    """Every chat template anywhere in a JSON value."""
    if isinstance(value, dict):
        own = [value["chat_template"]] if isinstance(value.get("chat_template"), str) else []
        return own + [text for member in value.values() for text in templates(member)]
    if isinstance(value, list):
        return [text for element in value for text in templates(element)]
    return [value] if isinstance(value, str) and "{%" in value and "%}" in value else []


def words(target):
    """A dictionary of what stands in the seeds' texts."""
    found = set()
    for path in files("**/adapter_config.json", "**/config.json", "inference/*/adapter/README.md"):
        found.update(re.findall(rb'"([A-Za-z_]{2,40})"', path.read_bytes()))
    if target == "template":
        found = set(re.findall(rb"[a-z_]{2,20}|\{%-?|-?%\}|\{\{|\}\}", b" ".join(seeds("template"))))
    if target == "request":
        found.update(re.findall(rb'"([$A-Za-z_]{2,30})"', b" ".join(requests() + seeds("schema"))))
    if target == "intrinsic":
        found = set(re.findall(rb"[$A-Za-z_]{2,22}", b" ".join(seeds("intrinsic"))))
    if target == "schema":
        found = set(re.findall(rb'"([$A-Za-z-]{2,20})"', b" ".join(seeds("schema"))))
    if target == "tokenizer":
        found = set()
        for path in files("tokenizers/cases/*/tokenizer.json"):
            found.update(re.findall(rb'"([A-Za-z_]{4,40})":', path.read_bytes()[:6000]))
    return sorted(found)[:600]
