"""The migrations that this code contains, read from their files: the library that runs them takes long to import."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_IDENTIFIERS = re.compile(r'^(revision|down_revision)\b[^=\n]*= *(?:"(\w+)"|None) *$', re.MULTILINE)


def scripts_folder() -> Path:
    """Return the folder of the migrations: inside the package in an installed wheel, next to it in a checkout."""
    inside = _PACKAGE / "migrations"
    return inside if inside.is_dir() else _PACKAGE.parent / "migrations"


def head() -> str | None:
    """Return the newest migration that this code contains, None if it contains none. It reads all of them once in a process.

    Raises ValueError if several migrations are the newest.
    """
    known = _revisions()
    newest = known.keys() - set(known.values())
    if len(newest) > 1:
        raise ValueError(f"several migrations are the newest: {', '.join(sorted(newest))}")
    return next(iter(newest), None)


def is_known(revision: str) -> bool:
    """Return whether this code contains a migration."""
    return revision in _revisions()


@functools.cache
def _revisions() -> Mapping[str, str | None]:
    """Return ``{migration: the one before it}``."""
    found: dict[str, str | None] = {}
    for file in (scripts_folder() / "versions").glob("*.py"):
        values = dict(_IDENTIFIERS.findall(file.read_text(encoding="utf-8")))
        if "revision" in values:
            found[values["revision"]] = values.get("down_revision") or None
    return found
