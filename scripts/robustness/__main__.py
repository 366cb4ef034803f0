#!/usr/bin/env python3
"""Tries to break the command: one entry point for every way in which that is tried.

    scripts/robustness WHAT …    `scripts/robustness WHAT --help` lists what each takes; docs/robustness.md explains them

make robustness runs all of them in a quick form.
"""

import importlib
import sys

WHAT = {
    "faults": "kills the command, or fails a system call, at every step of writing",
    "mutants": "damaged fixtures through the command",
    "mistakes": "wrong adapters and bases through verify",
    "limits": "little memory, few open files, files cut short, many runs at once",
    "oddities": "strange files, values, surroundings and configurations",
    "bombs": "small files that ask for much time or memory",
    "fuzz": "libFuzzer on every reader",
}


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in WHAT:
        print(__doc__.strip(), *(f"    {name:10}{text}" for name, text in WHAT.items()), sep="\n", file=sys.stderr)
        return 2
    name = sys.argv.pop(1)
    sys.argv[0] += f" {name}"
    return importlib.import_module(name).main()


if __name__ == "__main__":
    sys.exit(main())
