"""Trains small tokenizers in the configurations of the supported families, and records what the originals make of texts.

    python make_fixtures.py [name …]

needs tokenizers, transformers, sentencepiece, gguf and llama-cpp-python. Writes cases/<name>/tokenizer.json or
vocabulary.gguf, and cases/<name>/expected.json.
"""
import hashlib
import json
import pathlib
import sys
import tempfile

import gguf
import sentencepiece
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import texts

HERE = pathlib.Path(__file__).parent
BLOCK, BLOCKS = 100, 40
CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
WORDS3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + TAIL
WORDS1 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|" + TAIL
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def cased(contractions, digits):
    head = r"[^\r\n\p{L}\p{N}]?"
    return (f"{head}{UPPER}*{LOWER}+{contractions}|{head}{UPPER}+{LOWER}*{contractions}|" + digits
            + r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def byte_level(pre, specials, size=500, normalizer=None, ignore_merges=False, bos=None, added=(), unk=None):
    """A byte-level BPE whose last pre-tokenizer is ByteLevel."""
    t = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        t.normalizer = normalizer
    t.pre_tokenizer = pre_tokenizers.Sequence(pre) if len(pre) > 1 else pre[0]
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(texts.corpus(), trainers.BpeTrainer(
        vocab_size=size, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    if added:
        t.add_tokens(list(added))
    if bos:
        t.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos} $B",
                                          special_tokens=[(bos, t.token_to_id(bos))])])
    return t


def sentencepiece_model(size, user_defined=(), dummy_prefix=True, control=()):
    with tempfile.TemporaryDirectory() as d:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(x.replace("\n", " ") for x in texts.corpus()), model_prefix=f"{d}/m", model_type="bpe", vocab_size=size,
            byte_fallback=True, add_dummy_prefix=dummy_prefix, remove_extra_whitespaces=False, split_digits=True,
            normalization_rule_name="identity", character_coverage=0.98, allow_whitespace_only_pieces=True,
            user_defined_symbols=list(user_defined), control_symbols=list(control), num_threads=1, minloglevel=2,
            max_sentence_length=100000)
        return sentencepiece.SentencePieceProcessor(model_file=f"{d}/m.model")


def pieces_of(sp):
    return [(sp.id_to_piece(i), sp.get_score(i)) for i in range(sp.get_piece_size())]


def merges_of(sp):
    """Every way in which a piece falls into two pieces, the best score first, as transformers derives merges."""
    vocab = {p: i for i, (p, _) in enumerate(pieces_of(sp))}
    merges = []
    for piece, score in pieces_of(sp):
        if sp.is_byte(vocab[piece]) or sp.is_control(vocab[piece]) or sp.is_unknown(vocab[piece]):
            continue
        local = [(piece[:i], piece[i:], score) for i in range(1, len(piece)) if piece[:i] in vocab and piece[i:] in vocab]
        merges += sorted(local, key=lambda x: (vocab[x[0]], vocab[x[1]]))
    merges.sort(key=lambda x: (x[2], len(x[0]), len(x[1])), reverse=True)
    return vocab, [(a, b) for a, b, _ in merges]


def sentencepiece_json(sp, normalizer, pre, decoder, bos="<s>", added=()):
    vocab, merges = merges_of(sp)
    t = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if normalizer:
        t.normalizer = normalizer
    if pre:
        t.pre_tokenizer = pre
    t.decoder = decoder
    t.add_special_tokens([AddedToken(x, normalized=False, special=True) for x in ("<unk>", "<s>", "</s>")])
    for token in added:
        (t.add_special_tokens if token.special else t.add_tokens)([token])
    if bos:
        t.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, t.token_to_id(bos))])
    return t


def llama_decoder(strip=True):
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if strip else []))


def llama_normalizer():
    return normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])


CHAT = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
ROLES = ["<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>", "<|tool_call|>"]
PLAIN = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False)


def special(*contents, **flags):
    return [AddedToken(c, special=True, normalized=False, **flags) for c in contents]


def plain(*contents, **flags):
    return [AddedToken(c, special=False, **flags) for c in contents]


def odd_tokens():
    """Added tokens in every combination of flags that matters."""
    return (plain("alone", single_word=True, normalized=False) + plain("LEFT", lstrip=True, normalized=False)
            + plain("right", rstrip=True, normalized=False) + plain("Both", lstrip=True, rstrip=True, normalized=False)
            + plain("Upper Case", normalized=True) + plain("wide", "wider", "widest", normalized=False)
            + plain("é", normalized=True) + special("<|x|>", "<|x|", lstrip=True) + plain("  ", normalized=False)
            + plain("\n\n", lstrip=True, rstrip=True, normalized=False))


def char_level(pre, normalizer=None, fuse=True, unk="<unk>", decoder=None):
    """A BPE over characters with an unknown token, small enough to have unknown characters."""
    t = Tokenizer(models.BPE(unk_token=unk, fuse_unk=fuse))
    if normalizer:
        t.normalizer = normalizer
    t.pre_tokenizer = pre
    if decoder:
        t.decoder = decoder
    t.train_from_iterator(texts.corpus(), trainers.BpeTrainer(
        vocab_size=420, special_tokens=[unk] if unk else [], limit_alphabet=120, show_progress=False))
    return t


def build():
    cases = {}
    cases["smollm2"] = byte_level([pre_tokenizers.Digits(individual_digits=True), GPT2], CHAT + ["<repo_name>"])
    cases["llama3"] = byte_level([split(WORDS3), PLAIN], ["<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>"],
                                 ignore_merges=True, bos="<|begin_of_text|>")
    cases["qwen2"] = byte_level([split(WORDS1), PLAIN], CHAT, normalizer=normalizers.NFC())
    cases["qwen3"] = byte_level([split(WORDS1), PLAIN], CHAT, normalizer=normalizers.NFC(),
                                added=plain("<think>", "</think>", "<tool_call>", normalized=False))
    cases["granite3"] = byte_level([pre_tokenizers.Digits(individual_digits=True), GPT2], ROLES + ["<fim_prefix>"])
    cases["granite4"] = byte_level([split(WORDS3), PLAIN], ROLES)
    cases["gpt2"] = byte_level([GPT2], ["<|endoftext|>"])
    cases["gpt2-prefix"] = byte_level([pre_tokenizers.ByteLevel(add_prefix_space=True)], ["<s>", "</s>"])
    cases["gpt2-prefix"].post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    cases["tekken"] = byte_level([split(cased("", r"\p{N}")), PLAIN], ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"],
                                 ignore_merges=True, bos="<s>")
    cases["gpt4o"] = byte_level([split(cased(CONTRACTIONS + "?", r"\p{N}{1,3}")), PLAIN], ["<|endoftext|>"])
    cases["odd-byte-level"] = byte_level(
        [split("[aeiou]+", "merged_with_previous"), split(r"\d+", "contiguous"), split("q", "removed"), PLAIN], ["<|x|>"],
        normalizer=normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase(), normalizers.Strip()]), added=odd_tokens())
    cases["odd-splits"] = byte_level(
        [split(r"\p{Lu}", "merged_with_next"), split(r"\w+|\s+", "isolated", True), split(r"[^\p{L}\p{M}]|\p{Mn}", "contiguous", True),
         pre_tokenizers.Split("the", "isolated"), pre_tokenizers.Digits(False), PLAIN], ["<|x|>"], added=odd_tokens())
    cases["odd-characters"] = char_level(pre_tokenizers.WhitespaceSplit(), normalizers.Lowercase())
    cases["odd-unknown"] = char_level(pre_tokenizers.Metaspace(), fuse=False, decoder=decoders.Metaspace())
    cases["odd-replace"] = char_level(
        pre_tokenizers.Metaspace(replacement="_", prepend_scheme="never", split=True),
        normalizers.Sequence([normalizers.Replace(Regex(r"\s+"), " "), normalizers.Replace("e", "E")]), decoder=decoders.Fuse())
    cases["odd-punctuation"] = byte_level(
        [pre_tokenizers.Punctuation("merged_with_next"), pre_tokenizers.Punctuation(), PLAIN], ["<|x|>"], normalizer=normalizers.NFD())
    # Oniguruma's \w is not the same inside of brackets and outside.
    cases["odd-words"] = byte_level([split(r"\w+"), split(r"\W+", "contiguous", True), split(r"[\w]\d\D", "removed"), PLAIN], ["<|x|>"])

    sp = sentencepiece_model(900)
    cases["mistral-v1"] = sentencepiece_json(sp, llama_normalizer(), None, llama_decoder())
    cases["mistral-v3"] = sentencepiece_json(
        sp, None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), llama_decoder(), added=special("[INST]", "[/INST]"))
    cases["phi3"] = sentencepiece_json(
        sp, llama_normalizer(), None, llama_decoder(), bos=None, added=special("<|user|>", "<|end|>", "<|assistant|>", rstrip=True))
    turns = ["<start_of_turn>", "<end_of_turn>"]
    gemma = sentencepiece_model(900, dummy_prefix=False, control=turns, user_defined=["▁▁▁▁", "\n", "\n\n", "<td>"])
    for name, added in (("gemma2", special(*turns)), ("gemma3", special(*turns, "<image>") + plain("\n\n", "▁▁", "<td>", normalized=False))):
        pre = pre_tokenizers.Split(" ", "merged_with_previous")
        cases[name] = sentencepiece_json(gemma, normalizers.Replace(" ", "▁"), pre, llama_decoder(strip=False), added=added)
    return cases, {"llama": (sp, True), "gemma": (gemma, False)}


def write_gguf(path, metadata):
    writer = gguf.GGUFWriter(path, "llama")
    for add in metadata:
        add(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_of_json(t, pre, path, add_bos=None, bos=None):
    """The vocabulary of a byte-level tokenizer as llama.cpp's converter writes it."""
    data = json.loads(t.to_str())
    vocab = sorted(t.get_vocab(with_added_tokens=True).items(), key=lambda x: x[1])
    assert [i for _, i in vocab] == list(range(len(vocab)))
    added = {x["content"]: x for x in data["added_tokens"]}
    types = [(3 if added[x]["special"] else 4) if x in added else 1 for x, _ in vocab]
    steps = [lambda w: w.add_tokenizer_model("gpt2"), lambda w: w.add_tokenizer_pre(pre),
             lambda w: w.add_token_list([x for x, _ in vocab]), lambda w: w.add_token_types(types),
             lambda w: w.add_token_merges([" ".join(m) if isinstance(m, list) else m for m in data["model"]["merges"]])]
    if bos is not None:
        steps.append(lambda w: w.add_bos_token_id(t.token_to_id(bos)))
    if add_bos is not None:
        steps.append(lambda w: w.add_add_bos_token(add_bos))
    write_gguf(path, steps)


def gguf_of_sentencepiece(sp, space_prefix, path):
    def kind(i):
        if sp.is_byte(i):
            return 6
        if sp.is_unknown(i):
            return 2
        if sp.is_control(i):
            return 3
        return 4 if sp.id_to_piece(i) in ("▁▁▁▁", "\n", "\n\n", "<td>") else 1

    n = sp.get_piece_size()
    write_gguf(path, [
        lambda w: w.add_tokenizer_model("llama"), lambda w: w.add_tokenizer_pre("default"),
        lambda w: w.add_token_list([sp.id_to_piece(i) for i in range(n)]),
        lambda w: w.add_token_scores([sp.get_score(i) for i in range(n)]),
        lambda w: w.add_token_types([kind(i) for i in range(n)]),
        lambda w: w.add_bos_token_id(1), lambda w: w.add_add_bos_token(True), lambda w: w.add_add_space_prefix(space_prefix)])


class HuggingFace:
    """What tokenizers says."""

    def __init__(self, t):
        self.t = t

    def encode(self, text, special):
        return self.t.encode(text, add_special_tokens=special).ids

    def decode(self, ids, skip):
        return self.t.decode(ids, skip_special_tokens=skip)


class LlamaCpp:
    """What llama.cpp says of a GGUF's vocabulary."""

    def __init__(self, path):
        import llama_cpp
        self.model = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)

    def encode(self, text, special):
        return self.model.tokenize(text.encode(), add_bos=special, special=True)


def seed_of(name):
    """A seed that stays the case's own when others come and go."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def expectation(oracle, inserted, seed, decodes=True):
    random = texts.SplitMix64(seed)
    digests, spelled = [], []
    for block in range(BLOCKS):
        digest = hashlib.sha256()
        for index in range(BLOCK):
            text = texts.text(random, inserted)
            a, b = oracle.encode(text, True), oracle.encode(text, False)
            digest.update((" ".join(map(str, a)) + "\n" + " ".join(map(str, b)) + "\n").encode())
            if decodes:
                digest.update((oracle.decode(b, False) + "\n" + oracle.decode(a, True) + "\n").encode())
            if index == 0 and block < 8:
                spelled.append({"text": text, "with_special": a, "without_special": b})
        digests.append(digest.hexdigest()[:16])
    return {"seed": seed, "block": BLOCK, "inserted": inserted, "decodes": decodes, "digests": digests, "spelled": spelled}


def main():
    wanted = set(sys.argv[1:])
    cases, vocabularies = build()
    out = HERE / "cases"

    def write(name, result):
        (out / name / "expected.json").write_text(json.dumps(result, ensure_ascii=True, separators=(",", ":")) + "\n")
        print(name, len(result["digests"]) * BLOCK, "texts")

    for (name, t) in cases.items():
        if wanted and name not in wanted:
            continue
        (out / name).mkdir(parents=True, exist_ok=True)
        data = json.loads(t.to_str())
        if name in ("granite3", "gpt2", "mistral-v1"):  # the older spelling of merges
            data["model"]["merges"] = [" ".join(m) for m in data["model"]["merges"]]
        (out / name / "tokenizer.json").write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n")
        inserted = [x["content"] for x in data["added_tokens"]]
        write(name, expectation(HuggingFace(t), inserted, seed_of(name)))
    # SmolLM2's own vocabulary of 49152 tokens, which lies beside the real adapter.
    name, own = "smollm2-own", "../adapters/answerability/base-config"
    if not wanted or name in wanted:
        (out / name).mkdir(parents=True, exist_ok=True)
        t = Tokenizer.from_file(str(HERE / own / "tokenizer.json"))
        inserted = [x["content"] for x in json.loads(t.to_str())["added_tokens"]]
        write(name, {"model": own, **expectation(HuggingFace(t), inserted, seed_of(name))})
    pres = [("smollm2", "smollm", None, None), ("llama3", "llama-bpe", None, "<|begin_of_text|>"), ("qwen2", "qwen2", False, None),
            ("granite3", "refact", False, None), ("granite4", "dbrx", False, None), ("gpt2", "gpt-2", None, None),
            ("tekken", "tekken", None, "<s>"), ("gpt4o", "gpt-4o", None, None)]
    for seed, (source, pre, add_bos, bos) in enumerate(pres):
        name = f"gguf-{pre}"
        if wanted and name not in wanted:
            continue
        (out / name).mkdir(parents=True, exist_ok=True)
        path = out / name / "vocabulary.gguf"
        gguf_of_json(cases[source], pre, path, add_bos, bos)
        inserted = [x["content"] for x in json.loads(cases[source].to_str())["added_tokens"]]
        write(name, expectation(HuggingFace(cases[source]), inserted, 2000 + seed))
        llama, hf = LlamaCpp(path), HuggingFace(cases[source])
        random, differ = texts.SplitMix64(1), []
        for _ in range(2000):
            text = texts.text(random, inserted)
            if llama.encode(text, False) != hf.encode(text, False):
                differ.append(text)
        print("  llama.cpp differs from tokenizers in", len(differ), "of 2000", [ascii(x) for x in sorted(differ, key=len)[:3]])
    for seed, (kind, (sp, prefix)) in enumerate(vocabularies.items()):
        name = f"gguf-spm-{kind}"
        if wanted and name not in wanted:
            continue
        (out / name).mkdir(parents=True, exist_ok=True)
        path = out / name / "vocabulary.gguf"
        gguf_of_sentencepiece(sp, prefix, path)
        inserted = ["<s>", "</s>"] + (["<td>", "\n\n", "<start_of_turn>"] if kind == "gemma" else [])
        write(name, expectation(LlamaCpp(path), inserted, 3000 + seed, decodes=False))
    (HERE / "versions.json").write_text(json.dumps({
        "tokenizers": tokenizers.__version__, "sentencepiece": sentencepiece.__version__,
        "gguf": __import__("importlib.metadata").metadata.version("gguf"),
        "llama_cpp_python": __import__("importlib.metadata").metadata.version("llama_cpp_python")}, indent=1) + "\n")


if __name__ == "__main__":
    main()
