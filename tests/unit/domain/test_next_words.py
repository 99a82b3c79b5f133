"""What an activation does next: a sentence for each frequency, and for each kind of audience."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.computing import ComputedBy, computed_by
from app.domain.frequency import Frequency
from app.domain.next_words import SourceFacts, age_words, next_words, source_words

NOW = datetime(2026, 11, 29, 9, 0, tzinfo=UTC)
DUE = datetime(2026, 11, 30, 5, 30, tzinfo=UTC)
ON_RUN, ONCE = Frequency(), Frequency("once", at="2026-11-30T05:30:00.000Z")
DAILY = Frequency("daily", at="06:30", zone="Europe/Berlin")


def facts(by: ComputedBy, name: str = "VIP buyers", **more: datetime | str | None) -> SourceFacts:
    given = {"as_of": NOW - timedelta(hours=3), **more}
    return SourceFacts(name, "aud_1", by, **given)  # type: ignore[arg-type]


VIP = facts(ComputedBy.ACTIVATION)
BUYERS = facts(ComputedBy.UPLOAD, "buyers")
COMPUTED = "the audience 'VIP buyers' is computed, then what has changed is sent."


@pytest.mark.parametrize(
    ("frequency", "due", "sources", "expected"),
    [
        (
            DAILY,
            DUE,
            [VIP],
            f"Next: at 2026-11-30 05:30 UTC, daily at 06:30 (Europe/Berlin), {COMPUTED}",
        ),
        (
            DAILY,
            DUE,
            [VIP, BUYERS],
            f"Next: at 2026-11-30 05:30 UTC, daily at 06:30 (Europe/Berlin), {COMPUTED} "
            "The newest upload of 'buyers' counts; it is 3 hours old.",
        ),
        (
            DAILY,
            DUE,
            [VIP, facts(ComputedBy.ACTIVATION, "new")],
            "Next: at 2026-11-30 05:30 UTC, daily at 06:30 (Europe/Berlin), the audiences 'VIP buyers' and 'new' are computed, "
            "then what has changed is sent.",
        ),
        (
            Frequency("interval", minutes=30),
            NOW - timedelta(minutes=1),  # the sweep is about to see it
            [VIP],
            f"Next: at 2026-11-29 09:00 UTC, every 30 minutes, {COMPUTED}",
        ),
        (
            Frequency("cron", expression="30 5 * * 1", zone="UTC"),
            DUE,
            [BUYERS],
            "Next: at 2026-11-30 05:30 UTC, cron 30 5 * * 1 (UTC), what has changed is sent. "
            "The newest upload of 'buyers' counts; it is 3 hours old.",
        ),
        (
            ONCE,
            DUE,
            [VIP],
            f"Next: at 2026-11-30 05:30 UTC, once, {COMPUTED}",
        ),
        (
            ONCE,
            None,
            [VIP],
            "Nothing more is sent automatically: it was to be sent once. "
            'To send what has changed since then: POST …/syncs with {"kind": "incremental"}.',
        ),
        (
            ON_RUN,
            None,
            [BUYERS],
            "Next: what has changed is sent after each upload or change of the members of the audience 'buyers'. "
            "The newest upload of 'buyers' counts; it is 3 hours old.",
        ),
        (
            ON_RUN,
            None,
            [facts(ComputedBy.REQUEST)],
            "Next: what has changed is sent after each run of the audience 'VIP buyers'. Nobody computes 'VIP buyers' automatically: force a run "
            "with POST …/audiences/aud_1/runs, or add a schedule with POST …/audiences/aud_1/schedules.",
        ),
    ],
)
def test_each_frequency_has_its_sentence(
    frequency: Frequency, due: datetime | None, sources: list[SourceFacts], expected: str
) -> None:
    assert next_words(frequency, due, sources, NOW) == expected


def test_a_requested_resync_that_waits_for_its_time_sends_all() -> None:
    assert next_words(ONCE, DUE, [BUYERS], NOW, resync=True) == (
        "Next: at 2026-11-30 05:30 UTC, once, all members are sent. "
        "The newest upload of 'buyers' counts; it is 3 hours old."
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            facts(ComputedBy.UPLOAD, as_of=None),
            "'VIP buyers' has no members yet: upload them with PUT …/audiences/aud_1/members.",
        ),
        (
            facts(ComputedBy.SCHEDULE, schedule_id="sch_1", next_run_at=DUE),
            "The schedule sch_1 computes 'VIP buyers' next at 2026-11-30 05:30 UTC; now its members are 3 hours old.",
        ),
        (
            facts(ComputedBy.SCHEDULE, schedule_id="sch_1", next_run_at=DUE, as_of=None),
            "The schedule sch_1 computes 'VIP buyers' next at 2026-11-30 05:30 UTC.",
        ),
        (
            facts(ComputedBy.PIN),
            "'VIP buyers' stays at the snapshot that it was rolled back to; it is 3 hours old.",
        ),
        (
            facts(ComputedBy.NOBODY),
            "'VIP buyers' is disabled, so nobody computes it; its members are 3 hours old.",
        ),
        (
            facts(ComputedBy.NOBODY, as_of=None),
            "'VIP buyers' is disabled, so nobody computes it, and was never computed.",
        ),
    ],
)
def test_each_audience_has_its_sentence(source: SourceFacts, expected: str) -> None:
    assert source_words(source, NOW) == expected


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(seconds=-3), "less than a minute"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=2, minutes=59), "2 hours"),
        (timedelta(days=40), "40 days"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(age: timedelta, expected: str) -> None:
    assert age_words(age) == expected


@pytest.mark.parametrize(
    ("given", "daily", "on_run"),
    [
        ({}, ComputedBy.ACTIVATION, ComputedBy.REQUEST),
        ({"has_schedule": True}, ComputedBy.SCHEDULE, ComputedBy.SCHEDULE),
        ({"enabled": False, "has_schedule": True}, ComputedBy.NOBODY, ComputedBy.NOBODY),
        ({"query": ""}, ComputedBy.UPLOAD, ComputedBy.UPLOAD),
        ({"pinned": True}, ComputedBy.PIN, ComputedBy.PIN),
    ],
)
def test_who_computes_an_audience(
    given: dict[str, bool], daily: ComputedBy, on_run: ComputedBy
) -> None:
    case = {"query": "SELECT", "enabled": True, "pinned": False, "has_schedule": False, **given}
    for frequency in (DAILY, ONCE, Frequency("interval", minutes=5)):
        assert computed_by(frequency, **case) is daily  # type: ignore[arg-type]
    assert computed_by(ON_RUN, **case) is on_run  # type: ignore[arg-type]
