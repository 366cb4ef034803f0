#!/usr/bin/env python3
"""Makes pages that `man` finds and shows well of those that argument-parser's generate-manual writes: tidy_manual.py DIRECTORY.

The tool names a page `alora.convert`, where `man alora convert` looks for `alora-convert`, and it takes the layout out of examples.
"""
import re
import sys
from pathlib import Path

EXIT_STATUS = """.Bl -tag -width 6n
.It 0
All holds.
.It 1
A check ran and failed.
.It 2
The call was wrong.
.It 3
The input was refused.
.It 4
A file could not be read or written.
.El"""


def tidied(text):
    text = re.sub(r"^\.Xr (alora\.\S+) ", lambda match: f".Xr {match[1].replace('.', '-')} ", text, flags=re.M)
    text = re.sub(r"^\.Xr alora-help 1 ,\n", "", text, flags=re.M)
    text = re.sub(r"^\.Dt (\S+) ", lambda match: f".Dt {match[1].replace('.', '-')} ", text, flags=re.M)
    # The page's name has a hyphen, the call a space.
    name = re.search(r'^\.Nm "?([^"\n]+)"?$', text, re.M)[1]
    text = text.replace(f'.Nm "{name}"', f".Nm {name.replace(' ', '-')}", 1)
    text = text.replace(".Sh SYNOPSIS\n.Nm\n", f'.Sh SYNOPSIS\n.Nm "{name}"\n', 1)
    text = text.replace(".Ex -std", EXIT_STATUS)
    head, title, rest = text.partition(".Sh DESCRIPTION\n")
    lines, literal = [], False
    for line in rest.split("\n"):
        indented = line.startswith("  ")
        if indented != literal:
            lines.append(".Bd -literal -offset indent" if indented else ".Ed")
            literal = indented
        # A paragraph's macro right after a display adds nothing.
        lines.append(line.strip() if indented else line if line else ".Pp")
    return head + title + "\n".join(lines).rstrip("\n").removesuffix("\n.Pp") + "\n"


def main():
    for path in sorted(Path(sys.argv[1]).glob("*.1")):
        if path.name == "alora.help.1":
            path.unlink()
            continue
        target = path.with_name(path.name.removesuffix(".1").replace(".", "-") + ".1")
        text = tidied(path.read_text())
        path.unlink()
        target.write_text(text)


if __name__ == "__main__":
    main()
