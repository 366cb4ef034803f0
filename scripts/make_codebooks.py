"""Write Sources/CAloraKernels/formats/codebook_tables.c: the codebooks of ggml's IQ types, as the `gguf` package has them.

usage: make_codebooks.py        (needs numpy and gguf)

One word for each entry, with half a byte for each of its eight or four elements: element i is the low half of byte i, or from the fifth on
the high half of byte i - 4. The values that the halves stand for are in codebooks.c and coded.inc.h.
IQ1's book is there twice, the second time with bit 3 of all halves.
"""
import importlib.metadata
from pathlib import Path

import numpy as np
from gguf import quants

TARGET = Path(__file__).resolve().parent.parent / "Sources/CAloraKernels/formats/codebook_tables.c"


def place(i):
    return 8 * (i % 4) + 4 * (i // 4)


def words(kind):
    kind.init_grid()
    values = kind.grid.reshape(kind.grid_shape).astype(int)
    index = {value: i for i, value in enumerate(kind.grid_map)}
    return [sum(index[v] << place(i) for i, v in enumerate(entry)) for entry in values.tolist()]


def rows(entries, form):
    return ["    " + " ".join(form.format(f"{word:#x}") for word in entries[start:start + 12]) for start in range(0, len(entries), 12)]


def table(name, entries):
    return [f"const uint32_t alora_{name}[{len(entries)}] = {{", *rows(entries, "{},"), "};", ""]


def table_twice(name, entries):
    return [
        "#define AS_IT_IS(word) word,", "#define WITH_TOPS(word) (word) | 0x88888888u,", "#define ENTRIES(E) \\",
        *(line + " \\" for line in rows(entries, "E({})")), "", f"const uint32_t alora_{name}[{2 * len(entries)}] = {{ENTRIES(AS_IT_IS) ENTRIES(WITH_TOPS)}};", "",
    ]


lines = [
    f"// Written by scripts/make_codebooks.py from the gguf package, version {importlib.metadata.version('gguf')}.",
    '#include "codebooks.h"', "",
]
for kind in (quants.IQ2_XXS, quants.IQ2_XS, quants.IQ2_S, quants.IQ3_XXS, quants.IQ3_S, quants.IQ1_S):
    make = table_twice if kind is quants.IQ1_S else table
    lines += make(f"{kind.__name__.lower()}_codebook", words(kind))
signs = [sum((bits >> i & 1) << place(i) + 3 for i in range(8)) for bits in range(256)]
lines += table("sign_halves", signs)
lines += table("even_sign_halves", [signs[bits | bits.bit_count() % 2 << 7] for bits in range(128)])
TARGET.write_text("\n".join(lines[:-1]) + "\n")
