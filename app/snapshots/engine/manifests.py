"""Files that are read as one: in the object store, and as local copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the object store, as manifests record it."""

    key: str
    sha256: str
    rows: int
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return the form stored in PostgreSQL: ``{"key", "sha256", "rows", "bytes"}``."""
        return {"key": self.key, "sha256": self.sha256, "rows": self.rows, "bytes": self.bytes}


MOST_DELTAS = 16

MOST_CHANGED = 0.1  # rows of the deltas, as a share of those of the base

SMALL_BASE = 10_000  # rows; compacting a smaller base saves nothing


@dataclass(frozen=True, slots=True)
class Manifest:
    """Files that are read as one: bases first, later deltas override earlier rows of the same key."""

    base: tuple[StoredFile, ...] = ()
    deltas: tuple[StoredFile, ...] = ()

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Manifest:
        """Parse the stored form. None is the empty manifest."""
        if not value:
            return cls()
        return cls(
            tuple(StoredFile(**item) for item in value["base"]),
            tuple(StoredFile(**item) for item in value["deltas"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the form stored in PostgreSQL: ``{"base": [file, …], "deltas": [file, …]}``."""
        return {
            "base": [file.to_json() for file in self.base],
            "deltas": [file.to_json() for file in self.deltas],
        }

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """All files, in reading order."""
        return self.base + self.deltas

    @property
    def rows(self) -> int:
        """Return the rows of all files: what a read of the manifest reads."""
        return sum(file.rows for file in self.files)

    @property
    def needs_compaction(self) -> bool:
        """Whether reading the deltas costs more than writing a new base."""
        changed = sum(file.rows for file in self.deltas)
        base = max(sum(file.rows for file in self.base), SMALL_BASE)
        return len(self.deltas) > MOST_DELTAS or changed > base * MOST_CHANGED


@dataclass(frozen=True, slots=True)
class LocalManifest:
    """A manifest whose files have been fetched: local paths, in reading order."""

    base: tuple[Path, ...] = ()
    deltas: tuple[Path, ...] = ()
