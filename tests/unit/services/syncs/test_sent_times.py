"""Whether a member was sent a short time ago: its sync says so, or any call whose result was unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from app.domain.changes import ChangeKind
from app.services.syncs.sent_times import SentTimes
from tests.unit.services.delivery.changes import create_change

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
TIMES = SentTimes({3: LATE, 4: EARLY})
EXIT = create_change(ChangeKind.EXITED)


def test_a_held_member_was_sent_when_its_sync_ended() -> None:
    assert TIMES.of(replace(EXIT, old_held="yes", old_sync=4)) == EARLY
    assert TIMES.of(replace(EXIT, old_held="yes", old_sync=2)) is None
    assert TIMES.of(replace(EXIT, old_held="yes")) is None  # assumed


def test_a_member_that_is_maybe_there_was_sent_when_the_last_call_ended() -> None:
    assert TIMES.of(replace(EXIT, old_held="maybe", old_sync=2)) == LATE
    assert SentTimes().of(replace(EXIT, old_held="maybe")) is None
    assert replace(TIMES, calls_left=True).of(replace(EXIT, old_held="maybe")) is None


def test_only_exits_need_it() -> None:
    assert TIMES.of(create_change(ChangeKind.UPDATED)) is None
