"""Only the command's own module knows the names of its flags: a library that names one is wrong for its other users.

flags-allowed.txt lists what libraries still name, `module --flag` a line. It only shrinks.
"""

import pathlib
import re

from tracked import name, swift, tracked

# Not the properties of a style sheet (`--ink: …` and `var(--ink)`), nor dashes in a text.
FLAG = re.compile(r"(?<![\w(<!-])--[a-z][a-z0-9-]+(?![\w:-])")
ALLOWED = pathlib.Path(__file__).with_name("flags-allowed.txt")


def check(show_all):
    allowed = set(ALLOWED.read_text().split("\n")) if ALLOWED.exists() else set()
    problems, seen = [], set()
    for path in tracked("Sources/**.swift"):
        module = name(path).split("/")[1]
        if module == "AloraCLI":
            continue
        for line, is_comment, text in swift(path):
            for flag in [] if is_comment else FLAG.findall(text):
                seen.add(f"{module} {flag}")
                if f"{module} {flag}" not in allowed:
                    problems.append(f"{name(path)}:{line}: a library names the flag {flag}")
    gone = sorted(line for line in allowed - seen if line)
    warnings = [f"{ALLOWED.name}: no longer needed, remove it: {line}" for line in gone]
    return problems, warnings, f"{len(seen)} flags are still named in libraries"
