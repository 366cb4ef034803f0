"""A library of adapters for the tests, and a command that counts what it is asked for."""

import json
import shutil
import struct
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LLAMA = ROOT / "testdata/inference/llama"


def make_library(tree: Path, count: int, broken: int = 0) -> Path:
    """`count` adapters, each with numbers of its own, and some of them broken."""
    weights = (LLAMA / "adapter/adapter_model.safetensors").read_bytes()
    (header,) = struct.unpack("<Q", weights[:8])
    start = 8 + header
    for index in range(count):
        # More than one level, as real libraries have.
        adapter = tree / f"task-{index % 7}" / f"adapter-{index:04}" / "alora"
        adapter.mkdir(parents=True)
        shutil.copy(LLAMA / "adapter/adapter_config.json", adapter)
        data = bytearray(weights)
        data[start : start + 4] = struct.pack("<f", (index + 1) / 1024)
        (adapter / "adapter_model.safetensors").write_bytes(data if index >= broken else data[:-100])
    return tree


def bytes_below(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


class CountingCommand:
    """Stands before the real command, and writes down each conversion that begins and each that ends."""

    def __init__(self, directory: Path, command: Path, seconds: float = 0) -> None:
        self.log = directory / "calls.log"
        self.path = directory / "alora"
        self.path.write_text(
            f"""#!{sys.executable} -IS
import os, subprocess, sys, time
def note(what):
    descriptor = os.open({str(self.log)!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(descriptor, (what + " " + sys.argv[2] + "\\n").encode())
    os.close(descriptor)
if sys.argv[1] != "convert":
    os.execv({str(command)!r}, [{str(command)!r}, *sys.argv[1:]])
note("begin")
time.sleep({seconds})
code = subprocess.run([{str(command)!r}, *sys.argv[1:]]).returncode
note("end")
sys.exit(code)
"""
        )
        self.path.chmod(0o755)

    def conversions(self, what: str = "begin") -> Counter[str]:
        """How often each adapter's conversion began."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return Counter("/".join(line.split("/")[-3:]) for line in lines if line.startswith(what))


def assert_same_bytes(first: Path, second: Path) -> None:
    """Two targets hold the same files with the same bytes, and no more."""
    one, two = bytes_below(first), bytes_below(second)
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []


def entries_of(target: Path) -> list[dict[str, object]]:
    document = json.loads((target / "manifest.json").read_text())
    assert isinstance(document["adapters"], list)
    return document["adapters"]
