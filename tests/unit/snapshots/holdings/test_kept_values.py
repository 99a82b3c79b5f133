"""A change that no sync confirms is sent three times, then rejected with the partner's words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from app.domain.batch_states import BatchEnd
from app.domain.changes import ChangeKind, Mode
from app.snapshots.engine import BatchOutcome, Cursor, LocalManifest, PlanSpec
from app.snapshots.holdings import fold_outcome, page_holdings
from app.snapshots.plans import read_plan, write_plan
from tests.unit.snapshots.files import create_spec, fresh, snapshot

WORDS = ("no_answer", "the partner confirmed 0 of 1")
MAYBE, DELIVERED, LOST = "maybe", "delivered", "lost"


class Syncs:
    """Syncs of one activation, one after another, whose changes all have the same result."""

    def __init__(self, cursor: Cursor, folder: Path) -> None:
        self._cursor, self._folder = cursor, folder
        self._held = LocalManifest()

    def run(self, rows: Sequence[dict[str, Any]], result: str, **changes: Any) -> list[str]:
        """Plan and fold a sync. Returns ``key: kind disposition code`` for each change."""
        spec: PlanSpec = create_spec(traits=("tier",), **changes)
        plan, out = fresh(self._folder), fresh(self._folder)
        members = snapshot(self._cursor, self._folder, rows)
        stats = write_plan(self._cursor, spec, [members], self._held, plan)
        batches = [
            BatchOutcome(
                number,
                cut.first_row,
                cut.rows,
                BatchEnd.ATTEMPTED if result == LOST else BatchEnd.RECORDED,
                unknown=dict.fromkeys(range(cut.rows), WORDS) if result == MAYBE else {},
            )
            for number, cut in enumerate(stats.cuts, 1)
        ]
        folded = fold_outcome(self._cursor, plan, self._held, batches, spec, out)
        self._held = LocalManifest((), (*self._held.deltas, out))
        assert len(read_plan(None, plan, 0, 100)) == stats.changes
        found = pq.read_table(out).to_pylist()
        rejected = {row["row"] for row in found if row["disposition"] == "rejected"}
        assert folded.unconfirmed == rejected
        assert all(row["message"] == WORDS[1] for row in found if row["row"] in rejected)
        return [f"{r['k']}: {r['kind']} {r['disposition']} {r['code']}" for r in found]

    def held(self) -> list[tuple[str, str, bool]]:
        """The holdings: key, state and whether a refusal is remembered."""
        rows = page_holdings(self._cursor, self._held, None, 100)
        return [(row["key"], row["held"], row["refused"]) for row in rows]


P1 = [{"profile_id": "p1", "tier": "gold"}]
GOLD_UNKNOWN = ["p1: entered unknown no_answer"]
REJECTED = ["p1: entered rejected unconfirmed"]


def test_the_third_sync_rejects_what_stayed_unknown(cursor: Cursor, folder: Path) -> None:
    syncs = Syncs(cursor, folder)
    assert [syncs.run(P1, MAYBE) for _ in range(2)] == [GOLD_UNKNOWN] * 2
    assert syncs.run(P1, MAYBE) == REJECTED
    assert syncs.held() == [("p1", "maybe", True)]  # it may be there: an exit is still sent
    assert syncs.run(P1, MAYBE) == []
    assert syncs.run([], DELIVERED) == ["p1: exited delivered None"]


@pytest.mark.walk
def test_changed_values_are_counted_anew(cursor: Cursor, folder: Path) -> None:
    syncs = Syncs(cursor, folder)
    for tier in ("gold", "gold", "silver", "silver"):
        assert syncs.run([{"profile_id": "p1", "tier": tier}], MAYBE) == GOLD_UNKNOWN
    assert syncs.run([{"profile_id": "p1", "tier": "silver"}], MAYBE) == REJECTED
    assert syncs.run(P1, DELIVERED) == ["p1: entered delivered None"]


@pytest.mark.walk
def test_a_confirmation_ends_the_count(cursor: Cursor, folder: Path) -> None:
    syncs = Syncs(cursor, folder)
    for result in (MAYBE, MAYBE, DELIVERED):
        syncs.run(P1, result)
    again = {"resync": True}
    assert [syncs.run(P1, MAYBE, **again) for _ in range(2)] == [GOLD_UNKNOWN] * 2
    assert syncs.run(P1, MAYBE, **again) == REJECTED


@pytest.mark.walk
def test_calls_without_a_response_do_not_count(cursor: Cursor, folder: Path) -> None:
    syncs = Syncs(cursor, folder)
    for result in (MAYBE, LOST, LOST, LOST, MAYBE):
        assert "unknown" in syncs.run(P1, result)[0]
    assert syncs.run(P1, MAYBE) == REJECTED


@pytest.mark.walk
def test_a_rejected_change_that_is_tried_again_is_rejected_at_once(
    cursor: Cursor, folder: Path
) -> None:
    syncs = Syncs(cursor, folder)
    for _ in range(3):
        syncs.run(P1, MAYBE)
    assert syncs.run(P1, MAYBE, retry_refused=True) == REJECTED
    assert syncs.run(P1, DELIVERED, retry_refused=True) == ["p1: entered delivered None"]
    assert syncs.held() == [("p1", "yes", False)]


@pytest.mark.walk
def test_exits_are_counted_apart_from_entries(cursor: Cursor, folder: Path) -> None:
    syncs = Syncs(cursor, folder)
    for _ in range(2):
        syncs.run(P1, MAYBE)
    for _ in range(2):
        assert syncs.run([], MAYBE) == ["p1: exited unknown no_answer"]
    # It is sent again with each sync, since a member that left must not stay, and is reported each time.
    for _ in range(2):
        assert syncs.run([], MAYBE) == ["p1: exited rejected unconfirmed"]
    assert syncs.held() == [("p1", "maybe", False)]
    assert syncs.run([], DELIVERED) == ["p1: exited delivered None"]
    assert syncs.held() == []


@pytest.mark.walk
def test_updates_and_the_mode_remove_are_counted_too(cursor: Cursor, folder: Path) -> None:
    syncs = Syncs(cursor, folder)
    syncs.run(P1, DELIVERED)
    silver = [{"profile_id": "p1", "tier": "silver"}]
    assert syncs.run(silver, MAYBE) == ["p1: updated unknown no_answer"]
    assert syncs.run(silver, MAYBE) == GOLD_UNKNOWN
    assert syncs.run(silver, MAYBE) == REJECTED
    removes = Syncs(cursor, folder)
    given: dict[str, Any] = {"mode": Mode.REMOVE, "sends": frozenset([ChangeKind.EXITED])}
    assert [removes.run(P1, MAYBE, **given)[0].split()[2] for _ in range(3)] == [
        "unknown",
        "unknown",
        "rejected",
    ]
