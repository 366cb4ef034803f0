"""Joins a model's traces at three sizes into rules whose extents are expressions of configuration fields."""

import collections
import json

from symbols import Fitter, evaluate

PREFERRED = [
    "hidden_size", "n_embd", "d_model", "intermediate_size", "shared_intermediate_size", "num_attention_heads", "n_head", "num_key_value_heads",
    "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "kv_lora_rank", "q_lora_rank", "linear_num_value_heads",
    "linear_value_head_dim", "linear_num_key_heads", "linear_key_head_dim", "head_dim", "vocab_size", "moe_intermediate_size", "num_experts", "num_local_experts", "n_routed_experts",
]
IGNORED_FIELDS = {
    "num_hidden_layers", "n_layer", "num_layers", "n_layers", "max_position_embeddings", "n_positions", "block_size",
    "pad_token_id", "bos_token_id", "eos_token_id", "sliding_window", "image_token_id", "max_seq_len", "n_ctx",
    "qk_head_dim",
}
# What transformers computes for a field that a configuration leaves out.
COMPUTED = {
    "head_dim": ["hidden_size/num_attention_heads"],
    "num_key_value_heads": ["num_attention_heads"],
    "num_kv_heads": ["num_attention_heads"],
    "n_inner": ["4*n_embd"],
}
SKIPPED = (
    "vision", "visual", "audio", "multi_modal", "conv1d", "mm_projector", "projector", "merger", "embed_vision",
    "aligner", ".connector", "encoder.layers", "image_newline", "talker", "resampler",
)


def is_skipped(source):
    """Parts beside the language model; ChatGLM calls its own layers an encoder's."""
    return any(word in source.removeprefix("transformer.encoder.") for word in SKIPPED)


class Mismatch(Exception):
    pass


def is_identity(runs, extent):
    return len(runs) == 1 and runs[0][0] == 0 and [list(x) for x in runs[0][1]] == [[extent, 1]] or extent == 1 and runs[0][0] == 0


def fit(fitter, values, what):
    expression = fitter.fit(values)
    if expression is None:
        raise Mismatch(f"{what}: no expression gives {values}")
    return expression


def runs_of(fitter, sizes, axis, extents, what):
    """The order of rows or columns, or None for all of them as they are."""
    all_runs = [s[axis] for s in sizes]
    if all(is_identity(r, e) for r, e in zip(all_runs, extents)):
        return None
    shapes = {json.dumps([len(r), [len(x[1]) for x in r]]) for r in all_runs}
    if len(shapes) != 1:
        raise Mismatch(f"{what}: the order has another structure at another size: {all_runs}")
    result = []
    for index in range(len(all_runs[0])):
        start = fit(fitter, [r[index][0] for r in all_runs], what + " start")
        loops = []
        for depth in range(len(all_runs[0][index][1])):
            count = fit(fitter, [r[index][1][depth][0] for r in all_runs], what + " count")
            stride = fit(fitter, [r[index][1][depth][1] for r in all_runs], what + " stride")
            loops.append([count, stride])
        result.append([start, loops])
    return result


def join(trace, free=()):
    """(rules, fields used) of one variant; raises Mismatch."""
    sizes = trace["sizes"]
    fields = [{k: v for k, v in s["fields"].items() if k not in IGNORED_FIELDS and 0 < v < 5000} for s in sizes]
    fitter = Fitter(fields, PREFERRED)
    fitter.sizes, fitter.free = fields, free
    architectures = {s["architecture"] for s in sizes}
    if len(architectures) != 1:
        raise Mismatch(f"architectures {architectures}")
    kinds = sizes[0]["kinds"]
    order = {name: index for index, name in enumerate(sizes[0]["order"])}
    groups = collections.OrderedDict()
    for index, size in enumerate(sizes):
        for f in size["found"]:
            if is_skipped(f["source"]) or not f["target"].endswith(".weight"):
                continue
            key = (f["naming"], f["source"], f["target"], f["form"], f["layer"])
            groups.setdefault(key, {})[index] = f
    merged = collections.OrderedDict()
    for (naming, source, target, form, layer), by_size in groups.items():
        if len(by_size) != 3:
            raise Mismatch(f"{source}: not found at every size")
        f = [by_size[i] for i in range(3)]
        signature = json.dumps([[x["transposed"], x["shape"], x["rows"], x["columns"], x["size"], x.get("count")] for x in f])
        merged.setdefault((naming, source), collections.OrderedDict()).setdefault(target, collections.OrderedDict()).setdefault(
            signature, (form, f, [])
        )[2].append(layer)
    rules = []
    for (naming, source), targets in merged.items():
        # Layers whose weights have the same forms share a rule.
        by_layer = collections.OrderedDict()
        for target, signatures in targets.items():
            for signature, (form, f, layers) in signatures.items():
                for layer in layers:
                    by_layer.setdefault(layer, []).append((target, signature, form, f))
        variants = collections.OrderedDict()
        for layer, entries in by_layer.items():
            key = json.dumps([(t, s) for t, s, _, _ in entries])
            variants.setdefault(key, (entries, []))[1].append(layer)
        for entries, layers in variants.values():
            made = rule(fitter, naming, source, entries, kinds, order, sizes[0]["transposed"])
            if "{layer}" in made["module"] and len(set(layers)) < 4:
                made["isInSomeLayers"] = True
            rules.append(made)
    used = set()
    for r in rules:
        for text in expressions(r):
            used |= {t for term in text.split("+") for t in term.replace("/", "*").split("*") if t and not t.isdigit()}
    used -= {"out", "in"}
    return rules, used


def expressions(rule):
    yield rule["out"]
    yield rule["in"]
    if "experts" in rule:
        yield rule["experts"]
    for target in rule["targets"]:
        for axis in ("rows", "columns"):
            for start, loops in target.get(axis, []):
                yield start
                for count, stride in loops:
                    yield count
                    yield stride


def rule(fitter, naming, source, entries, kinds, order, transposed):
    form, f = entries[0][2], entries[0][3]
    shape = list(zip(*[x["shape"] for x in f]))
    module = source.removesuffix(".weight")
    kind = kinds.get(module)
    # A stack is a parameter, and PEFT names it as one, also if it's called weight.
    result = {"module": source if form == "stack" else module}
    if form == "stack":
        result["kind"] = "experts"
        result["experts"] = fit(fitter, shape[0], module + " experts")
        shape = shape[1:]
        if f[0]["transposed"]:
            result["isTransposed"] = True
        if module.rpartition(".")[0] in transposed:
            result["isMarkedTransposed"] = True
    elif form == "each":
        result["kind"] = "expert"
        result["experts"] = fit(fitter, [x["count"] for x in f], module + " experts")
    elif kind == "embedding":
        result["kind"] = "embedding"
    elif module.endswith("lm_head") or module in ("embed_out", "output_layer", "output", "head"):
        result["kind"] = "output"
    free = any(module.endswith(f) for f in fitter.free)
    for field, values in (("out", shape[0]), ("in", shape[1])):
        result[field] = "*" if free else fitter.fit(values) or "*"
    if "*" in (result["out"], result["in"]):
        # What the adapter has; the parts are fractions of it.
        more = [
            {**sizes, **{n: v[i] for n, v in (("out", shape[0]), ("in", shape[1])) if result[n] == "*"}}
            for i, sizes in enumerate(fitter.sizes)
        ]
        fitter = Fitter(more, ["out", "in", *PREFERRED])
    if f[0]["transposed"] and form != "stack" and kind != "conv1d":
        raise Mismatch(f"{module}: transposed")
    result["targets"] = []
    for target, _, _, traces in entries:
        item = {"tensor": target.removesuffix(".weight")}
        rows = runs_of(fitter, traces, "rows", [x["shape"][-2] for x in traces], f"{module} → {target} rows")
        columns = runs_of(fitter, traces, "columns", [x["shape"][-1] for x in traces], f"{module} → {target} columns")
        if rows:
            item["rows"] = rows
        if columns:
            item["columns"] = columns
        result["targets"].append(item)
    if naming == "saved":
        result["isCheckpointName"] = True
    result["_order"] = order.get(source, 10**6)
    return result


def defaults(trace, used):
    """What each used field is when config.json leaves it out: a number, or an expression of other fields."""
    result = {}
    size = trace["sizes"][1]
    for field in sorted(used):
        given = size["defaults"].get(field)
        for computed in COMPUTED.get(field, []):
            try:
                expected = evaluate(computed, size["fields"])
            except (KeyError, ZeroDivisionError):
                continue
            if size["inferred"].get(field, expected) == expected:
                given = computed
                break
        if given is not None and given != 0:
            result[field] = given if isinstance(given, str) else int(given)
    return result
