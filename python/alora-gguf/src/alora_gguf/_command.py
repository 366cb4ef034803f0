"""Finding and running the native command."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from alora_gguf._decode import MismatchError, decode
from alora_gguf.errors import CommandError, FileAccessError, error_from

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far a long run is.

    Attributes:
        label: What the command is doing, such as ``verifying``.
        fraction: How much of it is done, from 0 to 1.
        seconds_left: An estimate; None until there is one.
    """

    label: str
    fraction: float
    seconds_left: int | None


ProgressCallback = Callable[[Progress], None]


def find_alora() -> Path:
    """The command: the one that ALORA_BINARY names, the one installed with this package, or the first on the path.

    Raises:
        CommandError: There is none.
    """
    named = os.environ.get("ALORA_BINARY")
    if named:
        if os.access(named, os.X_OK) and os.path.isfile(named):
            return Path(named)
        raise CommandError(f"ALORA_BINARY names {named}, which is not an executable file")
    packages = Path(__file__).resolve().parents[1]
    # First the binary itself, if auditwheel has put libraries beside it: the script is then only a shim in Python.
    directories = [str(packages / "alora_gguf.scripts"), sysconfig.get_path("scripts")]
    if sysconfig.get_preferred_scheme("user"):
        directories.append(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")))
    # `pip install --target DIR` puts scripts into DIR/bin, beside the package.
    directories.append(str(packages / "bin"))
    for directory in directories:
        candidate = Path(directory, "alora")
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    found = shutil.which("alora")
    if found is None:
        raise CommandError("there is no command alora; install the wheel alora-gguf, or set ALORA_BINARY")
    return Path(found)


def arguments(**options: object) -> list[str]:
    """Options as arguments, each in one word, so that a value is never taken for a flag.

    None and False leave an option out; True is a flag; a list repeats it.

    Examples:
        >>> arguments(dry_run=True, base="b", outfile=None, ignore_field=["x", "y"])
        ['--dry-run', '--base=b', '--ignore-field=x', '--ignore-field=y']
    """
    words = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            words.append(flag)
        else:
            values = value if isinstance(value, (list, tuple)) else [value]
            words += [f"{flag}={_text(item)}" for item in values]
    return words


def positional(value: str | os.PathLike[str]) -> str:
    """A path as an argument: one that begins with a dash would be an option."""
    text = os.fspath(value)
    return "./" + text if text.startswith("-") else text


def _text(value: object) -> str:
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def run_json(
    kind: type[T],
    words: Sequence[str],
    *,
    accepted: Sequence[int] = (0,),
    progress: ProgressCallback | None = None,
    timeout: float | None = None,
) -> T:
    """Runs the command with --json, and decodes what it prints.

    Args:
        kind: The type of the result.
        words: The command's arguments.
        accepted: The exit codes that come with a result. Others are exceptions.
        progress: Called now and then while a long run goes on.
        timeout: Seconds after which the command is ended.

    Raises:
        AloraError: The command refused or failed, or took too long.
    """
    # Quiet: what is on standard error is then the refusal alone. Progress is not shown to who wants quiet.
    command = [str(find_alora()), *words, "--json", *([] if progress else ["--quiet"])]
    run = _run_with_progress if progress else _run
    code, output, messages = run(command, progress, timeout)
    if code not in accepted:
        raise error_from(code, messages, command)
    try:
        document = json.loads(output)
        return decode(kind, document)
    except (ValueError, MismatchError) as error:
        # A report file that could not be written, say, ends with 4 after the result was printed.
        if code != 0 and not output.strip():
            raise error_from(code, messages, command) from None
        raise CommandError(f"alora printed what this package cannot read: {error}", command=command) from error


def _environment() -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1"}


def _start(command: Sequence[str], **streams: Any) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, env=_environment(), **streams)
    except OSError as error:
        raise CommandError(f"{command[0]}: {error.strerror or error}", command=command) from error
    except ValueError as error:
        # A path with a zero byte.
        raise FileAccessError(f"the call cannot be made: {error}", command=command) from error


def _run(command: Sequence[str], _: object, timeout: float | None) -> tuple[int, str, str]:
    process = _start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with _ended_on_failure(process):
        try:
            output, messages = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise CommandError(f"alora took more than {timeout} s", command=command) from None
    return process.returncode, output.decode("utf-8", "replace"), messages.decode("utf-8", "replace")


def _run_with_progress(
    command: Sequence[str], progress: ProgressCallback | None, timeout: float | None
) -> tuple[int, str, str]:
    """As `_run`, with standard error on a terminal of our own: the command shows progress to terminals only."""
    if sys.platform == "win32":  # pragma: no cover - the command does not run there
        return _run(command, None, timeout)
    import pty
    import tty

    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    try:
        process = _start(command, stdout=subprocess.PIPE, stderr=theirs)
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    output: list[bytes] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lambda stream: output.append(stream.read()), args=(process.stdout,), daemon=True)
    messages = ""
    try:
        with _ended_on_failure(process):
            reader.start()
            for piece in _pieces(ours, process, command, timeout):
                messages = _report(messages + piece, progress)
            process.wait()
            reader.join()
    finally:
        os.close(ours)
    return process.returncode, b"".join(output).decode("utf-8", "replace"), _LINE.sub("", messages)


def _pieces(descriptor: int, process: subprocess.Popen[bytes], command: Sequence[str], timeout: float | None) -> Iterator[str]:
    """What the command writes to its terminal, as it comes."""
    import select

    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise CommandError(f"alora took more than {timeout} s", command=command)
        # The short wait is for a process that has ended without a word: not every system says so at the terminal.
        ready, _, _ = select.select([descriptor], [], [], 0.2 if left is None else min(left, 0.2))
        if not ready:
            if process.poll() is not None:
                return
            continue
        try:
            data = os.read(descriptor, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return
        if not data:
            return
        yield data.decode("utf-8", "replace")


# The line of progress as the command draws it, and as it takes it away.
_LINE = re.compile(r"\r\x1b\[K(?:(?P<label>[^\r\n\x1b]+?) (?P<percent>\d+) %(?: (?P<left>\d+) s left)?(?=[\r\n]|$))?")


def _report(text: str, progress: ProgressCallback | None) -> str:
    """Calls back for each line of progress in the text; what is left are messages."""

    def call(match: re.Match[str]) -> str:
        if match["label"] and progress:
            left = match["left"]
            progress(Progress(match["label"], int(match["percent"]) / 100, int(left) if left else None))
        return ""

    complete = text.rfind("\r")
    # The last line may not be complete; it is when the next one begins.
    return text if complete < 0 else _LINE.sub(call, text[:complete]) + text[complete:]


class _ended_on_failure:  # noqa: N801 - it reads as a statement
    """Ends the process where its caller goes on without it: after Ctrl-C, a time-out, or a callback's exception."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
