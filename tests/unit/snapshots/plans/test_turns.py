"""The order of entries that take keys over: the partner lets an identifier go before another profile asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.domain.changes import ChangeKind
from app.snapshots.engine import Cursor, KeyField
from app.snapshots.plans import plan_changes
from tests.unit.snapshots.plans.test_plan import delivered, planned

FIELDS: dict[str, Any] = {"key": "identifiers", "fields": (KeyField("email", "all", "email"),)}
Owners = dict[str, str]  # address -> profile


def entries(cursor: Cursor, folder: Path, before: Owners, after: Owners) -> tuple[str, int]:
    """Return the first letters of the entered addresses in the plan's order, and how many of them take a key over."""
    rows = [
        [
            {"profile_id": name, "email": [f"{a}@x.io" for a in owners if owners[a] == name]}
            for name in sorted({*owners.values()})
        ]
        for owners in (before, after)
    ]
    stats, _, plan = planned(cursor, folder, rows[0], **FIELDS)
    held = delivered(cursor, folder, plan, stats, **FIELDS)
    stats, changes, _ = planned(cursor, folder, rows[1], held, **FIELDS)
    entered = [change.key[0] for change in changes if change.kind is ChangeKind.ENTERED]
    return "".join(entered), sum(cut.rows for cut in stats.cuts if cut.takes_over)


@pytest.mark.parametrize(
    ("before", "after", "order", "taken"),
    [
        ({"x": "a"}, {"x": "b", "c": "a"}, "xc", 1),
        ({"m": "a", "n": "b"}, {"m": "c", "n": "a", "d": "b"}, "mnd", 2),
        ({"m": "a", "l": "b"}, {"m": "c", "l": "a", "d": "b"}, "mld", 2),
        ({"k": "a", "m": "b", "l": "c"}, {"k": "b", "m": "c", "l": "d"}, "lmk", 3),
        ({"m": "a", "l": "b", "k": "c"}, {"m": "b", "l": "c", "k": "a"}, "klm", 3),
        # One profile gives up two keys to profiles that give up one each.
        ({"p": "a", "q": "a", "c": "b", "d": "b"}, {"p": "b", "q": "z", "c": "y", "d": "x"}, "cdqp", 4),
    ],
    ids=["one", "a chain", "a chain against the keys", "three links", "a ring", "several keys"],
)  # fmt: skip
def test_a_key_is_taken_over_after_its_new_owner_has_lost_its_own(
    cursor: Cursor, folder: Path, before: Owners, after: Owners, order: str, taken: int
) -> None:
    assert entries(cursor, folder, before, after) == (order, taken)


@pytest.mark.parametrize("small", [2, 0], ids=["few are taken over", "many are taken over"])
def test_large_plans(
    cursor: Cursor, folder: Path, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    monkeypatch.setattr(plan_changes, "_SMALL", small)
    before, after = {"m": "a", "l": "b"}, {"m": "c", "l": "a", "d": "b"}
    assert entries(cursor, folder, before, after) == ("mld", 2)
