"""Writes what Unicode 16 added to the classes of patterns, and what each class then has.

    python3 unicode_additions.py libonig-6.9.8.so libonig-6.9.10.so names.txt \
        ../../Sources/AloraTokenization/UnicodeAdditions.swift classes.txt libonig-6.9.9.so

The last are releases between the two, for what only they have or lack.
names.txt has the names of classes, one a line; those that neither library knows are passed over (all strings in the libraries will do).
Every character is matched by both libraries.
"""
import ctypes
import json
import re
import subprocess
import sys
import textwrap

POSIX = "alnum alpha ascii blank cntrl digit graph lower print punct space upper xdigit word".split()


class Onig:
    class Region(ctypes.Structure):
        _fields_ = [("allocated", ctypes.c_int), ("count", ctypes.c_int), ("begin", ctypes.POINTER(ctypes.c_int)),
                    ("end", ctypes.POINTER(ctypes.c_int)), ("history", ctypes.c_void_p)]

    def __init__(self, path):
        self.lib = ctypes.CDLL(path)
        self.utf8 = ctypes.addressof(ctypes.c_byte.in_dll(self.lib, "OnigEncodingUTF8"))
        self.syntax = ctypes.addressof(ctypes.c_byte.in_dll(self.lib, "OnigSyntaxOniguruma"))
        self.lib.onig_initialize((ctypes.c_void_p * 1)(self.utf8), 1)
        self.lib.onig_new.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_uint] + [ctypes.c_void_p] * 3
        self.lib.onig_search.argtypes = [ctypes.c_void_p] * 6 + [ctypes.c_uint]
        self.lib.onig_region_new.restype = ctypes.POINTER(self.Region)
        self.region = self.lib.onig_region_new()
        text = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
        self.data = ctypes.create_string_buffer(text.encode())
        self.count = len(self.data) - 1
        self.index, offset = {}, 0
        for c in text:
            self.index[offset] = ord(c)
            offset += len(c.encode())
        self.index[offset] = 0x110000

    def characters(self, pattern):
        """All characters that the pattern matches, or None if the library doesn't know it."""
        source = ctypes.create_string_buffer(f"(?:{pattern})+".encode())
        start, regex, info = ctypes.addressof(source), ctypes.c_void_p(), ctypes.create_string_buffer(64)
        if self.lib.onig_new(ctypes.byref(regex), start, start + len(source) - 1, 0, self.utf8, self.syntax, info):
            return None
        base, at, found = ctypes.addressof(self.data), 0, set()
        end = base + self.count
        while at < self.count and self.lib.onig_search(regex, base, end, base + at, end, ctypes.cast(self.region, ctypes.c_void_p), 0) >= 0:
            at = self.region.contents.end[0]
            found.update(range(self.index[self.region.contents.begin[0]], self.index[at]))
        return found - set(range(0xD800, 0xE000))


def runs(characters):
    result = []
    for c in sorted(characters):
        if result and result[-1][1] == c - 1:
            result[-1][1] = c
        else:
            result.append([c, c])
    return result


def fnv(characters):
    value = 0xCBF29CE484222325
    for run in runs(characters):
        for number in run:
            for byte in number.to_bytes(4, "little"):
                value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


if len(sys.argv) == 2:  # One library in one process: two of them share symbols.
    library = Onig(sys.argv[1])
    for line in sys.stdin:
        found = library.characters(line.rstrip("\n"))
        print(json.dumps(found if found is None else runs(found)), flush=True)
    sys.exit()


def classes(path, patterns):
    lines = subprocess.run([sys.executable, __file__, path], input="\n".join(patterns), capture_output=True, text=True, check=True).stdout
    sets = [json.loads(line) for line in lines.splitlines()]
    return {p: None if s is None else {c for a, b in s for c in range(a, b + 1)} for p, s in zip(patterns, sets)}


names = sorted({n for n in open(sys.argv[3]).read().split() if re.fullmatch("[a-z0-9]+", n)})
patterns = [f"\\p{{{n}}}" for n in names] + ["\\w", "\\d", "\\s", "\\h", "[\\w]", "[\\d]"] + [f"[[:{n}:]]" for n in POSIX]
old, new = classes(sys.argv[1], patterns), classes(sys.argv[2], patterns)
between = [classes(path, patterns) for path in sys.argv[6:]]
groups = {}
for pattern in patterns:
    a, b = old[pattern], new[pattern]
    # What POSIX's punct means has changed; PatternTranslation writes it as punctuation and symbols.
    if b is None or a == b or pattern.startswith("[") or pattern == "\\d" or pattern == "\\p{posixpunct}":
        continue
    name = "w" if pattern == "\\w" else pattern[3:-1]
    known = [found for found in [a] + [c[pattern] for c in between] if found is not None]
    added = b - set.intersection(*known) if a is not None else b
    removed = set.union(set(), *known) - b
    key = (a is None, tuple(map(tuple, runs(added))), tuple(map(tuple, runs(removed))))
    groups.setdefault(key, []).append(name)

with open(sys.argv[4], "w") as f:
    f.write('''/// How the classes of Unicode 16 differ from those of Unicode 14.
///
/// Hugging Face's tokenizers carry Oniguruma 6.9.10 (Unicode 16), its last release; Debian 12 has 6.9.8 (Unicode 14) and
/// Debian 13 has 6.9.9 (Unicode 15.1). Patterns get the difference written out, so that all of them match alike.
/// Source: `testdata/tokenizers/unicode_additions.py`, which compares the libraries over all characters.
struct UnicodeAdditions: Sendable {
  typealias Ranges = [ClosedRange<UInt32>]

  private(set) var added: Ranges = []
  private(set) var removed: Ranges = []
  /// Whether Unicode 14 has no such class.
  private(set) var isNew = false

  /// What changes in the class of that name: lower case, no spaces, hyphens and underscores; `w` is the class `\\w`. Nil for a
  /// class that is the same in both.
  static func named(_ name: String) -> UnicodeAdditions? { all[name] }

  private static let all: [String: UnicodeAdditions] = {
    var result: [String: UnicodeAdditions] = [:]
    for line in table.split(separator: "\\n") {
      let words = line.split(separator: " ")
      guard let sign = words.firstIndex(where: { ["+", "-", "*"].contains($0) }) else { continue }
      let ranges: Ranges = words[(sign + 1)...].compactMap { word in
        let ends = word.split(separator: "-").compactMap { UInt32($0, radix: 16) }
        return ends.first.map { $0...(ends.last ?? $0) }
      }
      for name in words[..<sign] {
        var item = result[String(name)] ?? UnicodeAdditions()
        if words[sign] == "-" { item.removed = ranges } else { item.added = ranges }
        item.isNew = words[sign] == "*"
        result[String(name)] = item
      }
    }
    return result
  }()

  /// Names, then `+` and what was added, `-` and what was removed, or `*` and all characters of a new class.
  private static let table = """
'''.replace("\\\\", "\\"))

    def write(names, sign, items):
        text = " ".join(f"{a:X}" if a == b else f"{a:X}-{b:X}" for a, b in items)
        lines = textwrap.wrap(f"{' '.join(names)} {sign} {text}", 112, break_on_hyphens=False)
        f.write(" \\\n".join("    " + line for line in lines) + "\n")

    for (is_new, added, removed), found in sorted(groups.items(), key=lambda item: item[1]):
        if added:
            write(found, "*" if is_new else "+", added)
        if removed:
            write(found, "-", removed)
    f.write('    """\n}\n')
same = "any ascii cc co greek hebrew lt me nl pc pe pf pi ps sc sk thai white_space xdigit z zl zp zs".split()
kept = [f"\\p{{{found[0]}}}" for found in sorted(groups.values()) if found[0] != "w"] + ["\\p{posixpunct}"]
kept += [f"\\p{{{n}}}" for n in same if new.get(f"\\p{{{n}}}")] + [p for p in patterns if not p.startswith("\\p")]
with open(sys.argv[5], "w") as f:
    f.writelines(f"{p} {fnv(new[p])}\n" for p in kept)
