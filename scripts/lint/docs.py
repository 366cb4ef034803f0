"""What the documentation points to exists: linked files and headings, paths of this repository, targets of make, options of the command."""

import re

from tracked import ROOT, name, tracked

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|^\s*\[[^\]]+\]:\s+(\S+)")
SPAN = re.compile(r"`([^`]+)`")
# In code spans only, and without placeholders.
PATH = re.compile(r"(?:Sources|Tests|scripts|docs|testdata|schemas|packaging|python|Fuzz)/[\w./+-]*\w")
MAKE = re.compile(r"\bmake ([a-z][a-z-]*)")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
# `alora` as a command: at the beginning of a line or span, or after a prompt or `run:`.
COMMAND = re.compile(r"(?:^|[$:] )\s*alora ([a-z].*)")
OPTION = re.compile(r"@(?:Option|Flag)(?P<arguments>(?:\([^@]*?\))?)\s+(?:package |private )*(?:var|let) (?P<variable>\w+)", re.DOTALL)


def options():
    """Every long option that the command defines."""
    found = {"help", "version"}
    for path in tracked("Sources/AloraCLI/**.swift"):
        for match in OPTION.finditer(path.read_text(encoding="utf-8")):
            custom = re.findall(r'(?:customLong\(|\.long\()"([^"]+)"', match["arguments"])
            found.update(custom or [re.sub(r"(?<=[a-z])([A-Z])", lambda m: "-" + m[1].lower(), match["variable"])])
    return found


def slug(heading):
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"`|\*|\[([^\]]*)\]\([^)]*\)", lambda m: m[1] or "", heading.strip()).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(path, cache={}):
    if path not in cache:
        fenced, found = False, []
        for line in path.read_text(encoding="utf-8").split("\n"):
            fenced ^= line.lstrip().startswith("```")
            if not fenced and (heading := re.match(r"#+ (.*)", line)):
                anchor = slug(heading[1])
                found.append(f"{anchor}-{found.count(anchor)}" if anchor in found else anchor)
        cache[path] = found
    return cache[path]


def link(path, target):
    """What is wrong with a link, or None."""
    if re.match(r"[a-z]+:", target):
        return None
    file, _, anchor = target.partition("#")
    place = (path.parent / file).resolve() if file else path
    if not place.exists():
        return f"the link {target} leads nowhere"
    if anchor and place.suffix == ".md" and anchor not in anchors(place):
        return f"{name(place)} has no heading #{anchor}"
    return None


def check(show_all):
    problems, counts = [], [0, 0]
    known = options()
    makefiles = "\n".join(path.read_text(encoding="utf-8") for path in tracked("Makefile", "*.mk", "packaging/*.mk"))
    targets = set(re.findall(r"^([a-z][a-z-]*)(?:\s[^:=\n]*)?:(?!=)", makefiles, re.MULTILINE))
    for path in tracked("*.md", "docs/**.md", "python/**.md", "testdata/**.md", "scripts/**.md"):
        fenced, command = False, ""
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            found = []
            if line.lstrip().startswith("```"):
                fenced = not fenced
                continue
            is_code = fenced or line.startswith("    ")
            if not is_code:
                for match in LINK.finditer(line):
                    counts[0] += 1
                    found.append(link(path, match[1] or match[2]))
                for span in SPAN.findall(line):
                    if (match := PATH.fullmatch(span)) and not ((ROOT / span).exists() or (path.parent / span).exists()):
                        found.append(f"{span} doesn't exist")
            pieces = [line] if is_code else SPAN.findall(line)
            for piece in pieces:
                found += [f"make has no target {target}" for target in MAKE.findall(piece) if target not in targets]
                text = f"{command} {piece}" if command else piece
                if match := COMMAND.search(text):
                    counts[1] += 1
                    found += [f"alora has no option {flag}" for flag in FLAG.findall(match[1]) if flag[2:] not in known]
                command = text.rstrip("\\") if is_code and piece.endswith("\\") else ""
            problems += [f"{name(path)}:{number}: {problem}" for problem in found if problem]
    return problems, [], f"{counts[0]} links and {counts[1]} commands in documentation"
