"""Held rows that have one profile at the partner, although it can have the key of one of them only."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import pytest

from app.domain.batch_states import BatchEnd
from app.domain.changes import Disposition
from app.snapshots.engine import BatchOutcome, Cursor, KeyField, LocalManifest, PlanStats
from app.snapshots.holdings import (
    RENAMED,
    Holder,
    RenameCheck,
    find_renamed,
    fold_outcome,
)
from app.snapshots.plans import write_plan
from tests.unit.snapshots.files import create_spec, fresh, snapshot

FIELDS = (KeyField("email", "all", "email"), KeyField("user_id", "last", "text", map_to="external_id"))  # fmt: skip
SPEC: dict[str, Any] = {"key": "identifiers", "fields": FIELDS}
NOTHING = LocalManifest()


def planned(
    cursor: Cursor, folder: Path, rows: Any, held: LocalManifest, **more: Any
) -> tuple[Path, PlanStats]:
    out = fresh(folder)
    stats = write_plan(cursor, create_spec(**SPEC), [snapshot(cursor, folder, rows)], held, out, **more)  # fmt: skip
    return out, stats


def held_by(
    cursor: Cursor,
    folder: Path,
    rows: list[dict[str, Any]],
    ids: dict[int, str],
    sync: int = 1,
    **receipts: Any,
) -> LocalManifest:
    """The holdings after members were delivered in one batch, with ids of the partner by position."""
    plan, out = planned(cursor, folder, rows, NOTHING)[0], fresh(folder)
    batch = BatchOutcome(1, 0, len(rows), BatchEnd.RECORDED, partner_ids=ids, **receipts)
    fold_outcome(cursor, plan, NOTHING, [batch], create_spec(**SPEC, sync_number=sync), out)
    return LocalManifest((out,))


def person(name: str, email: str | None = None, id: str | None = None) -> dict[str, Any]:
    found = {"email": email and f"{email}@x.io", "user_id": id}
    return {"profile_id": name, **{key: value for key, value in found.items() if value}}


#: Two members who have one profile at the partner, and whether both can be found by it.
PAIRS = {
    "two addresses": (person("a", "x"), person("b", "y"), True),
    "two ids": (person("a", id="1"), person("b", id="2"), True),
    "an address, and the id of another with an address": (
        person("a", "x"), {**person("b", id="2"), "email": None}, False,
    ),
    "an address with an id, and another id": (person("a", "x", "1"), person("b", id="2"), True),
    "an address with an id, and the same id": (person("a", "x", "1"), person("b", id="1"), False),
}  # fmt: skip


@pytest.mark.walk
@pytest.mark.parametrize(("one", "other", "renamed"), PAIRS.values(), ids=list(PAIRS))
def test_two_rows_with_one_profile(
    cursor: Cursor, folder: Path, one: Any, other: Any, renamed: bool
) -> None:
    held = held_by(cursor, folder, [one, other], {0: "P", 1: "P"})
    assert find_renamed(cursor, [Holder(held)]) == ([0] if renamed else [])
    apart = held_by(cursor, folder, [one, other], {0: "P", 1: "Q"})
    assert find_renamed(cursor, [Holder(apart)]) == []
    assert find_renamed(cursor, [Holder(held)], among="SELECT 'Q' AS partner_id") == []
    cursor.execute(f"DROP TABLE {RENAMED}")


@pytest.mark.walk
def test_the_row_that_was_sent_later_has_the_profile(cursor: Cursor, folder: Path) -> None:
    first = held_by(cursor, folder, [person("a", "x")], {0: "P"}, sync=3)
    second = held_by(cursor, folder, [person("b", "y")], {0: "P"}, sync=7)
    early, late = {3: (1.0, 2.0)}, {7: (3.0, 4.0)}
    assert find_renamed(cursor, [Holder(first, early), Holder(second, late)]) == [0]
    assert find_renamed(cursor, [Holder(second, late), Holder(first, early)]) == [1]
    together = [Holder(first, {3: (1.0, 3.5)}), Holder(second, late)]
    assert find_renamed(cursor, together) == [0, 1]
    assert find_renamed(cursor, [Holder(first), Holder(second)]) == [0, 1]  # the times are gone
    cursor.execute(f"DROP TABLE {RENAMED}")


def test_renamed_rows_are_entered_again_and_go_by_no_id(cursor: Cursor, folder: Path) -> None:
    people = [person("a", "x"), person("b", "y"), person("c", "z")]
    held = held_by(cursor, folder, people, {0: "P", 1: "P", 2: "Q"})
    assert planned(cursor, folder, people, held)[1].changes == 0
    plan, stats = planned(cursor, folder, people[:1], held, holders=[Holder(held)])
    assert (stats.entered, stats.exited) == (1, 2)
    rows = cursor.execute(f"SELECT kind, k, partner_id FROM '{plan}' ORDER BY row").fetchall()
    assert [(kind, k[:6], known) for kind, k, known in rows] == [
        ("exited", "y@x.io", None), ("exited", "z@x.io", "Q"), ("entered", "x@x.io", None),
    ]  # fmt: skip
    only_exits = create_spec(**SPEC, sends=frozenset())
    out = fresh(folder)
    silent = write_plan(
        cursor, only_exits, [snapshot(cursor, folder, people)], held, out, holders=[Holder(held)]
    )
    assert (silent.entered, silent.silent) == (0, 0)


@pytest.mark.walk
def test_a_fold_leaves_unknown_whose_profile_was_renamed(cursor: Cursor, folder: Path) -> None:
    """A row that three syncs in a row leave so is rejected, as any row that nothing confirms."""
    people = [person("a", "x"), person("b", "y")]
    held, ends = NOTHING, []
    for number in (1, 2, 3):
        plan, stats = planned(cursor, folder, people, held, holders=[Holder(held)])
        batch = BatchOutcome(1, 0, stats.changes, BatchEnd.RECORDED, partner_ids={0: "P", 1: "P"})
        out, spec = fresh(folder), create_spec(**SPEC, sync_number=number)
        renames = RenameCheck([Holder(held)])
        folded = fold_outcome(cursor, plan, held, [batch], spec, out, renames=renames)
        held = LocalManifest(held.base, (*held.deltas, out)) if held.base else LocalManifest((out,))
        ends.append((dict(folded.by_disposition), folded.unconfirmed))
        assert folded.renamed == {0, 1}
    twice: Any = ({Disposition.UNKNOWN: 2}, frozenset())
    assert ends == [twice, twice, ({Disposition.REJECTED: 2}, frozenset({0, 1}))]


@pytest.mark.walk
def test_a_fold_finds_the_rows_of_earlier_syncs_and_of_others(cursor: Cursor, folder: Path) -> None:
    held = held_by(cursor, folder, [person("a", "x")], {0: "P"})
    other = held_by(cursor, folder, [person("c", "z")], {0: "P"}, sync=8)
    plan, _ = planned(cursor, folder, [person("a", "x"), person("b", "y")], held)
    batch = BatchOutcome(1, 0, 1, BatchEnd.RECORDED, partner_ids={0: "P"})
    own = Holder(held, {1: (1.0, 2.0), 2: (3.0, inf)})

    def found(*others: Holder) -> tuple[Any, ...]:
        spec, out = create_spec(**SPEC, sync_number=2), fresh(folder)
        renames = RenameCheck([own, *others])
        folded = fold_outcome(cursor, plan, held, [batch], spec, out, renames=renames)
        return folded.renamed, folded.renamed_before, folded.renamed_others

    assert found() == (frozenset(), 1, ())
    assert found(Holder(other, {8: (2.0, 2.5)})) == (frozenset(), 1, (1,))
    assert found(Holder(NOTHING), Holder(other, {8: (3.5, 4.0)})) == (frozenset({0}), 1, (2,))


def test_an_exit_beside_an_entry_takes_it_back(cursor: Cursor, folder: Path) -> None:
    held = held_by(cursor, folder, [person("a", "x")], {0: "P"})
    plan, _ = planned(cursor, folder, [person("b", "y")], held)
    batches = [
        BatchOutcome(1, 0, 1, BatchEnd.RECORDED),
        BatchOutcome(2, 1, 1, BatchEnd.RECORDED, partner_ids={0: "P"}),
    ]
    for exits_first, renamed in ((False, {1}), (True, set())):
        renames = RenameCheck([Holder(held)], exits_first)
        spec, out = create_spec(**SPEC, sync_number=2), fresh(folder)
        assert (
            fold_outcome(cursor, plan, held, batches, spec, out, renames=renames).renamed == renamed
        )
