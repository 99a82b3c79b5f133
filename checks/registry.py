"""All checks by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from checks import (
    cycles,
    docstrings,
    faces,
    licences,
    locks,
    module_map,
    published,
    references,
    sizes,
    states,
    tables,
    tested,
    words,
)
from checks.source import ROOT, Fault


class Check(Protocol):
    """A function that reports faults of the repository, or of the given paths only."""

    def __call__(self, root: Path = ROOT, paths: Sequence[str] = ()) -> list[Fault]: ...


CHECKS: dict[str, Check] = {
    "docstrings": docstrings.check,
    "words": words.check,
    "references": references.check,
    "states": states.check,
    "tables": tables.check,
    "sizes": sizes.check,
    "cycles": cycles.check,
    "faces": faces.check,
    "tested": tested.check,
    "map": module_map.check,
    "locks": locks.check,
    "licences": licences.check,
    "published": published.check,
}
