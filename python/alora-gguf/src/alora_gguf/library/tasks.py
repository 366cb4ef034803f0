"""What a worker does: one adapter from its files to its entry."""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alora_gguf import commands
from alora_gguf._command import find_alora
from alora_gguf._decode import MismatchError
from alora_gguf.errors import AloraError, CommandError
from alora_gguf.library.manifest import Entry, Failure, Kind
from alora_gguf.library.storage import FileState, Place, cached_copy, sha256_of

__all__ = ["JOURNAL", "Base", "Task", "command_version", "journal_name", "key_of", "perform", "perform_all"]

# Entries of a run that has not ended. The manifest replaces them.
JOURNAL = ".alora"


@dataclass(frozen=True)
class Base:
    """A base model: where it is, and which of its files are needed."""

    place: Place
    files: tuple[str, ...]
    key: str

    def local(self) -> Path:
        """The base on this machine."""
        return cached_copy(self.place, self.files, self.key)


@dataclass(frozen=True)
class Task:
    """One adapter's work, as it is sent to a worker."""

    kind: Kind
    adapter: str
    key: str
    version: str
    tree: Place
    target: Place
    base: Base
    #: The adapter's own files, without their directory.
    files: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    #: Read what an earlier run has written, instead of trusting its size.
    recheck: bool = False
    #: What an earlier run has written, to be checked.
    earlier: Entry | None = None
    #: What was converted, for a proof.
    converted: Entry | None = None


def perform_all(tasks: Sequence[Task]) -> list[Entry]:
    """The entries of some adapters: a scheduler's own time for a task is then spent once for all of them."""
    return [perform(task) for task in tasks]


def perform(task: Task) -> Entry:
    """The adapter's entry. What can be wrong with one adapter is in it, so that it stops no other.

    A task may run twice, if its worker was lost or only seemed to be. The second run finds what is done; what was half done
    leaves no trace.
    """
    try:
        done = _done(task)
        if done is not None:
            return done
        if command_version() != task.version:
            found = command_version()
            raise CommandError(
                f"this worker has alora {found}, and the run began with {task.version}; install the same everywhere"
            )
        entry = _convert(task) if task.kind == "convert" else _verify(task)
        task.target.write(journal_name(task.kind, task.adapter), _serialized(entry))
        return entry
    except Exception as error:  # noqa: BLE001 - a store's exceptions have no common type
        return Entry(adapter=task.adapter, status="failed", key=task.key, error=Failure.of(error))


def _done(task: Task) -> Entry | None:
    """The entry that a lost worker or an interrupted run has left, or an earlier run, if its file is there."""
    data = task.target.read(journal_name(task.kind, task.adapter))
    entry = task.earlier
    if data is not None:
        try:
            entry = Entry.from_json(json.loads(data.decode("utf-8", "surrogateescape")))
        except (ValueError, MismatchError):
            return None
    if entry is None or entry.key != task.key or entry.adapter != task.adapter:
        return None
    return entry if _is_there(task, entry) else None


def _is_there(task: Task, entry: Entry) -> bool:
    if entry.output is None:
        return True
    if task.recheck:
        return task.target.sha256(entry.output) == entry.sha256
    return task.target.exists(entry.output, entry.byte_count)


def _convert(task: Task) -> Entry:
    base = task.base.local()
    with tempfile.TemporaryDirectory(prefix="alora-") as temporary, _named_as(Path(temporary, "in", task.tree.name), task.tree):
        adapter = _adapter(task, Path(temporary, "in"))
        local = task.target.local
        outdir = Path(temporary, "out") if local is None else local / task.adapter
        result = commands.convert(adapter, base=base, outdir=outdir, force=True, **task.options)
        written = Path(result.outfile)
        output = "/".join(part for part in (task.adapter, written.name) if part)
        with written.open("rb") as file:
            digest = sha256_of(iter(lambda: file.read(1 << 20), b""))
        if local is None:
            task.target.upload(written, output)
    return Entry(
        adapter=task.adapter,
        status="converted",
        key=task.key,
        output=output,
        byte_count=result.byte_count,
        sha256=digest,
        invocation_tokens=result.invocation_tokens,
        notes=tuple(f"{note.place}: {note.text}" for note in result.notes),
    )


def _verify(task: Task) -> Entry:
    entry = task.converted
    if entry is None or entry.output is None or not entry.good:
        raise ValueError("there is no converted file to prove; convert the library first")
    model = task.base.local()
    with (
        tempfile.TemporaryDirectory(prefix="alora-") as temporary,
        _named_as(Path(temporary, "out"), task.target),
        _named_as(Path(temporary, "in"), task.tree),
    ):
        adapter = _local_file(task.target, entry.output, Path(temporary, "out"))
        if adapter.stat().st_size != entry.byte_count:
            raise ValueError(
                f"{entry.output} has {adapter.stat().st_size} bytes, but {entry.byte_count} in the manifest; convert it again"
            )
        golden = None
        if task.files:
            name = "/".join(part for part in (task.adapter, task.files[0]) if part)
            golden = _local_file(task.tree, name, Path(temporary, "in"))
        result = commands.verify(model, adapter, golden=golden, **task.options)
    proofs = tuple(
        f"{proof.proof}: {text}" for proof in result.proofs if not proof.passed for text in proof.failures or (proof.detail,)
    )
    return Entry(
        adapter=task.adapter,
        status="passed" if result.passed else "rejected",
        key=task.key,
        sha256=entry.sha256,
        invocation_tokens=entry.invocation_tokens,
        proofs=proofs,
    )


def _adapter(task: Task, directory: Path) -> Path:
    """The adapter's directory on this machine. Its name is kept: it goes into the GGUF's metadata."""
    local = task.tree.local
    if local is not None:
        return local / task.adapter
    copy = directory / task.tree.name / task.adapter
    for name in task.files:
        task.tree.download("/".join(part for part in (task.adapter, name) if part), copy / name)
    return copy


def _local_file(place: Place, relative: str, directory: Path) -> Path:
    local = place.local
    if local is not None:
        return local / relative
    path = directory / relative
    place.download(relative, path)
    return path


@contextmanager
def _named_as(copy: Path, place: Place) -> Iterator[None]:
    """Names files by where they come from in what the command says of their copies: those are gone when somebody reads it."""
    try:
        yield
    except AloraError as error:
        for name in ("message", "path", "problem"):
            text = getattr(error, name)
            if text is not None:
                setattr(error, name, text.replace(str(copy), place.url.rstrip("/")))
        raise


@functools.cache
def command_version() -> str:
    """The version of this machine's command."""
    command = str(find_alora())
    result = subprocess.run([command, "--version"], check=False, capture_output=True, text=True)
    if result.returncode != 0:
        raise CommandError(f"{command} --version ended with {result.returncode}: {result.stderr.strip()}", command=[command])
    return result.stdout.strip()


def journal_name(kind: Kind, adapter: str) -> str:
    """Where an adapter's entry is kept while a run goes on."""
    digest = hashlib.sha256(adapter.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{JOURNAL}/{kind}/{digest[:2]}/{digest}.json"


def key_of(*parts: object, files: Mapping[str, FileState] | None = None) -> str:
    """A digest of what a result depends on."""
    states = {name: [state.size, state.token] for name, state in (files or {}).items()}
    text = json.dumps([parts, states], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _serialized(entry: Entry) -> bytes:
    return json.dumps(entry.to_json(), ensure_ascii=False).encode("utf-8", "surrogateescape")
