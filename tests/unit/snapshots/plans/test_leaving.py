"""Members that leave with a plan, as the brake counts them: not keys, and not members that stay under another key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.domain.batch_states import BatchEnd
from app.domain.changes import Mode
from app.snapshots.engine import BatchOutcome, Cursor, KeyField, LocalManifest, PlanStats
from app.snapshots.holdings import fold_outcome
from app.snapshots.plans import write_plan
from tests.unit.snapshots.files import create_spec, fresh, snapshot

PEOPLE = [
    {"profile_id": f"p{i}", "email": [f"p{i}@example.com", f"p{i}@example.org"], "user_id": f"u{i}"}
    for i in range(10)
]
ALL_EMAILS = (KeyField("email", "all", "email"),)
USER = (KeyField("user_id", "last", "text"),)


def after(
    cursor: Cursor, folder: Path, rows: list[dict[str, Any]], earlier: dict[str, Any], **later: Any
) -> PlanStats:
    """Deliver all people under a specification, then plan rows under another one."""
    nothing = LocalManifest()
    first, outcome = fresh(folder), fresh(folder)
    spec = create_spec(**earlier)
    stats = write_plan(cursor, spec, [snapshot(cursor, folder, PEOPLE)], nothing, first)
    batches = [
        BatchOutcome(number, cut.first_row, cut.rows, BatchEnd.RECORDED)
        for number, cut in enumerate(stats.cuts, 1)
    ]
    fold_outcome(cursor, first, nothing, batches, spec, outcome)
    held = LocalManifest(deltas=(outcome,))
    wanted = snapshot(cursor, folder, rows)
    return write_plan(cursor, create_spec(**later), [wanted], held, fresh(folder))


EMAILS = {"key": "identifiers", "fields": ALL_EMAILS}
USERS = {"key": "identifiers", "fields": USER}
MEMBERS: dict[str, Any] = {}


class TestCounts:
    @pytest.mark.parametrize("spec", [EMAILS, USERS, MEMBERS])
    def test_counts_members_and_not_their_keys(
        self, cursor: Cursor, folder: Path, spec: dict[str, Any]
    ) -> None:
        stats = after(cursor, folder, PEOPLE[:6], spec, **spec)
        assert stats.exited == (8 if spec is EMAILS else 4)
        assert (stats.leaving, stats.of_members) == (4, 10)

    def test_a_changed_address_is_no_leave(self, cursor: Cursor, folder: Path) -> None:
        moved = [{**one, "email": f"new-{one['profile_id']}@example.com"} for one in PEOPLE]
        stats = after(cursor, folder, moved[:9], EMAILS, **EMAILS)
        assert stats.exited == 20
        assert (stats.leaving, stats.of_members) == (1, 10)

    @pytest.mark.parametrize(
        ("earlier", "later"), [(EMAILS, USERS), (USERS, MEMBERS), (MEMBERS, EMAILS)]
    )
    def test_a_changed_list_of_identifiers_is_no_leave(
        self, cursor: Cursor, folder: Path, earlier: dict[str, Any], later: dict[str, Any]
    ) -> None:
        stats = after(cursor, folder, PEOPLE, earlier, **later)
        assert stats.exited >= 10
        assert (stats.leaving, stats.of_members) == (0, 10)

    def test_another_list_is_no_leave(self, cursor: Cursor, folder: Path) -> None:
        stats = after(cursor, folder, PEOPLE[1:], {"place": "L1"}, place="L2")
        assert (stats.exited, stats.leaving, stats.of_members) == (10, 1, 10)

    def test_in_mode_remove_the_wanted_members_leave(self, cursor: Cursor, folder: Path) -> None:
        stats = after(cursor, folder, PEOPLE[:6], EMAILS, **EMAILS, mode=Mode.REMOVE)
        assert (stats.exited, stats.leaving, stats.of_members) == (12, 6, 6)

    def test_nothing_is_counted_without_exits(self, cursor: Cursor, folder: Path) -> None:
        stats = after(cursor, folder, PEOPLE, EMAILS, **EMAILS)
        assert (stats.exited, stats.leaving, stats.of_members) == (0, 0, 0)
