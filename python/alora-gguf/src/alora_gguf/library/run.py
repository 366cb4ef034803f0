"""A run over a library: find the adapters, send what is not done yet, write the manifest."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alora_gguf.commands import OutputType
from alora_gguf.errors import FileAccessError
from alora_gguf.library.executors import executor_of
from alora_gguf.library.manifest import MANIFESTS, Entry, Failure, Kind, Manifest, read_manifest
from alora_gguf.library.schedule import outcomes
from alora_gguf.library.storage import FileState, Place
from alora_gguf.library.tasks import JOURNAL, Base, Task, command_version, key_of, perform_all

__all__ = ["convert", "verify"]

StrPath = str | os.PathLike[str]
# Called with how many adapters are done, how many there are, and the one that was done last.
Done = Callable[[int, int, Entry], None]

# A scheduler takes milliseconds for a task, which is more than a conversion if there are many.
MANY = 4096
MOST_IN_A_TASK = 32

# What trainers leave beside an adapter, and the converter never reads.
_BALLAST = (".gguf", ".npz", ".pt", ".pth", ".ckpt", ".log", "training_args.bin")
# What the converter reads of a base, besides a GGUF.
_BASE_CONFIGURATION = (".json", ".jinja", ".model", ".txt")


def convert(
    tree: StrPath,
    target: StrPath,
    *,
    base: StrPath,
    executor: Any = None,
    outtype: OutputType = "f32",
    base_model_id: str | None = None,
    ignore_fields: Sequence[str] = (),
    storage_options: Mapping[str, object] | None = None,
    recheck: bool = False,
    window: int = 4096,
    batch: int | None = None,
    timeout: float | None = None,
    progress: Done | None = None,
) -> Manifest:
    """Converts every adapter below a directory.

    Args:
        tree: Where the adapters are: a path, or a URL that fsspec opens. Each directory with an adapter_config.json is one.
        target: Where the files go, each below its adapter's relative path, and manifest.json.
        base: The base model of all of them: a directory with config.json, or a GGUF; a path or a URL.
        executor: Where the work is done: an executor of `concurrent.futures`, a Dask client, or a `RayExecutor`; threads
            by default.
        outtype: The element type of the files.
        base_model_id: Record this as the base, instead of what the adapters say.
        ignore_fields: Unknown fields of adapter_config.json to accept.
        storage_options: What fsspec needs for the URLs. It is sent to workers, and never written.
        recheck: Read every file of earlier runs and compare its digest, instead of trusting its size.
        window: How many tasks are on their way at once.
        batch: How many adapters a task has: one by default, more for more than 4096 adapters.
        timeout: Seconds that one adapter may take.
        progress: Called after each adapter.

    Returns:
        The manifest, which is also in the target. Adapters that failed are in it, with the reason; the next run tries them
        again.

    Raises:
        LibraryError: The executor broke. What was done is kept.
        FileAccessError: There is no adapter in the tree, or no base.

    Examples:
        >>> library.convert("adapters", "gguf", base="base-config").failed  # doctest: +SKIP
        ()
    """
    source, place = Place(os.fspath(tree), storage_options), Place(os.fspath(target), storage_options)
    shared = {"outtype": outtype, "base_model_id": base_model_id, "ignore_fields": list(ignore_fields)}
    base_model = _base(Place(os.fspath(base), storage_options), weights=False)
    version = command_version()
    tasks = []
    for adapter, files in _adapters(source, place).items():
        kept = {name: state for name, state in files.items() if not name.endswith(_BALLAST)}
        tasks.append(
            Task(
                kind="convert",
                adapter=adapter,
                key=key_of("convert", version, shared, base_model.key, files=kept),
                version=version,
                tree=source,
                target=place,
                base=base_model,
                files=tuple(sorted(kept)),
                options={**shared, "timeout": timeout},
                recheck=recheck,
            )
        )
    return _run("convert", tasks, place, version, executor, window, batch, progress)


def verify(
    tree: StrPath,
    target: StrPath,
    *,
    model: StrPath,
    executor: Any = None,
    golden: str = "golden.npz",
    tolerance: float | None = None,
    threads: int | None = 1,
    storage_options: Mapping[str, object] | None = None,
    window: int = 4096,
    batch: int | None = None,
    timeout: float | None = None,
    progress: Done | None = None,
) -> Manifest:
    """Proves every adapter that `convert` has converted.

    Args:
        tree: Where the adapters are, with their goldens.
        target: Where the converted files and their manifest are; verification.json is written there.
        model: The base model with its weights, a directory or a GGUF; a path or a URL. A machine copies it once.
        executor: Where the work is done; see `convert`.
        golden: The name of the golden file beside an adapter. An adapter without one is proven on prompts made around its
            invocation.
        tolerance: The difference allowed against goldens.
        threads: The threads of one proof.
        storage_options: What fsspec needs for the URLs.
        window: How many tasks are on their way at once.
        batch: How many adapters a task has: one by default, more for more than 4096 adapters.
        timeout: Seconds that one adapter may take.
        progress: Called after each adapter.

    Returns:
        The manifest of the proofs: an entry is ``passed``, ``rejected`` with the proofs that failed, or ``failed`` if there
        was no proof.

    Examples:
        >>> library.verify("adapters", "gguf", model="base.gguf").failed  # doctest: +SKIP
        ()
    """
    source, place = Place(os.fspath(tree), storage_options), Place(os.fspath(target), storage_options)
    manifest = read_manifest(os.fspath(target), storage_options=storage_options)
    if manifest is None:
        raise FileAccessError(f"{target}: there is no manifest.json; convert the library first", path=str(target))
    base_model = _base(Place(os.fspath(model), storage_options), weights=True)
    version, listed = command_version(), source.files()
    tasks = []
    for entry in manifest.entries:
        name = "/".join(part for part in (entry.adapter, golden) if part)
        goldens = {golden: listed[name]} if name in listed else {}
        tasks.append(
            Task(
                kind="verify",
                adapter=entry.adapter,
                key=key_of("verify", version, tolerance, entry.sha256, base_model.key, files=goldens),
                version=version,
                tree=source,
                target=place,
                base=base_model,
                files=tuple(goldens),
                options={"tolerance": tolerance, "threads": threads, "timeout": timeout},
                converted=entry,
            )
        )
    return _run("verify", tasks, place, version, executor, window, batch, progress)


def _run(
    kind: Kind,
    tasks: list[Task],
    target: Place,
    version: str,
    executor: Any,
    window: int,
    batch: int | None,
    progress: Done | None,
) -> Manifest:
    listed = target.files() if target.local is None or target.local.is_dir() else {}
    earlier = _earlier(kind, tasks, target, listed)
    entries = {task.adapter: earlier[task.adapter] for task in tasks if task.adapter in earlier and not task.recheck}
    left = [
        dataclasses.replace(task, earlier=earlier.get(task.adapter)) if task.recheck else task
        for task in tasks
        if task.adapter not in entries
    ]
    if left:
        size = max(1, batch if batch is not None else min(MOST_IN_A_TASK, len(left) // MANY))
        batches = [left[first : first + size] for first in range(0, len(left), size)]
        with executor_of(executor) as pool:
            for sent, outcome in outcomes(pool, perform_all, batches, window=max(1, window)):
                for entry in outcome if isinstance(outcome, list) else _lost(sent, outcome):
                    entries[entry.adapter] = entry
                    if progress:
                        progress(len(entries), len(tasks), entry)
    manifest = Manifest(kind=kind, version=version, entries=tuple(entries[task.adapter] for task in tasks))
    target.write(MANIFESTS[kind], manifest.serialized())
    journal = [name for name in target.files() if name.startswith(f"{JOURNAL}/{kind}/")]
    target.remove(journal)
    return manifest


def _lost(tasks: list[Task], error: BaseException) -> list[Entry]:
    """The entries of tasks that an executor has lost."""
    return [Entry(adapter=task.adapter, status="failed", key=task.key, error=Failure.of(error)) for task in tasks]


def _earlier(kind: Kind, tasks: list[Task], target: Place, listed: Mapping[str, FileState]) -> dict[str, Entry]:
    """The entries of an earlier run for the same input, whose files are there."""
    manifest = read_manifest(target.url, kind, storage_options=target.options)
    earlier = manifest.by_adapter() if manifest else {}
    result = {}
    for task in tasks:
        entry = earlier.get(task.adapter)
        if entry is None or entry.key != task.key or entry.status == "failed":
            continue
        if entry.output is not None:
            state = listed.get(entry.output)
            if state is None or state.size != entry.byte_count:
                continue
        result[task.adapter] = entry
    return result


def _adapters(source: Place, target: Place) -> dict[str, dict[str, FileState]]:
    """The directories with an adapter_config.json, in the order of their paths, and the files right in each."""
    below: dict[str, dict[str, FileState]] = {}
    for path, state in source.files().items():
        directory, _, name = path.rpartition("/")
        below.setdefault(directory, {})[name] = state
    result = {}
    for directory in sorted(below, key=lambda path: path.encode("utf-8", "surrogateescape")):
        hidden = any(part.startswith(".") for part in directory.split("/"))
        written = source.path(directory).startswith(target.path("") + "/") and target.path("") != source.path("")
        if "adapter_config.json" in below[directory] and not hidden and not written:
            result[directory] = below[directory]
    if not result:
        problem = "no directory in it has an adapter_config.json"
        raise FileAccessError(
            f"{source.url}: {problem}; check the path", path=source.url, problem=problem, remedy="check the path"
        )
    return result


def _base(place: Place, *, weights: bool) -> Base:
    """The base, with those of its files that are needed."""
    files = place.files()
    if not weights and "" not in files:
        files = {name: state for name, state in files.items() if name.endswith(_BASE_CONFIGURATION)}
    if not files:
        problem = "there is no base model"
        raise FileAccessError(
            f"{place.url}: {problem}; check the path", path=place.url, problem=problem, remedy="check the path"
        )
    return Base(place, tuple(sorted(files)), key_of("base", place.url, weights, files=files))
