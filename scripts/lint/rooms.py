"""What only one place decides: names of files, and the search for an invocation."""

import re

from tracked import name, swift, tracked

# A pattern in string literals, and how many files may have it.
LITERALS = {
    # The list of names, the tokenizer's own (which is below it), and messages to the user.
    "config.json": (re.compile(r"(?<![\w.-])config\.json\b"), 3),
    "adapter.lora.alpha": (re.compile(r"^adapter\.lora\.alpha$"), 1),
    "adapter.alora.invocation_tokens": (re.compile(r"^adapter\.alora\.invocation_tokens$"), 1),
}
# A function that has one definition.
FUNCTIONS = ["lastOccurrence"]


def check(show_all):
    problems = []
    files = {key: set() for key in LITERALS}
    definitions = {key: [] for key in FUNCTIONS}
    for path in tracked("Sources/**.swift"):
        for line, is_comment, text in swift(path):
            for key, (pattern, _) in LITERALS.items():
                if not is_comment and pattern.search(text) and not is_help(path, text):
                    files[key].add(name(path))
        for key in FUNCTIONS:
            count = len(re.findall(rf"\bfunc {key}\b", path.read_text(encoding="utf-8")))
            definitions[key] += [name(path)] * count
    for key, (_, most) in LITERALS.items():
        if len(files[key]) > most:
            problems.append(f"'{key}' is a literal in {len(files[key])} files, at most {most}: {', '.join(sorted(files[key]))}")
    for key, places in definitions.items():
        if len(places) != 1:
            problems.append(f"{key} is defined in {len(places)} places: {', '.join(places)}")
    counts = ", ".join(f"{key} in {len(found)}" for key, found in files.items())
    return problems, [], f"literals: {counts}"


def is_help(path, text):
    """Texts of --help name files, too."""
    return name(path).startswith("Sources/AloraCLI/") and " " in text
