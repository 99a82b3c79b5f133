"""Splits as plans carry them out: the shares of the arms, and who moves when members come and go or an arm is added."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.domain.batch_states import BatchEnd
from app.domain.changes import ChangeKind
from app.domain.splits import assign
from app.snapshots.engine import Arm, BatchOutcome, Cursor, LocalManifest, PlanStats, Upload
from app.snapshots.holdings import fold_outcome
from app.snapshots.membership import write_snapshot
from app.snapshots.plans import write_plan
from tests.unit.snapshots.files import create_spec, fresh

WEIGHTS = (Arm("A", 45, place="A"), Arm("B", 45, place="B"), Arm("C", 10, place="C"))
ADDED = (*WEIGHTS, Arm("D", 25, place="D"))
ROWS_OF_A_BATCH = 5_000


def members(cursor: Cursor, folder: Path, numbers: Sequence[int]) -> LocalManifest:
    given, out = fresh(folder), fresh(folder)
    pq.write_table(pa.table({"profile_id": [f"user-{number}" for number in numbers]}), given)
    write_snapshot(cursor, Upload(given, "parquet"), out, linked=False)
    return LocalManifest((out,))


class Destination:
    """What one activation holds, as plans are delivered to it."""

    def __init__(self, cursor: Cursor, folder: Path) -> None:
        self._cursor, self._folder = cursor, folder
        self._held = LocalManifest()
        self._number = 0

    def deliver(
        self, wanted: LocalManifest, arms: Sequence[Arm], **options: Any
    ) -> tuple[PlanStats, Path]:
        """Plan for the members and have everything taken."""
        self._number += 1
        spec = create_spec(
            arms=tuple(arms),
            split_seed="act_1",
            max_rows=ROWS_OF_A_BATCH,
            sync_number=self._number,
            **options,
        )
        plan, folded = fresh(self._folder), fresh(self._folder)
        stats = write_plan(self._cursor, spec, [wanted], self._held, plan)
        batches = [
            BatchOutcome(number, cut.first_row, cut.rows, BatchEnd.RECORDED)
            for number, cut in enumerate(stats.cuts, 1)
        ]
        fold_outcome(self._cursor, plan, self._held, batches, spec, folded)
        self._held = LocalManifest(self._held.base, (*self._held.deltas, folded))
        return stats, plan


def arms_of(plan: Path, kind: str) -> dict[str, str]:
    """Who does what in a plan, with the arm."""
    with duckdb.connect() as connection:
        # A key that is held stands there with its type and place behind it.
        query = (
            "SELECT split_part(k, chr(31), 1), place FROM read_parquet($plan) WHERE kind = $kind"
        )
        return dict(connection.execute(query, {"plan": str(plan), "kind": kind}).fetchall())


@pytest.mark.parametrize("everybody", [10_000, pytest.param(100_000, marks=pytest.mark.chaos)])
def test_a_split_through_its_life(cursor: Cursor, folder: Path, everybody: int) -> None:
    destination = Destination(cursor, folder)
    _, plan = destination.deliver(members(cursor, folder, range(everybody)), WEIGHTS)
    arms = arms_of(plan, "entered")
    allowed = 1.6 / everybody**0.5  # half a percent of 100,000
    assert len(arms) == everybody
    for arm in WEIGHTS:
        share = sum(name == arm.name for name in arms.values()) / everybody
        assert abs(share - arm.weight / 100) < allowed

    # A fifth of the members leaves and others enter: those who stay are not touched.
    stayed_from, more = everybody // 5, everybody // 20
    churned = members(cursor, folder, range(stayed_from, everybody + more))
    stats, plan = destination.deliver(churned, WEIGHTS)
    assert (stats.exited, stats.entered, stats.updated) == (stayed_from, more, 0)
    assert set(arms_of(plan, "exited")) == {f"user-{number}" for number in range(stayed_from)}

    # Those who left come back to the arm that they had.
    stats, plan = destination.deliver(members(cursor, folder, range(everybody)), WEIGHTS)
    assert arms_of(plan, "entered") == {f"user-{n}": arms[f"user-{n}"] for n in range(stayed_from)}

    # An arm more takes its share from the others, and nobody moves between these.
    stats, plan = destination.deliver(members(cursor, folder, range(everybody)), ADDED)
    moved = arms_of(plan, "entered")
    assert set(moved.values()) == {"D"}
    assert arms_of(plan, "exited") == {profile: arms[profile] for profile in moved}
    assert abs(len(moved) / everybody - 25 / 125) < allowed


TOLD = tuple(Arm(arm.name, arm.weight) for arm in WEIGHTS)


@pytest.mark.parametrize("updates", [False, True])
def test_arms_that_are_told_share_keys_and_who_changes_is_updated(
    cursor: Cursor, tmp_path: Path, updates: bool
) -> None:
    sends = {ChangeKind.ENTERED, ChangeKind.EXITED} | ({ChangeKind.UPDATED} if updates else set())
    options = {"tells_arms": True, "sends": frozenset(sends), "traits": ("city",)}
    destination = Destination(cursor, tmp_path)
    everybody = range(1_000)
    stats, _ = destination.deliver(cities(cursor, tmp_path, everybody, "Bern"), TOLD, **options)
    assert (stats.entered, len(stats.cuts)) == (1_000, 1)

    # An arm more: those whom it takes are told so, and nobody leaves.
    more = (*TOLD, Arm("D", 25))
    stats, _ = destination.deliver(cities(cursor, tmp_path, everybody, "Bern"), more, **options)
    weights = [(arm.name, arm.weight) for arm in more]
    moved = sum(assign("act_1", weights, f"user-{number}") == "D" for number in everybody)
    assert (stats.entered, stats.exited, stats.updated) == (0, 0, moved)

    # A trait that changes is told only where updates are sent.
    stats, _ = destination.deliver(cities(cursor, tmp_path, everybody, "Graz"), more, **options)
    assert stats.updated == (1_000 if updates else 0)


def cities(cursor: Cursor, folder: Path, numbers: Sequence[int], city: str) -> LocalManifest:
    given, out = fresh(folder), fresh(folder)
    rows = {"profile_id": [f"user-{n}" for n in numbers], "city": [city] * len(numbers)}
    pq.write_table(pa.table(rows), given)
    write_snapshot(cursor, Upload(given, "parquet"), out, linked=False)
    return LocalManifest((out,))
