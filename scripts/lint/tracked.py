"""The files of the repository, and the words in them that people read."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def tracked(*patterns):
    """Committed and new files that match one of git's patterns, as they are on disk."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [ROOT / name for name in sorted(set(names)) if name and (ROOT / name).is_file()]


def name(path):
    return str(path.relative_to(ROOT))


# In this order: a text in several lines, a text with any number of signs before it, a comment to the end of the line.
SWIFT = re.compile(r'(?P<hashes>#*)"""(?P<long>.*?)"""(?P=hashes)|(?P<raw>#+)"(?P<rawtext>.*?)"(?P=raw)|"(?P<text>(?:[^"\\\n]|\\.)*)"|//+(?P<comment>[^\n]*)', re.DOTALL)


def swift(path):
    """The string literals and the comments of a Swift or C file: line number, whether it is a comment, and each line of text."""
    source = path.read_text(encoding="utf-8")
    for found in SWIFT.finditer(source):
        line = source.count("\n", 0, found.start()) + 1
        if found["comment"] is not None:
            yield line, True, found["comment"]
        else:
            text = next(part for part in (found["long"], found["rawtext"], found["text"]) if part is not None)
            for offset, part in enumerate(text.split("\n")):
                yield line + offset, False, part
