"""Whole libraries of adapters, on any executor: threads, processes, Dask or Ray; local files or any that fsspec reads.

    >>> from alora_gguf import library
    >>> manifest = library.convert("s3://models/adapters", "s3://models/gguf", base="base-config")  # doctest: +SKIP
    >>> [entry.adapter for entry in manifest.failed]  # doctest: +SKIP
    []

One adapter that fails stops none. The manifest in the target directory has a digest of every file that was written; a run that
was interrupted goes on from where it was, and converts nothing twice. Needs the package fsspec.
"""

from alora_gguf.library.executors import RayExecutor
from alora_gguf.library.manifest import Entry, Failure, Manifest, read_manifest
from alora_gguf.library.run import convert, verify
from alora_gguf.library.schedule import LibraryError

__all__ = ["Entry", "Failure", "LibraryError", "Manifest", "RayExecutor", "convert", "read_manifest", "verify"]
