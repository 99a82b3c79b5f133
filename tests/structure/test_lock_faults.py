"""The checks of the locks and of the list of licences find the faults that are planted for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks import licences, locks

HASH = f" \\\n    --hash=sha256:{'0' * 64}"
PROJECT = """
[build-system]
requires = ["hatchling>=1.27"]
[project]
dependencies = ["One_Package>=2; python_version < '4'", "two[extra]==1.0"]
[project.optional-dependencies]
build = ["editables"]
dev = ["pytest>=9"]
"""
SERVICE = {"hatchling": "1.27", "one-package": "2.1", "two": "1.0", "editables": "0.6"}


def plant(
    root: Path, service: dict[str, str], dev: dict[str, str], *more: str, licence: str = ""
) -> None:
    entries = [f"{name}=={version}{HASH}" for name, version in service.items()]
    (root / "docs").mkdir(exist_ok=True)
    (root / "pyproject.toml").write_text(PROJECT)
    (root / locks.SERVICE).write_text("\n".join(entries) + "\n")
    entries += [f"{name}=={version}{HASH}" for name, version in dev.items()] + list(more)
    (root / locks.EVERYTHING).write_text("\n".join(entries) + "\n")
    rows = "\n".join(f"| {name} | {version} | MIT |" for name, version in SERVICE.items())
    text = f"{licences.BEGIN}\n{rows}\n{licence}\n{licences.END}\n"
    (root / licences.DOCUMENT).write_text(text)


def test_complete_locks_have_no_fault(tmp_path: Path) -> None:
    plant(tmp_path, SERVICE, {"pytest": "9.1"})
    assert locks.check(tmp_path) == []
    assert licences.check(tmp_path) == []


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("three==3", "three==3 has no hash"),
        ("three>=3" + HASH, "three>=3 is not pinned with =="),
        ("three==3 \\\n    --hash=md5:00", "three==3 has no hash"),
        ("--index-url https://example.com/simple", "is not pinned"),
        ("three @ https://example.com/three.whl" + HASH, "is not pinned"),
    ],
)
def test_an_entry_that_cannot_be_verified(tmp_path: Path, entry: str, fault: str) -> None:
    plant(tmp_path, SERVICE, {"pytest": "9.1"}, entry)
    (found,) = locks.check(tmp_path)
    assert fault in found.message
    assert found.line == 1 + 2 * len([*SERVICE, "pytest"])


@pytest.mark.parametrize(
    ("service", "dev", "fault"),
    [
        (SERVICE | {"one-package": "1.9"}, {"pytest": "9.1"}, "found 1.9"),
        ({**SERVICE, "hatchling": "1.20"}, {"pytest": "9.1"}, "hatchling>=1.27"),
        (SERVICE, {}, "pytest>=9, found nothing"),
        ({"hatchling": "1.27", "one-package": "2.1", "two": "1.0"}, {"pytest": "9"}, "editables"),
    ],
)
def test_a_dependency_that_is_not_locked(
    tmp_path: Path, service: dict[str, str], dev: dict[str, str], fault: str
) -> None:
    plant(tmp_path, service, dev)
    found = locks.check(tmp_path)
    assert found
    assert all(fault in one.message for one in found)


def test_a_list_of_licences_that_differs_from_the_lock(tmp_path: Path) -> None:
    plant(tmp_path, {**SERVICE, "two": "1.1", "new": "1"}, {}, licence="| bad | 1 | AGPL-3.0 |")
    assert [one.message for one in licences.check(tmp_path)] == [
        "two 1.0 is not in requirements-service.lock; run `make licences`",
        "bad 1 is not in requirements-service.lock; run `make licences`",
        "bad has the licence AGPL-3.0",
        "new is not listed; run `make licences`",
    ]
