"""A pre-commit hook: what is committed must be readable, and what was released must not change unnoticed.

    alora-hook inspect FILE…
    alora-hook diff --against DIRECTORY FILE…

pre-commit passes the files. `inspect` fails for each that the command refuses. `diff` compares each with the file of the same
name in a directory, if there is one there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from alora_gguf.commands import diff, inspect
from alora_gguf.errors import AloraError


def main(words: Sequence[str] | None = None) -> int:
    """Checks the files, and returns the exit code: 0 all are good, 1 one is not."""
    parser = argparse.ArgumentParser(prog="alora-hook", description="Check files of adapters before they are committed.")
    commands = parser.add_subparsers(dest="command", required=True)
    readable = commands.add_parser("inspect", help="fail for a file that alora refuses")
    readable.add_argument("files", nargs="*", metavar="FILE")
    same = commands.add_parser("diff", help="fail for a file that differs from the released one")
    same.add_argument("--against", required=True, metavar="DIRECTORY", help="where the released files are")
    same.add_argument("files", nargs="*", metavar="FILE")
    arguments = parser.parse_args(words)
    failed = False
    for file in arguments.files:
        problem = _inspected(file) if arguments.command == "inspect" else _compared(file, Path(arguments.against))
        if problem:
            print(problem, file=sys.stderr)
            failed = True
    return int(failed)


def _inspected(file: str) -> str | None:
    path = Path(file)
    # An adapter's configuration stands for its directory.
    subject = path.parent if path.name in ("adapter_config.json", "adapter_model.safetensors") else path
    try:
        inspect(subject)
    except AloraError as error:
        return error.message
    return None


def _compared(file: str, directory: Path) -> str | None:
    released = directory / Path(file).name
    if not released.exists():
        return None
    try:
        found = diff(released, file)
    except AloraError as error:
        return error.message
    if found.equal:
        return None
    first = found.differences[0]
    return f"{file}: {len(found.differences)} differences from {released}, such as {first.name} ({first.kind})"


if __name__ == "__main__":
    sys.exit(main())
