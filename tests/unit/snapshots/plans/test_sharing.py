"""Plans where another activation has keys at the same place: exits that are withheld, and entries that wait."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.domain.batch_states import BatchEnd
from app.domain.changes import Mode
from app.domain.shared_places import Keeping
from app.snapshots.engine import BatchOutcome, Cursor, KeyField, LocalManifest, PlanSpec, PlanStats
from app.snapshots.holdings import fold_outcome, page_holdings
from app.snapshots.plans import Sharer, read_plan, write_plan
from tests.unit.snapshots.files import create_spec, fresh, snapshot

BY_EMAIL = (KeyField("email", "last", "email"),)
BY_USER = (KeyField("user_id", "last", "text", map_to="external_id"), *BY_EMAIL)


def people(names: str, **more: Any) -> list[dict[str, Any]]:
    return [
        {"profile_id": name, "email": f"{name}@x.io", "user_id": name, **more} for name in names
    ]


@dataclass
class Owner:
    """An activation at a place: its holdings, and its open plan."""

    cursor: Cursor
    folder: Path
    fields: tuple[KeyField, ...] = BY_EMAIL
    place: str | None = None
    holdings: LocalManifest = field(default_factory=LocalManifest)
    open: tuple[Path, PlanStats, PlanSpec] | None = None

    def plan(
        self, rows: Iterable[dict[str, Any]], *sharers: Sharer, store: bool = True, **changes: Any
    ) -> PlanStats:
        spec = create_spec(key="identifiers", fields=self.fields, place=self.place, **changes)
        out, rest = fresh(self.folder), fresh(self.folder)
        members = snapshot(self.cursor, self.folder, list(rows))
        stats = write_plan(
            self.cursor, spec, [members], self.holdings, out, sharers=sharers, withheld=rest
        )
        if stats.withheld and store:
            self.holdings = LocalManifest(self.holdings.base, (*self.holdings.deltas, rest))
        self.open = (out, stats, spec)
        return stats

    def settle(self) -> None:
        assert self.open is not None
        plan, stats, spec = self.open
        self.open = None
        if not stats.changes + stats.silent:
            return
        batches = [
            BatchOutcome(number, cut.first_row, cut.rows, BatchEnd.RECORDED)
            for number, cut in enumerate(stats.cuts, 1)
        ]
        out = fresh(self.folder)
        fold_outcome(self.cursor, plan, self.holdings, batches, spec, out)
        self.holdings = LocalManifest(self.holdings.base, (*self.holdings.deltas, out))

    def seen_from(self, place: str | None = None, *, whole: bool = True, **rule: Any) -> Sharer:
        planned = self.open is not None and self.open[1].changes + self.open[1].silent
        return Sharer(
            place,
            self.place,
            rule.get("keeping", Keeping.WHILE_WANTED),
            whole,
            self.holdings,
            self.open[0] if self.open and planned else None,
        )

    def held(self) -> dict[str, str]:
        rows = page_holdings(self.cursor, self.holdings, None, 100)
        return {row["member_id"]: row["held"].value for row in rows}

    def sent(self) -> list[tuple[str, str]]:
        assert self.open is not None
        plan, stats, _ = self.open
        rows = read_plan(None, plan, 0, 1000) if stats.changes else []
        return [(row.kind.value, row.member_id) for row in rows]


@pytest.fixture
def two(cursor: Cursor, tmp_path: Path) -> tuple[Owner, Owner]:
    """Two activations that hold a and b at one place."""
    owners = Owner(cursor, tmp_path), Owner(cursor, tmp_path, place='{"list_id":"AbCdEf"}')
    for owner in owners:
        owner.plan(people("ab"))
        owner.settle()
    return owners


@pytest.mark.walk
def test_an_exit_of_a_key_that_another_holds_is_not_sent(two: tuple[Owner, Owner]) -> None:
    one, other = two
    stats = one.plan(people("b"), other.seen_from())
    assert one.sent() == []
    assert dict(stats.left_out) == {"held_by_another": 1}
    assert one.held() == {"b": "yes"}  # a left at once: the other activation sends its exit
    assert not stats.waits_for
    other.plan(people("b"), one.seen_from(other.place))
    assert other.sent() == [("exited", "a")]


@pytest.mark.walk
def test_the_later_of_two_that_drop_a_key_at_once_sends_its_exit(two: tuple[Owner, Owner]) -> None:
    one, other = two
    one.plan([], other.seen_from())
    other.plan([], one.seen_from(other.place))  # the first plan is still open
    assert one.sent() == []
    assert other.sent() == [("exited", "a"), ("exited", "b")]


@pytest.mark.walk
def test_an_exit_waits_while_another_enters_the_key(cursor: Cursor, tmp_path: Path) -> None:
    one, other = Owner(cursor, tmp_path), Owner(cursor, tmp_path)
    one.plan(people("a"))
    one.settle()
    other.plan(people("a"))
    stats = one.plan([], other.seen_from())
    assert (one.sent(), one.held(), stats.waits_for) == ([], {"a": "left"}, (0,))
    other.open = None  # cancelled
    one.plan([], other.seen_from())
    assert one.sent() == [("exited", "a")]


@pytest.mark.walk
def test_an_exit_that_waited_is_dropped_when_the_other_has_entered(
    cursor: Cursor, tmp_path: Path
) -> None:
    one, other = Owner(cursor, tmp_path), Owner(cursor, tmp_path)
    one.plan(people("a"))
    one.settle()
    other.plan(people("a"))
    one.plan([], other.seen_from())
    other.settle()
    stats = one.plan([], other.seen_from())
    assert (one.sent(), one.held(), stats.waits_for) == ([], {}, ())


@pytest.mark.walk
def test_an_entry_waits_for_the_exit_of_another(cursor: Cursor, tmp_path: Path) -> None:
    one, other = Owner(cursor, tmp_path), Owner(cursor, tmp_path)
    one.plan(people("ab"))
    one.settle()
    one.plan(people("b"))
    stats = other.plan(people("abc"), one.seen_from())
    assert other.sent() == [("entered", "b"), ("entered", "c")]
    assert (dict(stats.left_out), stats.waits_for) == ({"leaving_by_another": 1}, (0,))
    other.settle()
    one.settle()
    other.plan(people("abc"), one.seen_from())
    assert other.sent() == [("entered", "a")]


@pytest.mark.walk
@pytest.mark.parametrize(
    ("keeping", "sent", "held"),
    [
        (Keeping.WHILE_WANTED, 0, {}),
        (Keeping.FOR_EVER, 0, {"a": "left", "b": "left"}),
        (Keeping.LEFT_OVER, 0, {"a": "left", "b": "left"}),
        (Keeping.NOTHING, 2, {"a": "yes", "b": "yes"}),
    ],
)
def test_what_another_holds_depends_on_what_it_does_with_it(
    two: tuple[Owner, Owner], keeping: Keeping, sent: int, held: dict[str, str]
) -> None:
    one, other = two
    stats = one.plan([], other.seen_from(keeping=keeping))
    assert (stats.exited, one.held()) == (sent, held)


@pytest.mark.walk
def test_an_exit_that_undoes_more_than_the_other_would_waits(two: tuple[Owner, Owner]) -> None:
    one, other = two
    one.plan([], other.seen_from(whole=False))
    assert one.held() == {"a": "left", "b": "left"}
    other.plan([], one.seen_from(other.place))
    assert other.sent() == [("exited", "a"), ("exited", "b")]


def test_mode_remove_sends_exits_of_what_another_holds(two: tuple[Owner, Owner]) -> None:
    one, other = two
    one.plan(people("a"), other.seen_from(), mode=Mode.REMOVE)
    assert one.sent() == [("exited", "a")]


def test_another_place_protects_nothing(two: tuple[Owner, Owner]) -> None:
    one, other = two
    one.plan([], other.seen_from('{"list_id":"Others"}'))
    assert len(one.sent()) == 2


def test_a_dry_run_changes_no_holdings(two: tuple[Owner, Owner]) -> None:
    one, other = two
    stats = one.plan([], other.seen_from(), store=False)
    assert (stats.exited, stats.left_out["held_by_another"], len(one.held())) == (0, 2, 2)


@pytest.mark.walk
def test_a_resync_enters_again_what_waited(two: tuple[Owner, Owner]) -> None:
    one, other = two
    one.plan([], other.seen_from(keeping=Keeping.FOR_EVER))
    one.plan(people("a"), other.seen_from(keeping=Keeping.FOR_EVER), resync=True)
    assert one.sent() == [("entered", "a")]


def test_a_key_is_known_by_another_identifier_that_was_sent(cursor: Cursor, tmp_path: Path) -> None:
    one, other = Owner(cursor, tmp_path), Owner(cursor, tmp_path, BY_USER)
    one.plan([{"profile_id": "x", "email": "a@x.io"}])
    other.plan(people("a"))
    for owner in (one, other):
        owner.settle()
    assert one.plan([], other.seen_from(), store=False).waits_for == (0,)
    assert one.sent() == []
    assert other.plan([], one.seen_from(), store=False).waits_for == (0,)
    assert other.sent() == []


@pytest.mark.walk
def test_one_address_of_two_users_protects_neither(cursor: Cursor, tmp_path: Path) -> None:
    one, other = Owner(cursor, tmp_path, BY_USER), Owner(cursor, tmp_path, BY_USER)
    one.plan([{"profile_id": "a", "user_id": "a", "email": "family@x.io"}])
    other.plan([{"profile_id": "b", "user_id": "b", "email": "family@x.io"}])
    for owner in (one, other):
        owner.settle()
    one.plan([], other.seen_from())
    assert one.sent() == [("exited", "a")]
