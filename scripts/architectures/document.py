"""Writes docs/architectures.md, and the line on bases in README.md, from the table.

    python document.py [--check]

`--check` fails if what is written differs from what the table gives.
"""

import json
import re
import sys
from pathlib import Path

import differences
import remote
import results

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "Sources" / "CArchitectureTable" / "architectures.json"
OUTPUT = ROOT / "docs" / "architectures.md"
README = ROOT / "README.md"
# What follows a number in README.md and is counted in the table.
COUNTED = re.compile(r"(?m)^(\| bases \| )\d+( GGUF architectures\b.*)$")

HEAD = """# Architectures

<!-- Written by scripts/architectures/document.py from the traced table. Don't edit. -->

`alora` knows {classes} Hugging Face classes, which become {architectures} GGUF architectures. The table was traced with
llama.cpp {llama} and transformers {transformers}: a tiny model of each class is filled with distinct whole numbers, llama.cpp
converts it, and the numbers show where each row and column went. [The script's README](../scripts/architectures/README.md)
explains how, and how to add a class.

- **order**: GGUF stores rows or columns of some weights in another order; the adapter's factors are reordered to match.
- **split**: one module becomes several tensors.
- **experts**: the class has mixture-of-experts weights in the table.
- **needs config.json**: the reference multiplies weights by numbers that a GGUF doesn't have, so a GGUF of the base isn't enough.
- **by hand**: transformers doesn't have the class; its weights were listed by hand and traced like the others.
"""

NEVER = """
## What llama.cpp loads but never applies

llama.cpp multiplies these tensors without looking for adapters (build {llama}), so an adapter on them does nothing and
nothing says so. It adds adapters of Gemma 4's `ffn_down_exps`, but without the scales of the experts, which the base's
part is multiplied by, and of Talkie's `attn_output`, but without the gain. `convert` refuses adapters on all of them; `merge` doesn't need llama.cpp to apply them, and the exact engine computes those of experts.

| architecture | tensors |
|---|---|
"""

DIFFERENCES = """
## Where llama.cpp differs from transformers without an adapter

On a tiny model whose configuration avoids the difference, adapters agree. On models that have it, an adapter meets another base than
the one it was trained on, whatever converts it.

| class | difference (build {llama}, transformers {transformers}) |
|---|---|
"""

MEASURED = """
## Measured

For each class, a tiny model with an adapter that PEFT wrote, of all linear modules and experts:

- **merge**: the largest difference between alpha/r · B · A of alora's file and what llama.cpp's converter makes of PEFT's merged model,
  relative to the largest element. 0 is exact.
- **`convert_lora_to_gguf.py`**: whether it's right by the same measure. alora's tensors have its bytes wherever it is.
- **llama.cpp**: the largest difference of log-probabilities between llama.cpp with alora's file and PEFT; *base* is that without an adapter.
  The adapters change log-probabilities by 0.5 to 1.

| class | merge | `convert_lora_to_gguf.py` | llama.cpp | base |
|---|---|---|---|---|
"""


def measured(found):
    """A row of the table."""
    engine = found.get("engine", {})
    if "adapted" in engine and engine["verdict"] == "agrees":
        own, base = f"{engine['adapted']:.0e}", f"{engine['base']:.0e}"
    else:
        own, base = engine.get("error", engine.get("verdict", "")).replace("|", "\\|"), ""
        base = f"{engine['base']:.0e}" if "base" in engine else ""
    merge = found.get("merge", "")
    return f"{merge if isinstance(merge, str) else f'{merge:.0e}' if merge else '0'} | {found.get('reference', '')} | {own} | {base}"


def main():
    table = json.loads(TABLE.read_text())
    rows = {}
    for row in table["classes"]:
        found = [table["rules"][i] for i in row["rules"]]
        targets = [t for r in found for t in r["targets"]]
        notes = set()
        if any("rows" in t and not is_range(t["rows"]) or "columns" in t for t in targets):
            notes.add("order")
        if any(len(r["targets"]) > 1 and r.get("kind") not in ("experts", "expert") for r in found):
            notes.add("split")
        if any(r.get("kind") in ("experts", "expert") for r in found):
            notes.add("experts")
        if any(t.get("factors") for t in targets):
            notes.add("needs config.json")
        if remote.ALIASES.get(row["class"], row["class"]) in remote.MODELS and not row["modelType"]:
            notes.add("by hand")
        entry = rows.setdefault((row["architecture"], row["class"]), set())
        entry |= notes
    versions = table["madeWith"]
    text = HEAD.format(
        classes=len({c for _, c in rows}), architectures=len({a for a, _ in rows}), llama=versions["llama.cpp"],
        transformers=versions["transformers"],
    )
    text += "\n| GGUF architecture | Hugging Face class | notes |\n|---|---|---|\n"
    for (architecture, name), notes in sorted(rows.items()):
        text += f"| `{architecture}` | `{name}` | {', '.join(sorted(notes))} |\n"
    text += NEVER.format(llama=versions["llama.cpp"])
    for item in table["neverApplied"]:
        text += f"| `{item['neverApplied']}` | {', '.join('`' + t.replace('blk.{layer}.', '') + '`' for t in item['tensors'])} |\n"
    text += DIFFERENCES.format(llama=versions["llama.cpp"], transformers=versions["transformers"])
    for name, (_, difference) in sorted(differences.DIFFERENCES.items()):
        text += f"| `{name}` | {difference} |\n"
    found_all = results.load()
    text += MEASURED if found_all else ""
    for name, found in found_all.items():
        text += f"| `{name}` | {measured(found)} |\n"
    readme = README.read_text()
    count = len({a for a, _ in rows})
    updated, found = COUNTED.subn(rf"\g<1>{count}\g<2>", readme)
    if found != 1:
        sys.exit("README.md has no line '| bases | N GGUF architectures …'")
    if "--check" in sys.argv[1:]:
        for path, now, wanted in ((OUTPUT, OUTPUT.read_text(), text), (README, readme, updated)):
            if now != wanted:
                sys.exit(f"{path.relative_to(ROOT)} is older than the table: run scripts/architectures/document.py")
        return
    OUTPUT.write_text(text)
    README.write_text(updated)


def is_range(segments):
    return len(segments) == 1 and len(segments[0][1]) == 1 and segments[0][1][0][1] == "1"


if __name__ == "__main__":
    main()
