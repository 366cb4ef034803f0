"""Run llama.cpp's convert_lora_to_gguf.py and describe what it wrote. Needs a llama.cpp source tree (never committed)."""
import hashlib
import json
import os
import runpy
import sys
import traceback
from pathlib import Path

import gguf

OUTTYPES = ("f32", "f16", "bf16", "q8_0", "auto")


def convert_all(llama_cpp, adapter, base, out, raw_config=False):
    """Convert with every outtype in one forked child; returns {outtype: None | "crashes: reason"}, files in out/<outtype>.gguf.

    raw_config: hand the converter config.json as it is, because transformers 5 rewrites `layer_types`.
    """
    status = Path(out) / "status.json"
    pid = os.fork()
    if pid == 0:
        log = os.open(Path(out) / "log.txt", os.O_CREAT | os.O_WRONLY, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        result = {}
        try:
            # the converter must see its own gguf-py, not the installed one
            for name in [m for m in sys.modules if m == "gguf" or m.startswith("gguf.")]:
                del sys.modules[name]
            sys.path.insert(0, str(llama_cpp))
            sys.path.insert(0, str(llama_cpp / "gguf-py"))
            if raw_config:
                from conversion import ModelBase
                ModelBase.load_hparams = staticmethod(lambda d, *_a, **_k: json.loads((Path(d) / "config.json").read_text()))
            for outtype in OUTTYPES:
                sys.argv = ["convert_lora_to_gguf.py", str(adapter), "--base", str(base), "--outtype", outtype,
                            "--outfile", str(Path(out) / f"{outtype}.gguf")]
                try:
                    runpy.run_path(str(llama_cpp / "convert_lora_to_gguf.py"), run_name="__main__")
                    result[outtype] = None
                except BaseException as e:  # noqa: BLE001 - a crash is a finding, SystemExit too
                    traceback.print_exc()
                    result[outtype] = f"crashes: {type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}".strip()
        finally:
            status.write_text(json.dumps(result))
            os._exit(0)
    os.waitpid(pid, 0)
    return json.loads(status.read_text())


def _plain(value):
    return value.tolist() if hasattr(value, "tolist") else value


def describe(path):
    """Every key, type and value, every tensor with type, `ne` and SHA-256 of its bytes, as the PyPI `gguf` package reads them."""
    reader = gguf.GGUFReader(path)
    metadata = []
    for key, field in reader.fields.items():
        if key.startswith("GGUF."):
            continue
        entry = {"key": key, "type": field.types[0].name, "value": _plain(field.contents())}
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            entry["element"] = field.types[-1].name
        metadata.append(entry)
    tensors = [{"name": t.name, "type": t.tensor_type.name, "ne": [int(d) for d in t.shape],
                "sha256": hashlib.sha256(t.data.tobytes()).hexdigest()} for t in reader.tensors]
    data = Path(path).read_bytes()
    return {"file_byte_count": len(data), "file_sha256": hashlib.sha256(data).hexdigest(),
            "metadata": metadata, "tensors": tensors}


def lora_pairs(path):
    """{GGUF base tensor name: (A, B)} as float32 arrays of an f32 file."""
    pairs = {}
    for t in gguf.GGUFReader(path).tensors:
        stem, _, part = t.name.rpartition(".lora_")
        if stem:
            pairs.setdefault(stem, {})[part] = t.data.reshape([int(d) for d in reversed(t.shape)])
    return {k: (v["a"], v["b"]) for k, v in pairs.items()}


def alpha(path):
    return float(gguf.GGUFReader(path).fields["adapter.lora.alpha"].contents())
