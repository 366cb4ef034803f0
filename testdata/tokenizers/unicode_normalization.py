"""Writes Sources/AloraTokenization/CanonicalTable.swift: decompositions and combining classes for NFC.

Hugging Face's tokenizers normalize by an older Unicode than Python's unicodedata knows. What they do is asked of them,
character by character, and unicodedata is used only where both agree.

    python unicode_normalization.py ../../Sources/AloraTokenization/CanonicalTable.swift
"""
import sys
import unicodedata

from tokenizers import normalizers

nfd, nfc = normalizers.NFD().normalize_str, normalizers.NFC().normalize_str
scalars = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and not 0xAC00 <= c <= 0xD7A3]

entries = []
for c in scalars:
    if nfd(chr(c)) == chr(c):
        continue
    parts = [int(x, 16) for x in unicodedata.decomposition(chr(c)).split()]
    assert "".join(nfd(chr(x)) for x in parts) == nfd(chr(c)), hex(c)
    composes = nfc(chr(c)) == chr(c)
    assert composes == (unicodedata.normalize("NFC", chr(c)) == chr(c)), hex(c)
    entries.append((c, parts, composes))

# A character of class 0 stays before U+0334, the only class 1 there is in common text; one of a higher class goes behind it.
classes = {}
for c in scalars:
    known = unicodedata.combining(chr(c))
    if known == 0:
        continue
    moves = nfd("a" + chr(c) + "\u0334") != "a" + nfd(chr(c)) + "\u0334"
    if moves or known == 1:
        classes[c] = known
marks = sorted(classes)
for c in marks:  # the class itself: the order against one mark of each other class
    for other in {classes[m]: m for m in marks}.values():
        for pair in (chr(c) + chr(other), chr(other) + chr(c)):
            expected = sorted((ord(x) for y in pair for x in nfd(y)), key=lambda x: classes.get(x, 0))
            assert nfd("a" + pair) == "a" + "".join(map(chr, expected)), (hex(c), hex(other))

runs = []
for c in marks:
    if runs and runs[-1][1] == c - 1 and runs[-1][2] == classes[c]:
        runs[-1][1] = c
    else:
        runs.append([c, c, classes[c]])


def lines(words):
    out, line = [], ""
    for word in words:
        if len(line) + len(word) + 1 > 108:
            out.append(line)
            line = ""
        line += (" " if line else "") + word
    return "\n".join("    " + x for x in out + [line])


with open(sys.argv[1], "w") as f:
    f.write(f'''/// The data of canonical composition, as Hugging Face's tokenizers have it.
///
/// Source: made by `testdata/tokenizers/unicode_normalization.py`.
enum CanonicalTable {{
  /// `character=first+second` in hexadecimal; `:` in the place of `=` where the character is never composed again.
  static let decompositions = """
{lines(f"{c:x}{'=' if k else ':'}{'+'.join(f'{x:x}' for x in p)}" for c, p, k in entries)}
    """

  /// `first-last=class`, the class in decimal.
  static let combiningClasses = """
{lines(f"{a:x}-{b:x}={k}" for a, b, k in runs)}
    """
}}
''')
print(len(entries), "decompositions,", len(marks), "combining characters")
