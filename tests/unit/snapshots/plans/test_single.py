"""Plans of one member: made as any change, and folded as any plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.domain.batch_states import BatchEnd
from app.domain.changes import ChangeKind, Held
from app.snapshots.engine import (
    BatchOutcome,
    Cursor,
    FoldStats,
    KeyField,
    LocalManifest,
    PlannedChange,
    PlanSpec,
)
from app.snapshots.holdings import fold_outcome, page_holdings
from app.snapshots.plans import pick_member, read_plan, write_plan, write_single_plan
from tests.unit.snapshots.files import create_spec, fresh, snapshot

SPEC = create_spec(
    key="identifiers",
    fields=(
        KeyField("email", "last", "email"),
        KeyField("user_id", "last", "text", map_to="external_id"),
    ),
    traits=("plan",),
)
NOTHING = LocalManifest()


def held_by(cursor: Cursor, folder: Path, rows: list[dict[str, Any]]) -> LocalManifest:
    """Holdings in which these rows were delivered."""
    plan, out = fresh(folder), fresh(folder)
    stats = write_plan(cursor, SPEC, [snapshot(cursor, folder, rows)], NOTHING, plan)
    batches = [BatchOutcome(1, 0, stats.changes, BatchEnd.RECORDED, partner_ids={0: "partner-1"})]
    fold_outcome(cursor, plan, NOTHING, batches, SPEC, out)
    return LocalManifest((out,))


def single(
    cursor: Cursor,
    folder: Path,
    row: dict[str, Any],
    held: LocalManifest,
    kind: ChangeKind,
    spec: PlanSpec = SPEC,
) -> tuple[list[PlannedChange], Path]:
    out = fresh(folder)
    stats = write_single_plan(cursor, spec, [snapshot(cursor, folder, [row])], held, kind, out)
    counts = {"entered": stats.entered, "exited": stats.exited, "updated": stats.updated}
    assert counts.pop(kind.value) == stats.changes == 1
    assert set(counts.values()) == {0}
    assert [cut.kind for cut in stats.cuts] == [kind]
    return list(read_plan(cursor, out, 0, 10)), out


def folded(
    cursor: Cursor, folder: Path, plan: Path, held: LocalManifest, **batch: Any
) -> tuple[dict[str, Held], FoldStats]:
    out = fresh(folder)
    outcome = BatchOutcome(1, 0, 1, **{"state": BatchEnd.RECORDED, **batch})
    stats = fold_outcome(cursor, plan, held, [outcome], SPEC, out)
    rows = page_holdings(cursor, LocalManifest(held.base, (*held.deltas, out)), None, 10)
    return {row["key"]: row["held"] for row in rows}, stats


BEFORE = {"profile_id": "p1", "email": "a@x.com", "user_id": "old", "plan": "silver"}
AFTER = {"profile_id": "p1", "email": "a@x.com", "user_id": "new", "plan": "gold"}


class TestWriteSinglePlan:
    @pytest.mark.walk
    @pytest.mark.parametrize("kind", list(ChangeKind))
    def test_makes_the_change_that_was_asked_for_whatever_is_held(
        self, cursor: Cursor, folder: Path, kind: ChangeKind
    ) -> None:
        for held in (NOTHING, held_by(cursor, folder, [BEFORE])):
            (change,), _ = single(cursor, folder, AFTER, held, kind)
            assert (change.kind, change.key, change.traits) == (kind, "a@x.com", {"plan": "gold"})

    @pytest.mark.walk
    def test_an_exit_takes_the_identity_and_the_partners_id_that_are_held(
        self, cursor: Cursor, folder: Path
    ) -> None:
        held = held_by(cursor, folder, [BEFORE])
        (change,), _ = single(cursor, folder, AFTER, held, ChangeKind.EXITED)
        assert change.identity == {"email": "a@x.com", "external_id": "old"}
        assert change.partner_id == "partner-1"
        (change,), _ = single(cursor, folder, AFTER, held, ChangeKind.ENTERED)
        assert change.identity["external_id"] == "new"
        (change,), _ = single(cursor, folder, AFTER, NOTHING, ChangeKind.EXITED)
        assert change.identity["external_id"] == "new"

    @pytest.mark.walk
    def test_what_is_held_stays_so_where_the_partner_refuses(
        self, cursor: Cursor, folder: Path
    ) -> None:
        held = held_by(cursor, folder, [BEFORE])
        refused = {0: ("bad", "no")}
        for kind in ChangeKind:
            _, plan = single(cursor, folder, AFTER, held, kind)
            after, stats = folded(cursor, folder, plan, held, rejected=refused)
            assert (after, stats.held) == ({"a@x.com": Held.YES}, 1)

    @pytest.mark.walk
    def test_the_end_is_folded_as_that_of_any_plan(self, cursor: Cursor, folder: Path) -> None:
        held = held_by(cursor, folder, [BEFORE])
        other = {**AFTER, "profile_id": "p2", "email": "b@x.com"}
        for row, kind, batch, expected in (
            (other, ChangeKind.ENTERED, {}, {"a@x.com": Held.YES, "b@x.com": Held.YES}),
            (
                other,
                ChangeKind.ENTERED,
                {"state": BatchEnd.ATTEMPTED},
                {"a@x.com": Held.YES, "b@x.com": Held.MAYBE},
            ),
            (AFTER, ChangeKind.EXITED, {}, {}),
            (AFTER, ChangeKind.EXITED, {"state": BatchEnd.ATTEMPTED}, {"a@x.com": Held.MAYBE}),
            (other, ChangeKind.EXITED, {}, {"a@x.com": Held.YES}),
        ):
            _, plan = single(cursor, folder, row, held, kind)
            after, stats = folded(cursor, folder, plan, held, **batch)
            assert after == expected
            assert stats.held == len(expected)


class TestPickMember:
    def test_keeps_one_member_of_each_source(self, cursor: Cursor, folder: Path) -> None:
        rows: list[dict[str, Any]] = [
            {"profile_id": "p1", "n": 1.25},
            {"profile_id": "p2", "n": 2},
        ]
        sources = [snapshot(cursor, folder, rows), snapshot(cursor, folder, rows[:1])]
        picked = pick_member(cursor, create_spec(), sources, "p2", folder)
        counts = [
            cursor.execute(f"SELECT count(*) FROM '{one.base[0]}'").fetchall()[0][0]
            for one in picked
        ]
        assert counts == [1, 0]
        assert pick_member(cursor, create_spec(), sources, "p9", folder) == []
