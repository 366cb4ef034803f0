"""Convert LoRA and Activated LoRA adapters to GGUF, look into them, and prove them.

The functions run the native command `alora` that this package installs, and return what it reports as typed values:

    >>> import alora_gguf
    >>> result = alora_gguf.convert("my-adapter", base="base-config", outfile="adapter.gguf")  # doctest: +SKIP
    >>> result.invocation_tokens  # doctest: +SKIP
    (1, 11247, 1307, 5)

What the command refuses is an exception with the file, the place in it, the problem, and what to do about it.
"""

from alora_gguf import results
from alora_gguf._command import Progress, find_alora
from alora_gguf.commands import (
    convert,
    convert_tree,
    diff,
    inspect,
    logits,
    record_golden,
    tokenize,
    tokens,
    verify,
    verify_server,
)
from alora_gguf.errors import AloraError, CommandError, FileAccessError, InputRefusedError, UsageError
from alora_gguf.golden import golden_from_peft

__version__ = "0.2.0"

__all__ = [
    "AloraError",
    "CommandError",
    "FileAccessError",
    "InputRefusedError",
    "Progress",
    "UsageError",
    "__version__",
    "convert",
    "convert_tree",
    "diff",
    "find_alora",
    "golden_from_peft",
    "inspect",
    "logits",
    "record_golden",
    "results",
    "tokenize",
    "tokens",
    "verify",
    "verify_server",
]
