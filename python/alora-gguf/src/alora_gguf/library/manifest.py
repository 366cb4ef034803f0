"""What a run leaves: an entry for each adapter, and the manifest that lists them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from alora_gguf._decode import MismatchError, decode
from alora_gguf.errors import AloraError
from alora_gguf.library.storage import Place

__all__ = ["MANIFESTS", "Entry", "Failure", "Manifest", "read_manifest"]

Kind = Literal["convert", "verify"]
MANIFESTS: dict[Kind, str] = {"convert": "manifest.json", "verify": "verification.json"}
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an adapter has no result."""

    #: The name of the exception.
    kind: str
    message: str
    #: The command's exit code, if it ran.
    exit_code: int | None = None
    path: str | None = None
    place: str | None = None
    problem: str | None = None
    remedy: str | None = None

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """The failure that an exception describes."""
        if isinstance(error, AloraError):
            return cls(
                kind=type(error).__name__,
                message=error.message,
                exit_code=error.exit_code,
                path=error.path,
                place=error.place,
                problem=error.problem,
                remedy=error.remedy,
            )
        return cls(kind=type(error).__name__, message=str(error) or type(error).__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What became of one adapter."""

    #: The adapter's directory, relative to the tree.
    adapter: str
    #: `converted` and `passed` are good; `rejected` is a proof that failed, `failed` anything else.
    status: Literal["converted", "passed", "rejected", "failed"]
    #: A digest of everything that the result depends on. A run with the same key need not be repeated.
    key: str
    #: The file that was written, relative to the target.
    output: str | None = None
    byte_count: int | None = None
    sha256: str | None = None
    #: The adapter's invocation tokens; null for a plain LoRA.
    invocation_tokens: tuple[int, ...] | None = None
    #: What one should know about the conversion.
    notes: tuple[str, ...] = ()
    #: The proofs that failed, with what they say.
    proofs: tuple[str, ...] = ()
    error: Failure | None = None

    @property
    def good(self) -> bool:
        """Whether the adapter was converted, or passed its proofs."""
        return self.status in ("converted", "passed")

    def to_json(self) -> dict[str, object]:
        """The entry as it is written."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: Any) -> Entry:
        """The entry as it was written."""
        return decode(cls, document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All entries of a library, in the order of their adapters' paths."""

    kind: Kind
    #: The version of the command.
    version: str
    entries: tuple[Entry, ...]

    @property
    def failed(self) -> tuple[Entry, ...]:
        """The entries that are not good."""
        return tuple(entry for entry in self.entries if not entry.good)

    def by_adapter(self) -> Mapping[str, Entry]:
        """The entries by the path of their adapter."""
        return {entry.adapter: entry for entry in self.entries}

    def serialized(self) -> bytes:
        """The manifest's bytes: those of a run on one machine are those of a run on many."""
        document = {
            "alora_library": FORMAT,
            "kind": self.kind,
            "version": self.version,
            "adapters": [entry.to_json() for entry in self.entries],
        }
        return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogateescape")


def read_manifest(
    target: str, kind: Kind = "convert", *, storage_options: Mapping[str, object] | None = None
) -> Manifest | None:
    """The manifest of an earlier run; None if there is none.

    Raises:
        ValueError: The file is not a manifest, or of a newer version.

    Examples:
        >>> read_manifest("/nowhere") is None
        True
    """
    place = Place(target, storage_options)
    data = place.read(MANIFESTS[kind])
    if data is None:
        return None
    path = f"{target}/{MANIFESTS[kind]}"
    try:
        document = json.loads(data.decode("utf-8", "surrogateescape"))
        if document["alora_library"] != FORMAT or document["kind"] != kind:
            raise ValueError(f"it has the format {document['alora_library']!r} of the kind {document['kind']!r}")
        entries = tuple(Entry.from_json(item) for item in document["adapters"])
        return Manifest(kind=kind, version=str(document["version"]), entries=entries)
    except (ValueError, KeyError, TypeError, MismatchError) as error:
        raise ValueError(f"{path} is not a manifest of this version: {error}; move it away to begin anew") from error
