"""Writes Sources/AloraTokenization/PunctuationTable.swift: what tokenizers' pre-tokenizer Punctuation takes for punctuation.

    python unicode_punctuation.py ../../Sources/AloraTokenization/PunctuationTable.swift

needs tokenizers, which is asked character by character: its table is of an older Unicode than its regular expressions'.
"""
import sys
import textwrap

from tokenizers import pre_tokenizers

everything = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
rest = {c for piece, _ in pre_tokenizers.Punctuation("removed").pre_tokenize_str(everything) for c in piece}
runs = []
for c in sorted(set(map(ord, everything)) - set(map(ord, rest))):
    if runs and runs[-1][1] == c - 1:
        runs[-1][1] = c
    else:
        runs.append([c, c])
body = textwrap.wrap(", ".join(f"0x{a:X}, 0x{b:X}" for a, b in runs) + ",", 112)
with open(sys.argv[1], "w") as f:
    f.write("""/// What the pre-tokenizer Punctuation takes for punctuation.
///
/// Source: made by `testdata/tokenizers/unicode_punctuation.py`.
enum PunctuationTable {
  static func contains(_ scalar: UInt32) -> Bool {
    var (low, high) = (0, ranges.count / 2)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle * 2 + 1] < scalar { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count / 2 && ranges[low * 2] <= scalar
  }

  /// Inclusive ranges, ascending, first and last one after the other.
  private static let ranges: [UInt32] = [
""" + "".join(f"    {line}\n" for line in body) + "  ]\n}\n")
print(len(runs), "ranges")
