#!/usr/bin/env python3
"""What the project promises about its files, beyond what the compiler and the formatter check.

    scripts/lint [sizes|foundation|flags|rooms|prose|docs …]    all of them by default; `--all` shows every warning too
"""

import importlib
import sys

CHECKS = ["sizes", "foundation", "flags", "rooms", "prose", "docs"]


def main():
    arguments = sys.argv[1:]
    show_all = "--all" in arguments
    names = [name for name in arguments if name != "--all"] or CHECKS
    if unknown := [name for name in names if name not in CHECKS]:
        print(f"lint: no such check: {', '.join(unknown)}\n\n{__doc__}", file=sys.stderr)
        return 2
    failed = 0
    for name in names:
        problems, warnings, summary = importlib.import_module(name).check(show_all)
        for line in [*problems, *warnings]:
            print(line, file=sys.stderr)
        print(f"{name}: {summary}" if not problems else f"{name}: {len(problems)} problems")
        failed += bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
