"""Puts the native command into the wheel, as a script beside Python's own.

The command is what `make build` leaves, or the file that ALORA_BINARY names. An editable install has none: it uses the
command that ALORA_BINARY names at run time, or the one on the path.
"""

import os
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = Path(__file__).resolve().parents[2] / ".build/release/alora"


class CommandHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the command and the wheel's platform tag."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds them, unless the install is editable."""
        if version == "editable":
            return
        command = Path(os.environ.get("ALORA_BINARY", BUILT))
        if not command.is_file():
            raise FileNotFoundError(f"{command} does not exist; run make build, or set ALORA_BINARY")
        platform = os.environ.get("ALORA_WHEEL_PLATFORM") or sysconfig.get_platform()
        build_data["pure_python"] = False
        # One wheel for every Python 3. On Linux, auditwheel replaces linux_… by the manylinux tag that the binary meets.
        build_data["tag"] = "py3-none-" + platform.replace("-", "_").replace(".", "_")
        build_data["shared_scripts"] = {str(command): "alora"}
