"""Writes Sources/AloraTokenization/UnicodeAdditions.swift: what tokenizers' Oniguruma knows and Debian 12's does not.

    python unicode_additions.py ../../Sources/AloraTokenization/UnicodeAdditions.swift [libonig.so.5]

needs tokenizers, and Oniguruma 6.9.8 as a shared library. Every character is matched by both.
"""
import ctypes
import sys
import textwrap

from tokenizers import Regex, pre_tokenizers

NAMES = ["Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Po", "Sm", "So", "Cf",
         "Han", "Hiragana", "Katakana", "w"]
onig = ctypes.CDLL(sys.argv[2] if len(sys.argv) > 2 else "libonig.so.5")
UTF8 = ctypes.addressof(ctypes.c_byte.in_dll(onig, "OnigEncodingUTF8"))
SYNTAX = ctypes.addressof(ctypes.c_byte.in_dll(onig, "OnigSyntaxOniguruma"))
onig.onig_initialize((ctypes.c_void_p * 1)(UTF8), 1)
onig.onig_match.argtypes = [ctypes.c_void_p] * 5 + [ctypes.c_uint]
scalars = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
everything = "".join(map(chr, scalars))


def local(pattern):
    regex, source = ctypes.c_void_p(), ctypes.create_string_buffer(pattern.encode())
    start = ctypes.addressof(source)
    info = ctypes.create_string_buffer(64)
    end = ctypes.c_void_p(start + len(pattern))
    code = onig.onig_new(ctypes.byref(regex), ctypes.c_void_p(start), end, ctypes.c_uint(0), ctypes.c_void_p(UTF8),
                         ctypes.c_void_p(SYNTAX), info)
    assert code == 0, pattern
    found = set()
    for c in scalars:
        data = chr(c).encode()
        buffer = ctypes.create_string_buffer(data)
        at = ctypes.addressof(buffer)
        if onig.onig_match(regex, at, at + len(data), at, None, 0) == len(data):
            found.add(c)
    return found


def original(pattern):
    others = pre_tokenizers.Split(Regex(f"(?!{pattern})[\\s\\S]"), "removed")
    return {ord(c) for piece, _ in others.pre_tokenize_str(everything) for c in piece}


def runs(characters):
    result = []
    for c in sorted(characters):
        if result and result[-1][1] == c - 1:
            result[-1][1] = c
        else:
            result.append([c, c])
    return result


with open(sys.argv[1], "w") as f:
    f.write('''/// Characters that Unicode 16 has and Unicode 14 has not, by general category, script, and `w` for the class `\\\\w`.
///
/// Hugging Face's tokenizers carry Oniguruma 6.9.10 (Unicode 16); Debian 12 has 6.9.8 (Unicode 14). Patterns get the
/// difference written out, so that both match alike. With a newer Oniguruma the additions change nothing.
/// Source: `testdata/tokenizers/unicode_additions.py`, which compares the two over all characters.
enum UnicodeAdditions {
  /// Inclusive ranges, first and last one after the other.
  static let ranges: [String: [UInt32]] = [
'''.replace("\\\\", "\\"))
    for name in NAMES:
        pattern = "\\w" if name == "w" else f"\\p{{{name}}}"
        added = runs(original(pattern) - local(pattern))
        if added:
            body = textwrap.wrap(", ".join(f"0x{a:X}, 0x{b:X}" for a, b in added) + ",", 108)
            f.write(f'    "{name}": [\n' + "".join(f"      {line}\n" for line in body) + "    ],\n")
    f.write("  ]\n}\n")
