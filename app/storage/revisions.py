"""The migrations that this code contains, read from their files: the library that runs them takes long to import."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_NAMES = ("revision", "down_revision")


def scripts_folder() -> Path:
    """Return the folder of the migrations: inside the package in an installed wheel, next to it in a checkout."""
    inside = _PACKAGE / "migrations"
    return inside if inside.is_dir() else _PACKAGE.parent / "migrations"


def head() -> str:
    """Return the newest migration that this code contains. It reads all of them once in a process.

    Raises RuntimeError if there is none, or if several are the newest.
    """
    known = _revisions()
    newest = sorted(known.keys() - {each for before in known.values() for each in before})
    if len(newest) != 1:
        found = f"several newest migrations: {', '.join(newest)}" if newest else "no migration"
        raise RuntimeError(f"{scripts_folder()} has {found}")
    return newest[0]


def is_known(revision: str) -> bool:
    """Return whether this code contains a migration."""
    return revision in _revisions()


@functools.cache
def _revisions() -> Mapping[str, tuple[str, ...]]:
    """Return ``{migration: those before it}``."""
    found: dict[str, tuple[str, ...]] = {}
    for file in sorted((scripts_folder() / "versions").glob("*.py")):
        values = _values(file)
        revision, before = values.get("revision"), values.get("down_revision")
        if not isinstance(revision, str):
            raise RuntimeError(f"{file} does not say which migration it is (revision = …)")
        found[revision] = (before,) if isinstance(before, str) else tuple(before or ())
    return found


def _values(file: Path) -> dict[str, str | tuple[str, ...] | None]:
    """Return the identifiers that a migration assigns, by name."""
    found = {}
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            continue
        target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
        if isinstance(target, ast.Name) and target.id in _NAMES:
            found[target.id] = ast.literal_eval(statement.value)
    return found
