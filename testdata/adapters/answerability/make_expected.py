"""Make expected.json: what llama.cpp's converter makes of adapter-bf16, in the manifest format of ../../conversion/README.md.

usage: make_expected.py --llama-cpp LLAMA_CPP_SOURCES
"""
import json
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "conversion"), str(HERE.parents[1])]
import make_fixtures as conversion  # noqa: E402
import reference  # noqa: E402


def main():
    llama_cpp = Path(sys.argv[sys.argv.index("--llama-cpp") + 1]).resolve()
    os.chdir(HERE)
    manifest = {"format": 1, "case": "answerability", "base": "base-config", "architecture": "LlamaForCausalLM", "outtypes": {}}
    with tempfile.TemporaryDirectory() as tmp:
        status = reference.convert_all(llama_cpp, "adapter-bf16", "base-config", tmp)
        for outtype in reference.OUTTYPES:
            entry = {"reference": status[outtype] or "right"}
            if status[outtype] is None:
                entry.update(reference.describe(Path(tmp) / f"{outtype}.gguf"))
            manifest["outtypes"][outtype] = entry
    (HERE / "expected.json").write_text(conversion.dump(manifest))


if __name__ == "__main__":
    main()
