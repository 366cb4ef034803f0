"""Traces every model and writes the table of rules that alora reads.

    LLAMA_CPP=… python table.py [--check] [CLASS …]

`--check` compares with the committed table and fails on any difference: llama.cpp or transformers have moved.
"""

import argparse
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "Sources" / "CArchitectureTable" / "architectures.json"


def variants(only, cache):
    import reference  # first: it finds llama.cpp's packages
    import conversion
    import models
    import trace

    conversion.load_all_models()
    import peft  # noqa: F401
    import transformers  # noqa: F401

    known = {}
    if cache and Path(cache).exists():
        for line in Path(cache).read_text().splitlines():
            item = json.loads(line)
            known[(item["class"], item["tag"])] = item
    for spec in models.specifications(reference.names()):
        if not spec.get("traced", True):
            continue
        key = (spec["class"], spec.get("tag", ""))
        if only and spec["class"] not in only and key in known:
            yield spec, known[key]
            continue
        if only and spec["class"] not in only:
            continue
        if not only and key in known and "error" not in known[key]:
            yield spec, known[key]
            continue
        started = time.time()
        result = {"class": key[0], "tag": key[1], **trace.trace(spec)}
        known[key] = result
        note = result.get("error") or result["sizes"][0]["architecture"]
        print(f"{key[0]} {key[1]}: {note} ({time.time() - started:.1f} s)", file=sys.stderr, flush=True)
        if cache:
            with open(cache, "a") as file:
                file.write(json.dumps(result) + "\n")
        yield spec, result


def build(only, cache):
    import models
    import rules

    names, rows, problems = {}, {}, []

    def intern(rule):
        order = rule.pop("_order")
        rule.pop("isCheckpointName", None)
        key = json.dumps(rule, sort_keys=True)
        return order, names.setdefault(key, rule) and key

    for spec, result in variants(only, cache):
        if "error" in result:
            problems.append((spec["class"], spec.get("tag", ""), result["error"]))
            continue
        try:
            found, used = rules.join(result, spec.get("free", ()))
        except rules.Mismatch as error:
            problems.append((spec["class"], spec.get("tag", ""), f"mismatch: {error}"))
            continue
        models.complete(spec, found)
        size = result["sizes"][0]
        row_key = (spec["class"], json.dumps(spec.get("when", [])))
        row = rows.setdefault(row_key, {
            "class": spec["class"], "modelType": None if spec.get("build", spec["class"]) != spec["class"] else size["modelType"],
            "architecture": size["architecture"],
            "tiesEmbeddings": size["ties"], "when": spec.get("when", []), "defaults": {}, "rules": [],
        })
        assert row["architecture"] == size["architecture"], row_key
        row["defaults"].update(rules.defaults(result, used))
        row["defaults"].update(spec.get("row_defaults", {}))
        for _, key in sorted((intern(r) for r in found), key=lambda x: x[0]):
            if key not in row["rules"]:
                row["rules"].append(key)
    rules_list = list(names.values())
    index = {key: number for number, key in enumerate(names)}
    for row in rows.values():
        row["rules"] = [index[k] for k in row["rules"]]
        for field in ("when", "defaults"):
            if not row[field]:
                del row[field]
        if not row["tiesEmbeddings"]:
            del row["tiesEmbeddings"]
    import applied

    verdicts = applied.verdicts()
    never = {}
    for row in rows.values():
        for number in row["rules"]:
            for target in rules_list[number]["targets"]:
                key = (row["architecture"], target["tensor"])
                if key not in verdicts:
                    problems.append((*key, "not clear whether llama.cpp applies LoRA to it"))
                elif not verdicts[key]:
                    never.setdefault(key[0], set()).add(key[1])
    return {
        "version": 1,
        "madeWith": versions(),
        "classes": sorted(rows.values(), key=lambda r: r["class"].lower()),
        "rules": rules_list,
        "neverApplied": [
            {"neverApplied": name, "tensors": sorted(tensors)} for name, tensors in sorted(never.items())
        ],
    }, problems


def versions():
    import peft
    import transformers

    return {"llama.cpp": "b11434", "transformers": transformers.__version__, "peft": peft.__version__}


def text_of(table):
    """One class and one rule in a line, so that a change is a line of a diff."""
    def lines(items):
        return ",\n".join("    " + json.dumps(i, separators=(",", ":")) for i in items)

    return (
        "{\n" + f'  "version": {table["version"]},\n  "madeWith": {json.dumps(table["madeWith"])},\n'
        + '  "classes": [\n' + lines(table["classes"]) + '\n  ],\n  "rules": [\n' + lines(table["rules"])
        + '\n  ],\n  "neverApplied": [\n' + lines(table["neverApplied"]) + "\n  ]\n}\n"
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--cache", help="a file of traces to reuse")
    parser.add_argument("--output", default=TABLE)
    parser.add_argument("classes", nargs="*")
    options = parser.parse_args()
    table, problems = build(set(options.classes), options.cache)
    for problem in problems:
        print("not traced:", *problem, file=sys.stderr)
    text = text_of(table)
    architectures = {row["architecture"] for row in table["classes"]}
    print(f"{len(table['classes'])} rows, {len(table['rules'])} rules, {len(architectures)} architectures, {len(text)} bytes")
    if options.check:
        if Path(options.output).read_text() != text:
            sys.exit("the committed table differs: look at what llama.cpp or transformers changed")
        return
    Path(options.output).parent.mkdir(parents=True, exist_ok=True)
    Path(options.output).write_text(text)


if __name__ == "__main__":
    main()
