#!/usr/bin/env python3
"""What a library costs: processor and wall time of one adapter, by the figures that docs/python.md extrapolates from.

    bench_fleet.py [COUNT]

Converts COUNT (default 60) links to the real adapter of testdata on one thread, in a temporary directory. Needs alora-gguf and fsspec.
"""
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import alora_gguf
from alora_gguf import library

FIXTURE = Path(__file__).resolve().parent.parent / "testdata/adapters/answerability"


def processor_seconds():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def measured(action):
    wall, processor = time.monotonic(), processor_seconds()
    action()
    return time.monotonic() - wall, processor_seconds() - processor


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as directory:
        tree, target = Path(directory, "tree"), Path(directory, "out")
        for index in range(count):
            adapter = tree / f"adapter-{index:05}"
            adapter.mkdir(parents=True)
            for file in (FIXTURE / "adapter-bf16").iterdir():
                (adapter / file.name).symlink_to(file)
        base = FIXTURE / "base-config"
        for outtype in ("auto", "f32"):
            with ThreadPoolExecutor(1) as one:
                wall, processor = measured(lambda: library.convert(tree, target, base=base, outtype=outtype, executor=one))
            [entry, *_] = library.read_manifest(str(target)).entries
            print(f"{outtype}: {wall / count * 1000:.0f} ms of wall, {processor / count * 1000:.0f} ms of processor time for each of"
                  f" {count} adapters; {entry.byte_count / 1e6:.1f} MB written for each")
        wall, _ = measured(lambda: library.convert(tree, target, base=base, outtype="f32"))
        print(f"nothing to do: {wall / count * 1000:.2f} ms for each")
        wall, processor = measured(lambda: [alora_gguf.convert(tree / "adapter-00000", base=base, dry_run=True) for _ in range(20)])
        print(f"a call that writes nothing: {wall / 20 * 1000:.0f} ms of wall, {processor / 20 * 1000:.0f} ms of processor time")
    print(f"{os.cpu_count()} processors; load before: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
