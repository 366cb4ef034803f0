"""No Foundation in Sources: it costs start-up time and megabytes."""

import re

from tracked import name, tracked

IMPORT = re.compile(r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:public |package |internal |fileprivate |private )?import (?:struct |class |func |enum )?(Foundation\w*)", re.M)


def check(show_all):
    files = tracked("Sources/**.swift")
    problems = []
    for path in files:
        source = path.read_text(encoding="utf-8")
        problems += [f"{name(path)}:{source.count(chr(10), 0, found.start(1)) + 1}: imports {found[1]}" for found in IMPORT.finditer(source)]
    return problems, [], f"{len(files)} files without it"
