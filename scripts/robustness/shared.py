"""What every way of breaking the command needs: fixtures, a run with its end and usage, the judgement of that end, and its proof."""

import argparse
import collections
import dataclasses
import json
import os
import pathlib
import resource
import shutil
import signal
import string
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "testdata"
LLAMA = DATA / "inference" / "llama"
# What any file may cost.
SECONDS, BYTES = 10, 1 << 30


def make_model(directory):
    """A tiny model with a tokenizer of 64 letters, to generate from."""
    shutil.copytree(DATA / "inference" / "llama-output" / "base", directory)
    letters = string.ascii_letters + string.digits + "Ġ."
    settings = {"add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", **settings}, "post_processor": None,
        "decoder": {"type": "ByteLevel", **settings},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {letter: index for index, letter in enumerate(letters)}, "merges": []}}
    pathlib.Path(directory, "tokenizer.json").write_text(json.dumps(tokenizer))


def can_trace():
    """Whether strace may trace a process here: containers may forbid it, which says nothing about the command."""
    return subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode == 0


def is_one_line(text):
    """Whether this is how the command refuses: one line, complete, that names it."""
    return text.startswith("alora: ") and text.endswith("\n") and text.count("\n") == 1


@dataclasses.dataclass
class End:
    """How a run ended."""

    code: int | None
    output: str = ""
    errors: str = ""
    peak_bytes: int = 0
    # Why it was ended from outside.
    stopped: str | None = None

    def problem(self, codes=(0, 1, 2, 3, 4), controls="\n", most=BYTES):
        """What is wrong with this end, or None: any code but `codes`, not one line with 3 and 4, control characters but `controls`, more
        than `most` bytes of memory."""
        if self.stopped:
            return self.stopped
        if self.code not in codes:
            return f"ended with {self.code}"
        if self.code in (3, 4) and not is_one_line(self.errors):
            return "not one line"
        if any(ord(c) < 32 and c not in controls or 0x7F <= ord(c) < 0xA0 for c in self.output + self.errors):
            return "control characters"
        return f"{self.peak_bytes >> 20} MiB resident" if self.peak_bytes > most else None


def run(call, seconds=SECONDS, wall=None, preexec_fn=None, **options):
    """Runs a call to its end, or for so many seconds of the processor's time, or of the clock (`wall`)."""
    def prepare():
        # The processor's own seconds: what a busy machine takes from it besides is no fault. A limit on files goes last.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if wall is None:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        if preexec_fn:
            preexec_fn()

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        options = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": errors} | options
        process = subprocess.Popen(call, preexec_fn=prepare, **options)
        end = time.monotonic() + (wall or 12 * seconds)
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                state = "; ".join(pathlib.Path(p).read_text().strip()[:60] for p in (f"/proc/{process.pid}/wchan", f"/proc/{process.pid}/stat"))
                process.kill()
                os.wait4(process.pid, 0)
                process.returncode = -signal.SIGKILL
                return End(None, stopped=f"not done within {wall} s" if wall else f"waits ({state})")
            time.sleep(0.002)
        code = process.returncode = os.waitstatus_to_exitcode(status)
        for file in (out, errors):
            file.seek(0)
        said, text = (file.read(1 << 20).decode("utf-8", "replace") for file in (out, errors))
    stopped = f"not done within {seconds} s" if code == -signal.SIGXCPU else None
    return End(code, said, text, usage.ru_maxrss * 1024, stopped)


def misses(planted, judge):
    """What a detector misses of commands that do one wrong thing each, or sees where nothing is. `planted` are shell scripts, each
    with a part of what is to be found in it, or None; `judge` takes the path of one and returns what it finds."""
    missed = []
    with tempfile.TemporaryDirectory(prefix="alora-fakes-") as root:
        fake = os.path.join(root, "fake")
        for script, expected in planted:
            pathlib.Path(fake).write_text("#!/bin/sh\n" + script + "\n")
            os.chmod(fake, 0o755)
            problem = judge(fake)
            if (expected is None) != (problem is None) or (expected and expected not in problem):
                missed.append(f"the detector says '{problem}' about: {script}")
    return missed


# What each call of a trial must not do, as `misses` takes it. Some machines need seconds to give out a gigabyte, so that the call that
# takes too much memory is judged by a smaller limit.
FAKE_BYTES = 64 << 20
PLANTED = [
    ("kill -SEGV $$", "ended with -11"), ("exit 9", "ended with 9"), ("echo x >&2; exit 3", "not one line"), ("exit 3", "not one line"),
    ("printf 'alora: \\033[2J\\n' >&2; exit 3", "control"), ("printf '\\033[2J\\n'; exit 0", "control"), ("while :; do :; done", "not done"),
    (f"exec {sys.executable} -c 'bytes([97]) * {2 * FAKE_BYTES}'", "MiB resident"), ("echo alora: a >&2; exit 3", None), ("exit 0", None),
]


class Trial:
    """Parts that are run one after the other, each with a directory of its own, and what goes wrong in them."""

    # With --quick, one call in so many is made.
    QUICK = 37

    def __init__(self, description, parts, quick_help=f"one call in {QUICK}"):
        parser = argparse.ArgumentParser(description=description.splitlines()[0])
        parser.add_argument("binary")
        parser.add_argument("--quick", action="store_true", help=quick_help)
        names = {part.__name__: part for part in parts}
        parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(names))
        options = parser.parse_intermixed_args()
        unknown = [name for name in options.parts if name not in names]
        if unknown:
            parser.error(f"no such part: {', '.join(unknown)}")
        self.binary, self.quick = str(pathlib.Path(options.binary).resolve()), options.quick
        self.parts = [names[name] for name in options.parts or names]
        self.wrong, self.codes, self.count, self.lock = [], collections.Counter(), 0, threading.Lock()

    def prove(self):
        """Ends the process where the judgement misses what is planted for it."""
        if missed := misses(PLANTED, lambda fake: run([fake], seconds=2).problem(controls="\n\t", most=FAKE_BYTES)):
            sys.exit("\n".join(missed))

    def fail(self, text):
        self.wrong.append(text)
        print(text, file=sys.stderr, flush=True)

    def expect(self, condition, text):
        if not condition:
            self.fail(text)

    def call(self, name, words, codes=(0, 1, 2, 3, 4), **options):
        """Makes a call, or leaves it out with --quick; what is wrong with its end is a failure of that name."""
        with self.lock:
            self.count += 1
            if self.quick and self.count % self.QUICK:
                return
        end = run([self.binary, *words], **options)
        self.codes[end.code] += 1
        problem = end.problem(codes, controls="\n\t")
        # A tree's failures stand in its table.
        if problem == "not one line" and "--recursive" in words and (" adapters converted" in end.output or " adapter converted" in end.output):
            problem = None
        if problem:
            self.fail(f"{name}: {problem}: {' '.join(map(repr, words))[:400]}: {(end.output + end.errors)[-400:]!r}")

    def run(self):
        """Runs the parts; the exit code."""
        for part in self.parts:
            start = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="alora-trial-") as root:
                said = part(self, root)
            print(f"{part.__name__}: {said}{f', one in {self.QUICK}' if self.quick and self.count else ''} ({time.monotonic() - start:.0f} s)", flush=True)
        if self.codes:
            print(f"{sum(self.codes.values())} calls: exit codes {dict(sorted(self.codes.items(), key=str))}")
        print(f"{len(self.wrong)} failures")
        return 1 if self.wrong else 0
