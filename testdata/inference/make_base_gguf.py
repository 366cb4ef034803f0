"""Write the tiny base models as GGUF, by llama.cpp's converter classes: <case>/base.gguf for some, <case>/base-header.gguf for the others.

usage: make_base_gguf.py --llama-cpp LLAMA_CPP_SOURCES [case …]       (after make_fixtures.py; without cases, all)

A header file is the GGUF up to its first weight's data; base-gguf.json says how long the whole file is, so that a test can extend it.
"""
import hashlib
import json
import os
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

import gguf

HERE = Path(__file__).resolve().parent
WHOLE = ["qwen2", "gpt-oss-mxfp4"]


def convert(llama_cpp, base, out, is_quiet=False):
    """One conversion in a child process, with the converter's own gguf-py. No vocabulary: these models have none."""
    pid = os.fork()
    if pid == 0:
        try:
            if is_quiet:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            for name in [m for m in sys.modules if m == "gguf" or m.startswith("gguf.")]:
                del sys.modules[name]
            sys.path[:0] = [str(llama_cpp), str(llama_cpp / "gguf-py")]
            import gguf as own
            import torch
            from conversion import ModelBase, ModelType, get_model_architecture, get_model_class
            hparams = ModelBase.load_hparams(base, False)
            if hparams["model_type"] == "granitemoehybrid":  # transformers 5 renames the layer type that the converter knows
                hparams["layer_types"] = [{"full_attention": "attention", "linear_attention": "mamba"}.get(t, t) for t in hparams["layer_types"]]
            if hparams["model_type"] == "cohere2":  # which transformers 5 leaves out
                hparams.setdefault("rotary_pct", 1.0)
            if hparams["model_type"] == "nemotron_h":  # to which transformers 5 adds fields of experts
                hparams = json.loads((base / "config.json").read_text())
            cls = get_model_class(get_model_architecture(hparams, ModelType.TEXT))
            from conversion.llama import LlamaModel
            cls.no_mtp = True  # these models have no layers that predict more tokens

            def no_vocabulary(self):
                self._set_vocab_none()
                if not isinstance(self, LlamaModel):  # which writes it itself; llama.cpp needs it where there are no tokens
                    self.gguf_writer.add_vocab_size(hparams["vocab_size"])
            getattr(cls, "Ministral3Model", cls).set_vocab = no_vocabulary  # Mistral3Model writes by that one
            with torch.inference_mode():
                cls(base, own.LlamaFileType.ALL_F32, out, hparams=hparams).write()
            os._exit(0)
        except BaseException:  # noqa: BLE001
            if not is_quiet:
                traceback.print_exc()
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def main():
    arguments = sys.argv[1:]
    at = arguments.index("--llama-cpp")
    llama_cpp, chosen = Path(arguments[at + 1]).resolve(), arguments[:at] + arguments[at + 2:]
    index = json.loads((HERE / "base-gguf.json").read_text()) if chosen else {}
    for directory in sorted(p for p in HERE.iterdir() if (p / "base").is_dir()):
        if chosen and directory.name not in chosen:
            continue
        for old in directory.glob("base*.gguf"):
            old.unlink()
        with tempfile.TemporaryDirectory() as tmp:
            base, out = Path(tmp) / directory.name, Path(tmp) / "base.gguf"
            shutil.copytree(directory / "base", base)
            vocab = json.loads((base / "config.json").read_text())["vocab_size"]
            # Gemma 3's class counts the tokenizer's entries
            (base / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {f"t{i}": i for i in range(vocab)}}, "added_tokens": []}))
            if not convert(llama_cpp, base, out):
                print(directory.name, "FAILED")
                continue
            data = out.read_bytes()
            reader = gguf.GGUFReader(out)
            whole = directory.name in WHOLE
            end = len(data) if whole else min(t.data_offset for t in reader.tensors if not t.name.startswith("rope_"))
            (directory / ("base.gguf" if whole else "base-header.gguf")).write_bytes(data[:end])
            values = {k: f.contents() for k, f in reader.fields.items() if not k.startswith(("GGUF.", "tokenizer."))}
            index[directory.name] = {"whole": whole, "file_byte_count": len(data), "file_sha256": hashlib.sha256(data).hexdigest()}
            print(directory.name, len(data), {k: v for k, v in values.items() if not k.startswith("general.")})
    (HERE / "base-gguf.json").write_text(json.dumps(dict(sorted(index.items()))).replace('{"whole"', '\n{"whole"') + "\n")


if __name__ == "__main__":
    main()
