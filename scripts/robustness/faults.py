#!/usr/bin/env python3
"""Kills the command, or makes a system call fail, at every step at which it changes a file.

strace counts the calls of a run that ends well; then the run is repeated for each of them, once killed there (SIGKILL)
and once for each error that the call may give. What may stand at the output's path afterwards is the whole old file or
the whole new one; nothing else may be left in its directory; a failed call ends the run with 4 and one line. A run killed
while it replaces a file may leave it under a temporary name, which the next run must remove. Everything is repeated as
on a file system without nameless files (O_TMPFILE). At last come a real file system that is full, a limit on file sizes,
and standard streams that are closed or full.

    scripts/robustness faults BINARY [--only NAME]
"""

import argparse
import collections
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from shared import LLAMA, can_trace, is_one_line, make_model

# Calls that change what a directory or a file holds, or promise that it is on the disk, and what each may fail with.
ERRORS = {
    "openat": ["ENOSPC", "EACCES"], "write": ["ENOSPC", "EIO"], "fsync": ["EIO", "ENOSPC"], "linkat": ["ENOSPC", "EIO"],
    "rename": ["EIO"], "renameat2": ["EIO", "ENOSPC"], "link": ["EIO"], "unlink": ["EIO"], "sync_file_range": ["EIO"],
    "flock": ["ENOLCK"], "close": ["EIO"], "exit_group": [],
}
# Failures that change nothing: hints, tidying, and closing what has been synced.
HARMLESS = {"unlink", "sync_file_range", "flock", "close"}
STEP = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(\w+)\((.*)$")


def calls(generator):
    """What writes: a name, the words, with {o} for the output. `generator` is a model with a tokenizer."""
    model, adapter = str(LLAMA / "base"), str(LLAMA / "adapter")
    tokens = ["--tokens", "1,5,17,6,9"]
    return [
        ("convert", ["convert", adapter, "--base", model, "--outfile", "{o}"]),
        ("convert-json", ["convert", adapter, "--base", model, "--outfile", "{o}", "--json"]),
        ("logits", ["logits", "--model", model, "--adapter", adapter, *tokens, "--output", "{o}"]),
        ("cache", ["run", "--model", generator, "--prompt", "a b", "-n", "2", "--quiet", "--save-cache", "{o}"]),
    ]


class Step(collections.namedtuple("Step", "name number text")):
    """The number-th call of a name in the main thread, counted from 1."""

    @property
    def descriptor(self):
        found = re.match(r"(\d+)", self.text)
        return int(found.group(1)) if found else None

    @property
    def changes(self):
        return self.name != "openat" or "O_CREAT" in self.text or "O_TMPFILE" in self.text


class Failure(Exception):
    pass


class Place:
    """A directory with the output in it, and what may stand there."""

    def __init__(self, root, binary, words):
        self.directory = os.path.join(root, "out")
        self.output = os.path.join(self.directory, "file")
        self.trace = os.path.join(root, "trace")
        self.call = [binary, *(word.replace("{o}", self.output) for word in words)]
        self.old = b"what stood here before"

    def reset(self, replacing):
        shutil.rmtree(self.directory, ignore_errors=True)
        os.mkdir(self.directory)
        if replacing:
            pathlib.Path(self.output).write_bytes(self.old)

    def run(self, replacing, injections=()):
        names = sorted(ERRORS)
        options = [word for injection in injections for word in ("-e", "inject=" + injection)]
        command = ["strace", "-f", "-o", self.trace, "-e", "trace=" + ",".join("?" + n for n in names), *options, *self.call]
        return subprocess.run(command + (["--force"] if replacing else []), stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60)

    def steps(self):
        """The calls of the run that has just ended."""
        found, counts, main, others = [], collections.Counter(), None, set()
        for line in pathlib.Path(self.trace).read_text(errors="replace").splitlines():
            pid = line.split()[0]
            main = main or pid
            match = STEP.match(line)
            if not match or pid != main:
                continue
            counts[match[1]] += 1
            step = Step(match[1], counts[match[1]], match[2])
            # What glibc looks up when it gives memory back, which it does in some runs only.
            if step.name == "openat" and "/proc/sys/vm/" in step.text:
                others.add(line.rpartition("= ")[2].strip())
            elif step.name == "close" and str(step.descriptor) in others:
                others.remove(str(step.descriptor))
            else:
                found.append(step)
        return found

    def names(self):
        return sorted(os.listdir(self.directory))

    def content(self):
        try:
            return pathlib.Path(self.output).read_bytes()
        except FileNotFoundError:
            return None


def require(condition, text):
    if not condition:
        raise Failure(text)


def check_kill(place, new, replacing, nameless):
    before = place.old if replacing else None
    require(place.content() in (before, new), "neither the old file nor the new one")
    if nameless and not replacing:
        require(place.names() in ([], ["file"]), f"left behind: {place.names()}")
    check_left(place, new)


def check_left(place, new):
    """A temporary file may have been left, but not by the next run to the same path."""
    left = [name for name in place.names() if name != "file"]
    require(all(re.fullmatch(r"\.file\.alora-\d+\.tmp", name) for name in left) and len(left) <= 1, f"left behind: {left}")
    if left:
        subprocess.run([*place.call, "--force"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        require(place.names() == ["file"] and place.content() == new, f"the next run leaves {place.names()}")


def check_error(place, new, replacing, step, result):
    before = place.old if replacing else None
    content, code = place.content(), result.returncode
    require(content in (before, new), "neither the old file nor the new one")
    # A standard stream that cannot be written to ends the run where it is.
    ends_at_once = step.name == "write" and step.descriptor in (1, 2)
    if step.name == "unlink" or ends_at_once:
        check_left(place, new)
    else:
        require(place.names() in ([], ["file"]), f"left behind: {place.names()}")
    if code == 0:
        require(content == new, "ended with 0 without the new file")
        return
    require(code == 4, f"ended with {code}: {result.stderr[-300:]!r}")
    if step.name == "write" and step.descriptor == 2:
        return
    require(is_one_line(result.stderr.decode("utf-8", "replace")), f"not one line: {result.stderr[:300]!r}")
    if not ends_at_once:
        require(content == before, "ended with 4 and the new file")


def exercise(name, place):
    """All steps of one call; the number of runs, and what went wrong."""
    runs, wrong = 0, []
    place.reset(False)
    result = place.run(False)
    if result.returncode:
        return 1, [f"{name}: undamaged it ends with {result.returncode}: {result.stderr[-300:]!r}"]
    new = place.content()
    for replacing in (False, True):
        for nameless in (True, False):
            place.reset(replacing)
            place.run(replacing)
            opening = [s for s in place.steps() if s.name == "openat" and "O_TMPFILE" in s.text]
            require(len(opening) == 1, f"{name}: {len(opening)} nameless files were opened")
            refusal = [] if nameless else [f"openat:error=EOPNOTSUPP:when={opening[0].number}"]
            place.reset(replacing)
            place.run(replacing, refusal)
            require(place.content() == new and place.names() == ["file"], f"{name}: two runs write different files")
            steps = place.steps()
            first = next(i for i, s in enumerate(steps) if s.name == "openat" and s.changes)
            for step in steps[first:]:
                if not step.changes or (step.name == "openat" and refusal):
                    continue
                for effect in ["signal=KILL", *("error=" + error for error in ERRORS[step.name])]:
                    place.reset(replacing)
                    runs += 1
                    result = place.run(replacing, [*refusal, f"{step.name}:{effect}:when={step.number}"])
                    try:
                        if effect == "signal=KILL":
                            require(result.returncode in (-9, 137), f"not killed: {result.returncode}")
                            check_kill(place, new, replacing, nameless)
                        else:
                            check_error(place, new, replacing, step, result)
                            failed_quietly = result.returncode == 0 and step.name not in HARMLESS
                            # The directory's sync comes after the file is in its place; an open may be tried otherwise.
                            late = step.name == "fsync" and step.number > 1 or step.name in ("openat", "renameat2")
                            require(not failed_quietly or late, "ended with 0")
                    except Failure as failure:
                        how = ("replacing" if replacing else "new") + (", nameless" if nameless else ", named")
                        wrong.append(f"{name} ({how}), {effect} at {step.name} {step.number}({step.text[:80]}: {failure}")
    return runs, wrong


def full_disk(binary, generator):
    """A real file system without room for the output; None where none can be mounted."""
    wrong = []
    with tempfile.TemporaryDirectory(prefix="alora-full-") as root:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", root], capture_output=True).returncode:
            return None
        try:
            output = os.path.join(root, "file")
            for replacing in (False, True):
                if replacing:
                    pathlib.Path(output).write_bytes(b"old")
                with open(os.path.join(root, "filler"), "wb", buffering=0) as filler:
                    try:
                        while True:
                            filler.write(bytes(4096))
                    except OSError:
                        pass
                for name, words in calls(generator):
                    words = [word.replace("{o}", output) for word in words] + (["--force"] if replacing else [])
                    wrong += bad_end(f"{name} on a full disk", [binary, *words], {})
                    if sorted(os.listdir(root)) != ["file", "filler"][not replacing:] \
                            or (replacing and pathlib.Path(output).read_bytes() != b"old"):
                        wrong.append(f"{name} on a full disk leaves {os.listdir(root)}")
                os.unlink(os.path.join(root, "filler"))
        finally:
            subprocess.run(["umount", root], check=True)
    return wrong


def bad_end(name, call, options):
    """What is wrong with a run that must end with 4 and one line, in a list."""
    result = subprocess.run(call, stdin=subprocess.DEVNULL, timeout=60, **({"capture_output": True} | options))
    if result.returncode == 4 and is_one_line(result.stderr.decode("utf-8", "replace")):
        return []
    return [f"{name}: ends with {result.returncode}: {result.stderr[:300]!r}"]


def streams_and_limits(binary, root, generator):
    """Limited file sizes, and standard streams that are closed or full: no message may end up in the output."""
    wrong, output = [], os.path.join(root, "limited")
    for name, words in calls(generator):
        call = [binary, *(word.replace("{o}", output) for word in words)]
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        wrong += bad_end(f"{name} with files of at most 1000 bytes", call, {"preexec_fn": limit})
        if os.path.exists(output):
            wrong.append(f"{name} with files of at most 1000 bytes: writes")
        subprocess.run(call, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
        expected = pathlib.Path(output).read_bytes()
        for closed in ((0,), (1,), (2,), (0, 1, 2)):
            pathlib.Path(output).unlink(missing_ok=True)
            close = lambda: [os.close(descriptor) for descriptor in closed]
            result = subprocess.run(call, preexec_fn=close, capture_output=True, timeout=60)
            found = pathlib.Path(output).read_bytes() if os.path.exists(output) else None
            # What cannot be told makes it an I/O failure, with the file or, where text comes first, without.
            if found not in (expected, None) or result.returncode not in (0, 4) or (result.returncode == 0 and not found):
                wrong.append(f"{name} with {closed} closed: ends with {result.returncode}, or writes another file")
        pathlib.Path(output).unlink(missing_ok=True)
        if name.startswith("convert"):
            with open("/dev/full", "wb") as full:
                wrong += bad_end(f"{name} into a full standard output", call,
                                 {"capture_output": False, "stdout": full, "stderr": subprocess.PIPE})
            os.unlink(output)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--only")
    options = parser.parse_args()
    binary = str(pathlib.Path(options.binary).resolve())
    if not can_trace():
        print("faults: SKIPPED, strace may not trace a process here: nothing was tested", file=sys.stderr)
        return 0
    start, total, wrong = time.monotonic(), 0, []
    with tempfile.TemporaryDirectory(prefix="alora-faults-") as root:
        generator = os.path.join(root, "model")
        make_model(generator)
        for name, words in calls(generator):
            if options.only in (None, name):
                try:
                    runs, failures = exercise(name, Place(root, binary, words))
                except Failure as failure:
                    runs, failures = 1, [str(failure)]
                total += runs
                wrong += failures
                print(f"{name}: {runs} faults, {len(failures)} failures")
        full = full_disk(binary, generator)
        print("full disk: " + ("not tested, none can be mounted here" if full is None else f"{len(full)} failures"))
        others = streams_and_limits(binary, root, generator)
        print(f"limited files, closed and full streams: {len(others)} failures")
        wrong += (full or []) + others
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{total} faults in {time.monotonic() - start:.0f} s, {len(wrong)} failures")
    return 1 if wrong or not total else 0


if __name__ == "__main__":
    sys.exit(main())
