"""What the oracles found, one class in a line: scripts/architectures/results.json, which `document.py` reads."""

import json
from pathlib import Path

FILE = Path(__file__).resolve().parent / "results.json"


def load():
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def record(found):
    """Adds to what is known: class → what an oracle found, which replaces what it found before."""
    known = load()
    for name, values in found.items():
        known.setdefault(name, {}).update(values)
    lines = [f"  {json.dumps(name)}: {json.dumps(known[name])}" for name in sorted(known, key=str.lower)]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def rounded(number):
    """Two digits: more differ from machine to machine."""
    return float(f"{number:.1e}")
