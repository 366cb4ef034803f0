"""`python -m alora_gguf`: the command, for when its directory is not on the path."""

import os
import sys

from alora_gguf._command import find_alora


def main() -> None:
    """Replaces this process by the command."""
    command = str(find_alora())
    os.execv(command, [command, *sys.argv[1:]])


if __name__ == "__main__":
    main()
