"""What can go wrong: one exception for each exit code of the command."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

__all__ = ["AloraError", "CommandError", "FileAccessError", "InputRefusedError", "UsageError"]


class AloraError(Exception):
    """The command did not do what it was asked to.

    Attributes:
        message: The command's own line, whole.
        exit_code: The command's exit code; None if a signal ended it.
        path: The file or directory, if the line names one.
        place: The place in it, such as ``$.rank_pattern`` or ``tensor blk.0.attn_q.weight``.
        problem: What is wrong.
        remedy: What to do about it, if something can be done.
        command: The call, as a list of arguments.
    """

    def __init__(
        self,
        message: str,
        *,
        exit_code: int | None = None,
        path: str | None = None,
        place: str | None = None,
        problem: str | None = None,
        remedy: str | None = None,
        command: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.path = path
        self.place = place
        self.problem = problem if problem is not None else message
        self.remedy = remedy
        self.command = list(command)

    def __reduce__(self) -> tuple[object, ...]:
        # An executor sends exceptions from one process to another.
        return (_restored, (type(self), self.message, self.__dict__))


def _restored(kind: type[AloraError], message: str, attributes: dict[str, object]) -> AloraError:
    error = kind(message)
    error.__dict__.update(attributes)
    return error


class UsageError(AloraError):
    """The call was wrong (exit code 2)."""


class InputRefusedError(AloraError):
    """A file or a value is malformed, unsupported, or does not fit the others (exit code 3)."""


class FileAccessError(AloraError):
    """A file could not be opened, read or written (exit code 4)."""


class CommandError(AloraError):
    """The command is missing, was ended by a signal, or printed something that this package cannot read."""


_KINDS: dict[int, type[AloraError]] = {2: UsageError, 3: InputRefusedError, 4: FileAccessError}

# How the command names a place: a JSON path, a flag or a key, or a thing with its name and perhaps an offset.
_PLACE = re.compile(
    r"\$\S*|--?[a-z]\S*(?: [^:\s]+)?|[\w.\-\[\]]+"
    r"|(?:added tokens|tensor|key|array|byte|line|module|position|layer|case|base|shard|prompt|text)\b(?: (?:[^:]|:(?! ))+)?"
)


def parsed(line: str, known_paths: Sequence[str] = ()) -> dict[str, str | None]:
    """The parts of a refusal, which is one line: ``path: place: problem; remedy``.

    Examples:
        >>> sorted(parsed("a/b.gguf: byte 24: the key is empty; get the file again", ["a/b.gguf"]).items())
        [('path', 'a/b.gguf'), ('place', 'byte 24'), ('problem', 'the key is empty'), ('remedy', 'get the file again')]
    """
    path, rest = _split_path(line, known_paths)
    place = None
    head, colon, tail = rest.partition(": ")
    if colon and _PLACE.fullmatch(head) and not head.startswith("cannot "):
        place, rest = head, tail
    problem, semicolon, remedy = rest.rpartition("; ")
    if not semicolon:
        problem, remedy = rest, ""
    return {"path": path, "place": place, "problem": problem, "remedy": remedy or None}


def _split_path(line: str, known_paths: Sequence[str]) -> tuple[str | None, str]:
    """A path may hold a colon itself, so what is known comes first: the call's paths, what exists, what lies below them."""
    ends = [match.start() for match in re.finditer(": ", line)]

    def below(head: str) -> bool:
        return any(head.startswith(known.rstrip("/") + "/") for known in known_paths if known)

    def exists(head: str) -> bool:
        return "\0" not in head and os.path.lexists(head)

    rules = [(reversed(ends), known_paths.__contains__), (reversed(ends), exists), (iter(ends), below)]
    for candidates, rule in rules:
        for end in candidates:
            if rule(line[:end]):
                return line[:end], line[end + 2 :]
    return None, line


def _values(command: Sequence[str]) -> list[str]:
    """The words of a call that may be paths; `--report=html=FILE` has two signs."""
    values = []
    for word in command[1:]:
        parts = word.split("=") if word.startswith("--") else [""]
        values += ["=".join(parts[index:]) for index in range(1, len(parts))] or [word]
    return values


def error_from(exit_code: int, output: str, command: Sequence[str]) -> AloraError:
    """The exception for a call that ended with an exit code above 1 (or with a signal, below 0)."""
    lines = [line for line in output.splitlines() if line.strip()]
    if exit_code < 0:
        detail = f": {lines[-1]}" if lines else ""
        return CommandError(f"alora was ended by signal {-exit_code}{detail}", command=command)
    kind = _KINDS.get(exit_code, CommandError)
    if kind is UsageError:
        # The parser's message begins with `Error:`, and its last lines are about usage.
        wrong = next((line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")), None)
        if wrong is not None:
            return UsageError(wrong, exit_code=exit_code, command=command)
    own = [line for line in lines if line.startswith("alora: ")]
    line = (own or lines or ["it said nothing"])[-1].removeprefix("alora: ")
    return kind(line, exit_code=exit_code, command=command, **parsed(line, _values(command)))
