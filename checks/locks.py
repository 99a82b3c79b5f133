"""The locks name every dependency with one version and its hashes, so that an install can verify each file."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from checks.source import ROOT, Fault

EVERYTHING = "requirements.lock"
SERVICE = "requirements-service.lock"
#: The extras that each lock contains; None means all.
LOCKS: dict[str, tuple[str, ...] | None] = {EVERYTHING: None, SERVICE: ("build",)}

_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def check(root: Path = ROOT, paths: Sequence[str] = ()) -> list[Fault]:
    """Return the lines of locks without a version or a hash, and the dependencies that a lock lacks."""
    if paths or not (root / "pyproject.toml").exists():
        return []
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[Fault] = []
    for lock, extras in LOCKS.items():
        text = (root / lock).read_text(encoding="utf-8")
        found += _of_lines(lock, text)
        found += _of_project(lock, pins(text), list(_wanted(project, extras)))
    return found


def pins(text: str) -> dict[str, set[str]]:
    """Return ``{name: versions}`` of a lock, with normalised names. A version may depend on system and Python."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for _, line, _ in _entries(text):
        if "==" in line:
            one = Requirement(line)
            found[canonicalize_name(one.name)].add(str(one.specifier).removeprefix("=="))
    return found


def _entries(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield each requirement with its first line and its options."""
    number = 1
    for entry in re.split(r"(?<!\\)\n", text):
        first, *options = entry.split("\\\n")
        if first.strip():
            yield number, first.strip(), [option.strip() for option in options]
        number += entry.count("\n") + 1


def _of_lines(lock: str, text: str) -> Iterator[Fault]:
    for line, requirement, options in _entries(text):
        if not re.match(r"[A-Za-z0-9._-]+==\S+", requirement):
            yield Fault(lock, line, f"{requirement} is not pinned with ==")
        elif not options or not all(_HASH.fullmatch(option) for option in options):
            yield Fault(lock, line, f"{requirement} has no hash, or something else than hashes")


def _wanted(project: dict[str, dict[str, object]], extras: tuple[str, ...] | None) -> Iterator[str]:
    optional = project["project"]["optional-dependencies"]
    assert isinstance(optional, dict)
    yield from _texts(project["build-system"]["requires"])
    yield from _texts(project["project"]["dependencies"])
    for extra in optional if extras is None else extras:
        yield from _texts(optional[extra])


def _texts(values: object) -> list[str]:
    assert isinstance(values, list)
    return [str(value) for value in values]


def _of_project(lock: str, pinned: dict[str, set[str]], wanted: list[str]) -> Iterator[Fault]:
    for requirement in map(Requirement, wanted):
        versions = pinned.get(canonicalize_name(requirement.name), set())
        allowed = requirement.specifier
        if not versions or not all(allowed.contains(one, prereleases=True) for one in versions):
            had = " and ".join(sorted(versions)) or "nothing"
            yield Fault(
                lock, 1, f"pyproject.toml needs {requirement}, found {had}; run `make lock`"
            )
