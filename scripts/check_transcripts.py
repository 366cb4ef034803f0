#!/usr/bin/env python3
"""Runs the commands whose output the documentation shows, and compares it. Python's standard library only.

    scripts/check_transcripts.py ALORA CACHE

A transcript begins with `$ alora …` in README.md or docs/. A line with only `…` stands for any lines, and times may differ. Without the
model in CACHE, transcripts that need it are skipped, but not where CI is set; those of a running server always are. Exit code 1: an
output differs.
"""

import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
ADAPTERS = "testdata/adapters/answerability"
MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"
TIMES = [(re.compile(r"\d+(\.\d+)? ms"), "? ms"), (re.compile(r"then \d+ tokens a second"), "then ? tokens a second")]


def blocks(path):
    """The code blocks of a page: the number of the first line, and the lines."""
    start, lines, fenced = 0, [], False
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n") + ["end"], 1):
        if line.startswith("```"):
            fenced = not fenced
        is_code = fenced and not line.startswith("```") or not fenced and line.startswith("    ") or not fenced and not line and lines
        if is_code:
            start = start or number
            lines.append(line if fenced else line[4:])
        elif lines:
            yield start, lines
            start, lines = 0, []


def transcripts(path):
    """The line's number, the command, and the output that is shown."""
    for start, lines in blocks(path):
        heads = [index for index, line in enumerate(lines) if line.startswith(("$ ", "# "))] + [len(lines)]
        for head, end in zip(heads, heads[1:]):
            if lines[head].startswith("$ "):
                yield start + head, lines[head][2:], "\n".join(lines[head + 1:end]).rstrip("\n").split("\n")


def arguments(command, shown):
    """The words of a command as the demo prints it: the text of --prompt is not quoted, and may go on in further lines."""
    command, prompt, text = command.partition(" --prompt ")
    words = command.split()
    if prompt:
        paragraphs = 2 if len(shown) > 2 and shown[0] == "" else 0
        words += ["--prompt", "\n".join([text, *shown[:paragraphs]])]
        del shown[:paragraphs]
    return words


def pattern(shown):
    parts = [".*" if line == "…" else re.escape(line.rstrip()) for line in shown]
    return re.compile("\n".join(parts), re.DOTALL)


def normal(text):
    for time, replacement in TIMES:
        text = time.sub(replacement, text)
    return "\n".join(line.rstrip() for line in text.rstrip("\n").split("\n"))


def main():
    alora, cache = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    if os.environ.get("CI") and not (cache / MODEL).exists():
        sys.exit(f"{MODEL} is missing, and CI skips no transcript that needs it")
    failed = skipped = count = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / ".cache").mkdir()
        (folder / "testdata").symlink_to(ROOT / "testdata")
        (folder / "adapter-bf16").symlink_to(ROOT / ADAPTERS / "adapter-bf16")
        for place in (folder / MODEL, folder / ".cache" / MODEL):
            place.symlink_to(cache / MODEL)
        for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
            for number, command, shown in transcripts(path):
                if command.startswith("cat "):
                    (folder / command[4:]).write_text("\n".join(shown) + "\n", encoding="utf-8")
                    continue
                if "--server" in command or MODEL in command and not (cache / MODEL).exists():
                    skipped += 1
                    continue
                words = [str(alora), *arguments(command, shown)[1:]]
                result = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                expected, found = normal("\n".join(shown)), normal(result.stdout)
                count += 1
                if not pattern(expected.split("\n")).fullmatch(found):
                    failed += 1
                    print(f"{path.relative_to(ROOT)}:{number}: the output of `{command[:80]}` differs", file=sys.stderr)
                    print("\n".join(difflib.unified_diff(expected.split("\n"), found.split("\n"), "shown", "printed", lineterm="", n=1)), file=sys.stderr)
    print(f"{count - failed} of {count} transcripts are what the command prints" + (f"; {skipped} skipped" if skipped else ""))
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
