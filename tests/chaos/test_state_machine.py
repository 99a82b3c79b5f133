"""Random histories of one activation: two in `make walks`, many in `make histories`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.config import Settings
from tests.machine import planted
from tests.machine.choices import APPLIED
from tests.machine.history import History
from tests.machine.partner import identifier_list
from tests.machine.planted import PLANTS, Plant
from tests.machine.play import found_by, perform, play

# The number of histories, the steps of each, and the first seed.
HISTORIES = int(os.environ.get("HISTORIES", "200"))
STEPS = int(os.environ.get("STEPS", "50"))
FIRST = int(os.environ.get("FIRST", "0"))
TOGETHER = 10  # histories that share a database and a seed


@pytest.fixture(autouse=True)
def destination(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with identifier_list(tmp_path, monkeypatch):
        yield


@pytest.mark.walk
@pytest.mark.timeout(240)
def test_a_few_histories(settings: Settings) -> None:
    # A situation has many steps, and costs as much as ten others.
    play(settings, histories=2, steps=20, number=1, kind=History)


@pytest.mark.chaos
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(FIRST, FIRST + HISTORIES, TOGETHER))
def test_many_histories(settings: Settings, capfd: pytest.CaptureFixture[str], first: int) -> None:
    histories = min(TOGETHER, FIRST + HISTORIES - first)
    began = time.monotonic()
    play(settings, histories=histories, steps=STEPS, number=first)
    seconds = time.monotonic() - began
    with capfd.disabled():
        print(
            f" {first + histories} histories of {STEPS} steps, the last {histories} in {seconds:.0f} s"
        )


@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize("plant", PLANTS, ids=[plant.__name__ for plant in PLANTS])
def test_a_planted_bug_is_found(
    settings: Settings,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    plant: Plant,
) -> None:
    plant(monkeypatch)
    began = time.monotonic()
    found = found_by(settings, histories=HISTORIES, steps=STEPS, number=FIRST)
    with capfd.disabled():
        print(f" {plant.__name__}, after {time.monotonic() - began:.0f} s: {found[:1]}")
    assert found
    # The database itself refuses two plans for one sync.
    assert found[0].startswith(("AssertionError", "IntegrityError"))


@pytest.mark.chaos
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("plant", "situation", "drawn"),
    [
        (planted.a_test_update_is_folded_as_held, "test_a_newcomer", {}),
        (planted.late_workers_are_let_write, "plan_late", {}),
        (
            planted.unknown_attempts_are_not_remembered,
            "leave_after_a_lost_response",
            {"fault": APPLIED[0]},
        ),
    ],
    ids=["test_a_newcomer", "plan_late", "leave_after_a_lost_response"],
)
def test_one_situation_shows_its_bug(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    plant: Plant,
    situation: str,
    drawn: dict[str, Any],
) -> None:
    assert perform(settings, situation, seed=5, **drawn) == []
    plant(monkeypatch)
    assert perform(settings, situation, seed=5, **drawn)
