"""Files stay small enough to read: the median of the sources, the longest file, and testdata as a whole."""

import re
import statistics

from tracked import name, tracked

MEDIAN_LINES, GREATEST_LINES = 150, 500
# Longer today; a file that is split leaves this list, and none is added.
LONGER = {}
TESTDATA_BYTES = 30_000_000
BUILT = re.compile(r"(^|/)(\.build|\.cache|\.venv|__pycache__)/|\.(o|so|a|pyc)$")


def check(show_all):
    problems, counts = [], {}
    for path in tracked("Sources/**", "Tests/**.swift", "Fuzz/**", "scripts/**"):
        # A table that a script writes, one entry in a line.
        if path.suffix != ".json":
            counts[name(path)] = path.read_bytes().count(b"\n")
    problems += [f"{file}: {count} lines, at most {LONGER.get(file, GREATEST_LINES)}" for file, count in counts.items()
                 if count > LONGER.get(file, GREATEST_LINES)]
    sources = [count for file, count in counts.items() if file.startswith("Sources/") and file.endswith(".swift")]
    median = statistics.median(sources)
    if median > MEDIAN_LINES:
        problems.append(f"Sources: the median file has {median:g} lines, at most {MEDIAN_LINES}")
    size = sum(path.stat().st_size for path in tracked("testdata"))
    if size >= TESTDATA_BYTES:
        problems.append(f"testdata: {size} bytes, less than {TESTDATA_BYTES} are allowed")
    problems += [f"{name(path)}: build output is committed" for path in tracked() if BUILT.search(name(path))]
    return problems, [], f"{len(counts)} files, median of Sources {median:g} lines, longest {max(counts.values())}; testdata {size / 1e6:.1f} MB"
