"""Directories that fsspec reads and writes: local ones, S3-compatible stores and others."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
import tempfile
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["FileState", "Place", "cached_copy", "sha256_of"]

# What fsspec's file systems call the thing that changes with the content.
_STATE_KEYS = ("ETag", "etag", "checksum", "md5Hash", "mtime", "LastModified", "last_modified", "created")


@dataclass(frozen=True, slots=True)
class FileState:
    """What a listing says about a file: enough to see that it has changed."""

    size: int
    token: str

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> FileState:
        """From an entry of a listing."""
        token = next((f"{key}={info[key]}" for key in _STATE_KEYS if info.get(key) is not None), "")
        return cls(int(info.get("size") or 0), token)


@dataclass(frozen=True)
class Place:
    """A directory by its URL or path. It is sent to workers, and opened where it is used."""

    url: str
    options: Mapping[str, object] | None = None
    _opened: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> dict[str, object]:
        return {"url": self.url, "options": self.options, "_opened": {}}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)

    @property
    def _pair(self) -> tuple[Any, str]:
        if "pair" not in self._opened:
            try:
                import fsspec
            except ImportError as error:
                raise ImportError("alora_gguf.library needs fsspec; pip install 'alora-gguf[fleet]'") from error
            filesystem, root = fsspec.core.url_to_fs(self.url, **dict(self.options or {}))  # type: ignore[no-untyped-call, unused-ignore]
            self._opened["pair"] = (filesystem, str(root).rstrip("/") or "/")
        pair: tuple[Any, str] = self._opened["pair"]
        return pair

    @property
    def name(self) -> str:
        """The last part of the path."""
        return posixpath.basename(self._pair[1]) or "root"

    @property
    def local(self) -> Path | None:
        """The path, if the directory is on this machine."""
        filesystem, root = self._pair
        protocols = (filesystem.protocol,) if isinstance(filesystem.protocol, str) else filesystem.protocol
        return Path(root) if "file" in protocols else None

    def path(self, relative: str) -> str:
        """The full path of a file, as fsspec wants it."""
        root = self._pair[1]
        return f"{root.rstrip('/')}/{relative}" if relative else root

    def files(self) -> dict[str, FileState]:
        """All files below, by their relative paths. A single file is listed with an empty path."""
        filesystem, root = self._pair
        filesystem.invalidate_cache()
        found: dict[str, Any] = filesystem.find(root, detail=True)
        result = {}
        for path, info in found.items():
            relative = str(path)[len(root) :].lstrip("/") if str(path).startswith(root) else str(path)
            result[relative] = FileState.of(info)
        return result

    def read(self, relative: str) -> bytes | None:
        """A file's bytes; None if it does not exist."""
        filesystem, _ = self._pair
        filesystem.invalidate_cache()
        try:
            with filesystem.open(self.path(relative), "rb") as file:
                data: bytes = file.read()
                return data
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, relative: str, data: bytes) -> None:
        """Writes a file, which appears complete or not at all."""
        with tempfile.NamedTemporaryFile(prefix="alora-") as file:
            file.write(data)
            file.flush()
            self.upload(Path(file.name), relative)

    def upload(self, source: Path, relative: str) -> None:
        """Copies a local file to here. It appears complete or not at all."""
        filesystem, _ = self._pair
        target = self.path(relative)
        local = self.local
        if local is None:
            # An object store shows an object when all of it has arrived.
            filesystem.put_file(str(source), target)
            return
        path = local / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name[:200]}.{uuid.uuid4().hex}")
        try:
            temporary.write_bytes(source.read_bytes())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def download(self, relative: str, target: Path) -> None:
        """Copies a file from here."""
        filesystem, _ = self._pair
        target.parent.mkdir(parents=True, exist_ok=True)
        filesystem.get_file(self.path(relative), str(target))

    def sha256(self, relative: str) -> str | None:
        """The digest of a file; None if it does not exist."""
        filesystem, _ = self._pair
        try:
            with filesystem.open(self.path(relative), "rb") as file:
                return sha256_of(iter(lambda: file.read(1 << 20), b""))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def exists(self, relative: str, size: int | None) -> bool:
        """Whether there is a file of this size."""
        filesystem, _ = self._pair
        filesystem.invalidate_cache()
        try:
            return bool(filesystem.info(self.path(relative))["size"] == size)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def remove(self, relatives: Iterable[str]) -> None:
        """Removes files, and the directories that this leaves empty on this machine."""
        filesystem, _ = self._pair
        names = list(relatives)
        if not names:
            return
        filesystem.rm([self.path(name) for name in names])
        local = self.local
        if local is None:
            return
        for parent in sorted({parent for name in names for parent in Path(name).parents}, reverse=True):
            try:
                if parent.parts:
                    (local / parent).rmdir()
            except OSError:
                continue


def sha256_of(chunks: Iterable[bytes]) -> str:
    """The digest of a file that is read in pieces."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def cached_copy(place: Place, files: Iterable[str], key: str) -> Path:
    """A copy on this machine that all workers share; the place itself if it is on this machine.

    A worker that is killed leaves nothing that another would take for complete: a copy gets its name when it is.

    Args:
        place: A directory or a single file.
        files: The files of a directory to copy; a single file has an empty path.
        key: Names the copy; it changes when the files do.
    """
    local = place.local
    if local is not None:
        return local
    names = list(files)

    def fill(copy: Path) -> None:
        for name in names:
            place.download(name, copy / place.name / name if name else copy / place.name)

    return _complete(_private_cache() / key, fill) / place.name


def _complete(target: Path, fill: Callable[[Path], object]) -> Path:
    if target.is_dir():
        return target
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="part-") as directory:
        content = Path(directory, "content")
        content.mkdir()
        fill(content)
        try:
            content.rename(target)
        except OSError:
            # Another worker was first; its copy is the same.
            if not target.is_dir():
                raise
    return target


def _private_cache() -> Path:
    """A directory of ours in the temporary one, which nobody else could have prepared."""
    path = Path(tempfile.gettempdir(), f"alora-gguf-{os.getuid()}")
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{path} belongs to somebody else, or others may write there; set TMPDIR to a directory of yours")
    return path
