"""Exits from lists that do not exist yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.domain.changes import Mode
from app.snapshots.engine import Arm, Cursor, KeyField, LocalManifest
from app.snapshots.plans import write_plan
from tests.unit.snapshots.files import create_spec, fresh, snapshot
from tests.unit.snapshots.plans.test_plan import delivered, planned

BY_EMAIL: dict[str, Any] = {"key": "identifiers", "fields": (KeyField("email", "last", "email"),)}


def people(names: str) -> list[dict[str, str]]:
    return [{"profile_id": name, "email": f"{name}@x.io"} for name in names]


@pytest.mark.parametrize(
    ("unmade", "sent", "left_out"),
    [
        (set(), 4, {}),
        ({'{"@arm":"A"}', '{"@arm":"B"}'}, 0, {"list_not_created": 4}),
        ({None}, 4, {}),
    ],
    ids=["all lists exist", "none exists", "the list of no arm is missing"],
)
def test_exits_are_sent_to_lists_that_exist(
    cursor: Cursor, folder: Path, unmade: set[str | None], sent: int, left_out: dict[str, int]
) -> None:
    arms = (Arm("A", 50, place='{"@arm":"A"}'), Arm("B", 50, place='{"@arm":"B"}'))
    spec = {**BY_EMAIL, "arms": arms, "split_seed": "s"}
    stats, _, plan = planned(cursor, folder, people("abcdef"), baseline=True, **spec)
    held = delivered(cursor, folder, plan, stats, baseline=True, **spec)
    out = fresh(folder)
    rows = [snapshot(cursor, folder, people("ab"))]
    stats = write_plan(
        cursor, create_spec(**spec), rows, held, out, lacks_list=lambda place: place in unmade
    )
    assert (stats.exited, stats.left_out, stats.leaving) == (sent, left_out, 4)
    left = delivered(cursor, folder, out, stats, held, **spec)
    stats = write_plan(cursor, create_spec(**spec), rows, left, fresh(folder))
    assert (stats.changes, stats.silent, stats.held) == (0, 0, 2)


def test_mode_remove_removes_nobody_from_a_list_that_does_not_exist(
    cursor: Cursor, folder: Path
) -> None:
    stats = write_plan(
        cursor,
        create_spec(mode=Mode.REMOVE, **BY_EMAIL),
        [snapshot(cursor, folder, people("abc"))],
        LocalManifest(),
        fresh(folder),
        lacks_list=lambda place: True,
    )
    assert (stats.exited, stats.leaving, stats.left_out) == (0, 0, {"list_not_created": 3})
