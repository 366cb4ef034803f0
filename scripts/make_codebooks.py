"""Write Sources/CAloraKernels/formats/codebooks.h: the codebooks of ggml's IQ types, as the `gguf` package has them.

usage: make_codebooks.py        (needs numpy and gguf)

One 16-bit word for each entry: eight elements of two bits, or four of three, the first in the lowest bits. The values that
the bits stand for are in codebooks.c.
"""
import importlib.metadata
from pathlib import Path

import numpy as np
from gguf import quants

TARGET = Path(__file__).resolve().parent.parent / "Sources/CAloraKernels/formats/codebooks.h"


def words(kind):
    kind.init_grid()
    values = kind.grid.reshape(kind.grid_shape).astype(int)
    bits = 2 if kind.grid_shape[1] == 8 else 3
    index = {value: i for i, value in enumerate(kind.grid_map)}
    return [sum(index[v] << bits * i for i, v in enumerate(entry)) for entry in values.tolist()]


lines = [
    f"// Written by scripts/make_codebooks.py from the gguf package, version {importlib.metadata.version('gguf')}.",
    "// One word for each entry: eight elements of two bits or four of three, the first in the lowest bits.",
    "#ifndef ALORA_CODEBOOKS_H", "#define ALORA_CODEBOOKS_H", "", "#include <stdint.h>", "",
]
for kind in (quants.IQ2_XXS, quants.IQ2_XS, quants.IQ2_S, quants.IQ3_XXS, quants.IQ3_S, quants.IQ1_S):
    name = kind.__name__.lower()
    entries = words(kind)
    lines.append(f"static const uint16_t {name}_codebook[{len(entries)}] = {{")
    for start in range(0, len(entries), 17):
        lines.append("    " + " ".join(f"{word}," for word in entries[start:start + 17]))
    lines += ["};", ""]
lines.append("#endif")
TARGET.write_text("\n".join(lines) + "\n")
