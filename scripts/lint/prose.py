"""Phrases that read as if they had been translated: in README, docs, Swift's and C's comments and texts, and the Makefile.

A line that is right all the same says `prose: ok` in a comment.
"""

import re

from tracked import name, swift, tracked

# Files that other branches rewrite just now: their lines are checked when those are merged. Empty this list then.
PENDING = (
    "Sources/AloraAdapters/Invocation/InvocationFinding.swift", "Sources/AloraAdapters/Invocation/InvocationLint.swift",
    "Sources/AloraCLI/OutputPlaces.swift", "Sources/AloraConversion/ConversionError.swift", "Sources/AloraInference/WeightMatrix.swift",
)
# Pattern, and what to write instead.
PATTERNS = [
    (r"\b(?<![Tt]here )(?:is|are|was|were|be) no (?!longer\b|more\b|\w+er than|reference for)[\w-]+", "X is not a …"),
    (r"\b(?:[Nn]il|[Tt]rue|[Ff]alse|[Ee]mpty|[Rr]efused|0|`) where\b", "if"),
    (r"\b(?:has|have|had) no [a-z]+ (?:that|which)\b", "say what is missing"),
    (r"\b(?:is|are|was|were) no more\b", "has ended, no longer exists"),
    (r"\bbehind (?:the|it|them|that|an?|its|this|these|\d+)\b", "after"),
    (r"\b(?:is|are|was|were|be|been) told\b", "is reported, is given"),
    (r"\b(?:of|(?<!order )in|from|to|with) which\b(?! (?:token|position|layer)s?\b)", "two sentences, or 'that'"),
    (r"\bwhose [a-z]+ (?:is|are) no\b", "that has no …, that has ended"),
    (r"(?:^|[,;.:] )[Ww]here (?:[a-z]+ ){1,4}(?:is|are|was|has|have|stands?|holds?|exists?)\b", "if, when"),
    (r"\bwhat [a-z]+ (?:is|are|was|were|has|have|gives?|makes?|takes?)\b[^.;]* (?:is|are) ", "name the thing"),
    (r"\bnot there\b", "missing, doesn't exist"),
    (r"\bat hand\b", "available, installed"),
    (r"\bheld (?:to|against)\b|\b(?:hold|holds) (?:to|against)\b", "compared with"),
    (r"\bso many\b", "name the number"),
    (r"\bgreatest \|", "largest difference"),
    (r"\bare there\b(?![?])", "exist"),
    (r"\bhow far .* is and how\b", "progress"),
    (r"\bas a whole or not at all\b", "completely, or not at all"),
    (r"\bfor that reason it (?:is|has)\b", "so"),
    (r"\b(?:may|can|must) be borne\b", "is kept"),
    (r"\bnot any ?more\b", "no longer"),
    (r"\bup to now\b", "so far"),
    (r"\bin the place of\b", "instead of"),
]
OK = "prose: ok"
CODE = re.compile(r"`[^`]*`")


def lines():
    """Lines that people read: the file, the line's number, its text."""
    for path in tracked("*.md", "docs/**.md", "python/**.md", "Makefile", "*.mk"):
        fenced = False
        for number, text in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            fenced ^= text.lstrip().startswith("```")
            is_prose = path.suffix == ".md" and not fenced and not text.startswith("    ") or text.lstrip("\t@").startswith(("#", "echo"))
            if is_prose and "testdata" not in path.parts and OK not in text:
                yield path, number, text
    for path in tracked("Sources/**.swift", "Sources/**.h", "Sources/**.c", "Tests/**.swift", "Fuzz/**.swift", "Package.swift"):
        source = path.read_text(encoding="utf-8").split("\n")
        for number, is_comment, text in swift(path):
            # Identifiers, keys and patterns are no prose.
            if (is_comment or re.search(r"[a-z] [a-z]", text)) and OK not in source[number - 1]:
                yield path, number, text


def check(show_all):
    patterns = [(re.compile(pattern), hint) for pattern, hint in PATTERNS]
    problems, count = [], 0
    for path, number, text in lines():
        count += 1
        plain = CODE.sub("`", text)
        for pattern, hint in patterns:
            if (found := pattern.search(plain)) and name(path) not in PENDING:
                problems.append(f"{name(path)}:{number}: '{found[0].strip()}' ({hint}): {text.strip()[:100]}")
    return problems, [], f"{count} lines"
