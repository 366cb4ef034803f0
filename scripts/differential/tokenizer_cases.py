"""Tokenizer directories with a tokenizer_config.json, and what transformers makes of texts with them.

usage: tokenizer_cases.py write DIR --count N --seed S     directories, and DIR/cases.json with the texts
       tokenizer_cases.py encode DIR OUTPUT                under any transformers: ids by case, or the error
       tokenizer_cases.py fixture DIR ANSWERS4 ANSWERS5 OUTPUT
                                                           what both give, as testdata/tokenizers/transformers.json

Each directory takes the tokenizer.json of a case in testdata/tokenizers and adds files beside it: a class, a model type,
added tokens with flags, named special tokens, extra ones, legacy files. Nothing is downloaded.
"""
import argparse
import json
import random
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "testdata/tokenizers/cases"
# What a case's tokenizer.json is like, and the classes that published files name beside such a file.
KINDS = {
    "mistral-v1": ["LlamaTokenizer", "LlamaTokenizerFast", "CodeLlamaTokenizer", "PreTrainedTokenizerFast"],
    "mistral-v3": ["LlamaTokenizer", "LlamaTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"],
    "phi3": ["LlamaTokenizer", "LlamaTokenizerFast"],
    "gemma2": ["GemmaTokenizer", "GemmaTokenizerFast", "LlamaTokenizer"],
    "gemma3": ["GemmaTokenizer"],
    "gpt2": ["GPT2Tokenizer", "GPT2TokenizerFast", "GPTNeoXTokenizerFast", "CodeGenTokenizer"],
    "granite3": ["GPT2Tokenizer", "PreTrainedTokenizerFast"],
    "granite4": ["GPT2Tokenizer", "GPT2TokenizerFast", "CohereTokenizer"],
    "smollm2": ["GPT2Tokenizer", "PreTrainedTokenizerFast"],
    "qwen2": ["Qwen2Tokenizer", "Qwen2TokenizerFast"],
    "qwen3": ["Qwen2Tokenizer", "PreTrainedTokenizerFast"],
    "llama3": ["PreTrainedTokenizerFast", "LlamaTokenizer", "LlamaTokenizerFast"],
    "tekken": ["PreTrainedTokenizerFast", "LlamaTokenizerFast", "GPT2Tokenizer"],
}
MODEL_TYPES = ["llama", "mistral", "granite", "granitemoe", "qwen2", "qwen3", "gemma2", "gemma3_text", "phi3", "olmo2",
               "olmo", "cohere", "gpt2", "starcoder2", "smollm3", None]
NEW_TOKENS = ["<tool>", "</tool>", "<|check|>", "<pad>", "[UNUSED]", "é<x>", "  ", "token", "<|im_end|>", "Ġ"]
TEXTS = ["Hi <tool> x", "Hello, world! 123 45", "a<tool>b</tool> c", "What's 12345?\n\n  two spaces", " leading", "é<x> [UNUSED] token",
         "x <pad> y", "日本語 текст 😀", "don't<|check|> stop", "<|check|>check<|check|>", "cafe\u0301 123abc", ""]
NAMES = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"]


def known(case):
    return [token["content"] for token in json.loads((CASES / case / "tokenizer.json").read_text())["added_tokens"]]


def flags(rng, content):
    special = rng.random() < 0.6
    token = {"content": content, "lstrip": rng.random() < 0.2, "rstrip": rng.random() < 0.2, "single_word": rng.random() < 0.15,
             "special": special, "normalized": rng.random() < 0.3 and not special}
    return token


def configuration(rng, case):
    own = known(case)
    config = {}
    if rng.random() < 0.92:
        config["tokenizer_class"] = rng.choice(KINDS[case])
    for name in NAMES:
        if rng.random() < 0.35:
            content = rng.choice(own + NEW_TOKENS[:5])
            config[name] = content
        elif rng.random() < 0.04:
            config[name] = None
    if rng.random() < 0.5:
        size = len(json.loads((CASES / case / "tokenizer.json").read_text())["model"]["vocab"])
        names = own + rng.sample(NEW_TOKENS, rng.randrange(0, 4))
        tokens = {token["content"]: token for token in json.loads((CASES / case / "tokenizer.json").read_text())["added_tokens"]}
        decoder = {}
        for i, content in enumerate(names):
            entry = {k: v for k, v in tokens[content].items() if k != "id"} if content in tokens and rng.random() < 0.85 else flags(rng, content)
            decoder[str(tokens[content]["id"] if content in tokens else size + 10 + i)] = entry
        config["added_tokens_decoder"] = decoder
    if rng.random() < 0.3:
        config["extra_special_tokens"] = rng.sample(NEW_TOKENS[:6], rng.randrange(0, 3))
    if rng.random() < 0.3:
        config["additional_special_tokens"] = rng.sample(NEW_TOKENS[:6], rng.randrange(0, 3))
    if rng.random() < 0.2:
        config["add_prefix_space"] = rng.random() < 0.5
    if rng.random() < 0.3:
        config["legacy"] = rng.random() < 0.5
    if rng.random() < 0.2:
        config["add_bos_token"] = rng.random() < 0.5
    if rng.random() < 0.15:
        config["image_token"] = "<|check|>"
    return config


def again(case, content, name, **flags):
    """A configuration that adds a special token of tokenizer.json once more, with other flags."""
    token = next(token for token in json.loads((CASES / case / "tokenizer.json").read_text())["added_tokens"] if token["content"] == content)
    other = {key: flags.get(key, token[key]) for key in ("content", "lstrip", "rstrip", "single_word", "special", "normalized")}
    return case, {"tokenizer_class": name, "eos_token": content, "added_tokens_decoder": {str(token["id"]): other}}


# What is rare among the others: versions of tokenizers search for such a token in other texts, and one class drops its flags.
AGAIN = [
    again("phi3", "</s>", "LlamaTokenizerFast", normalized=True, special=False),
    again("mistral-v1", "</s>", "PreTrainedTokenizerFast", normalized=True),
    again("mistral-v1", "<s>", "PreTrainedTokenizerFast", normalized=True, single_word=True),
    again("qwen2", "<|im_end|>", "Qwen2Tokenizer", rstrip=True),
    again("qwen2", "<|im_end|>", "PreTrainedTokenizerFast", lstrip=True, special=False),
]


def write(directory, count, seed):
    rng = random.Random(seed)
    cases = []
    for index in range(-len(AGAIN), count):
        case, configured = AGAIN[index] if index < 0 else (rng.choice(sorted(KINDS)), None)
        files = {"tokenizer_config.json": configured or configuration(rng, case)}
        model_type = rng.choice(MODEL_TYPES) if index >= 0 else None
        if model_type:
            files["config.json"] = {"model_type": model_type}
        if "added_tokens_decoder" not in files["tokenizer_config.json"]:
            if rng.random() < 0.3:
                files["special_tokens_map.json"] = {
                    "eos_token": {"content": rng.choice(known(case)), "lstrip": False, "normalized": False, "rstrip": rng.random() < 0.5,
                                  "single_word": False}}
            if rng.random() < 0.2:
                size = len(json.loads((CASES / case / "tokenizer.json").read_text())["model"]["vocab"])
                files["added_tokens.json"] = {content: size + 5 + i for i, content in enumerate(rng.sample(NEW_TOKENS[:5], 2))}
        folder = directory / f"case{len(cases)}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(CASES / case / "tokenizer.json", folder)
        for name, content in files.items():
            (folder / name).write_text(json.dumps(content))
        texts = rng.sample(TEXTS, 4) + [t.join(["a ", " b"]) for t in ([configured["eos_token"]] if configured else rng.sample(known(case), 1))]
        cases.append({"case": case, "files": files, "texts": texts})
    (directory / "cases.json").write_text(json.dumps(cases))


def encode(directory, output):
    import logging

    import transformers

    logging.disable(logging.CRITICAL)
    answers = []
    for index, case in enumerate(json.loads((directory / "cases.json").read_text())):
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(directory / f"case{index}")
            answers.append({"class": type(tokenizer).__name__,
                            "ids": [tokenizer.encode(text, add_special_tokens=False) for text in case["texts"]]})
        except Exception as error:  # what transformers refuses is not compared
            answers.append({"error": f"{type(error).__name__}: {error}"[:300]})
    Path(output).write_text(json.dumps({"transformers": transformers.__version__, "answers": answers}))


def fixture(directory, old, new, output):
    answers = [json.loads(Path(path).read_text()) for path in (old, new)]
    cases = []
    for case, four, five in zip(json.loads((directory / "cases.json").read_text()), answers[0]["answers"], answers[1]["answers"]):
        if "error" not in four and "error" not in five:
            cases.append({**case, "class": five["class"], "four": four["ids"], "five": five["ids"]})
    head = {"versions": [answer["transformers"] for answer in answers]}
    body = ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases)
    Path(output).write_text(json.dumps(head)[:-1] + ', "cases": [\n' + body + "\n]}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    writer = commands.add_parser("write")
    writer.add_argument("directory", type=Path)
    writer.add_argument("--count", type=int, default=200)
    writer.add_argument("--seed", type=int, default=1)
    encoder = commands.add_parser("encode")
    encoder.add_argument("directory", type=Path)
    encoder.add_argument("output")
    joiner = commands.add_parser("fixture")
    joiner.add_argument("directory", type=Path)
    for name in ("old", "new", "output"):
        joiner.add_argument(name)
    arguments = parser.parse_args()
    if arguments.command == "fixture":
        fixture(arguments.directory, arguments.old, arguments.new, arguments.output)
    elif arguments.command == "write":
        write(arguments.directory, arguments.count, arguments.seed)
    else:
        encode(arguments.directory, arguments.output)
