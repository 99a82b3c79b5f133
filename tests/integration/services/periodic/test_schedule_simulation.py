"""Two years of schedules on a simulated clock, with several workers at once: each due time exactly once.

``make test`` has the weeks around the clock changes of each zone in the first year; ``make histories`` has all.

Weekly schedules go through PostgreSQL from due time to due time, over every clock change of that time (they fall
on Sundays, when clocks are changed). The dense part, the hours of clock changes on every day, is checked in the rules alone.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, update

from app.core.ids import new_id
from app.domain import schedules as rules
from app.services.periodic.due_schedules import open_due_schedules
from app.storage.models import Activation, Audience, AudienceSchedule, Run, Snapshot, Sync
from tests.flow import ACTOR, Flow

ZONES = ("Europe/Berlin", "Australia/Sydney", "Asia/Kolkata")  # Kolkata has no daylight saving time
START = datetime(2027, 3, 1, tzinfo=UTC)
PERIODS = [
    pytest.param(datetime(2027, 3, 20, tzinfo=UTC), timedelta(days=23), id="to_april"),
    pytest.param(datetime(2027, 9, 26, tzinfo=UTC), timedelta(days=41), id="to_november"),
    pytest.param(START, timedelta(days=730), id="all", marks=pytest.mark.chaos),
]
WORKERS = 4
HOUR = timedelta(hours=1)
AWAY = timedelta(days=24)  # no worker runs for this long
SUNDAYS_AT_TWO = {"days": [0], "hours": [2]}


def local_moments(
    zone: str, days: set[int], hours: set[int], start: datetime, end: datetime, minute: int = 0
) -> list[datetime]:
    """Due times after ``start`` until ``end`` found without the rules: local times day by day, those that do not exist when the clock goes on.

    A local time is one that does not exist where it does not come back from UTC as it was.
    """
    place, found = ZoneInfo(zone), set()
    day = start.date() - timedelta(days=2)
    while day <= end.date() + timedelta(days=2):
        for hour in hours if (day.weekday() + 1) % 7 in days else ():
            local = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001  a wall clock's
            moment = local.replace(tzinfo=place).astimezone(UTC)
            if moment.astimezone(place).replace(tzinfo=None) != local:
                while moment.astimezone(place).utcoffset() == after_the_change(moment, place):
                    moment -= timedelta(minutes=1)
                moment += timedelta(minutes=1)
            if start < moment <= end:
                found.add(moment)
        day += timedelta(days=1)
    return sorted(found)


def after_the_change(moment: datetime, place: ZoneInfo) -> timedelta | None:
    return (moment + HOUR).astimezone(place).utcoffset()


@pytest.fixture(autouse=True)
async def computed_once(flow: Flow) -> None:
    """Give the audience its first snapshot. Its members are supplied, so no activation computes it first."""
    async with flow.platform.unit_of_work() as session:
        audience = await session.get(Audience, (flow.space_id, flow.audience_id))
        assert audience is not None
        audience.current_snapshot_id = "snp_first"
        run = Run(
            space_id=flow.space_id,
            id="run_first",
            audience_id=flow.audience_id,
            kind="definition",
            trigger="api",
            state="complete",
            as_of=START,
            created_by=ACTOR,
        )
        snapshot = Snapshot(
            space_id=flow.space_id,
            id="snp_first",
            audience_id=flow.audience_id,
            run_id=run.id,
            version=1,
            as_of=START,
            manifest={"base": [], "deltas": []},
            traits={},
            identifiers=[],
            row_count=0,
            byte_count=0,
        )
        session.add_all([run, snapshot])


async def schedule(flow: Flow, zone: str, start: datetime = START) -> str:
    """Create another audience, computed on Sundays at two. Returns its id."""
    audience_id, config = new_id("aud"), {**SUNDAYS_AT_TWO, "timezone": zone}
    async with flow.platform.unit_of_work() as session:
        session.add(
            Audience(
                space_id=flow.space_id,
                id=audience_id,
                name=zone,
                key=zone,
                enabled=True,
                audience_type="USERS",
                query="SELECT 1 AS profile_id",
                created_by=ACTOR,
                updated_by=ACTOR,
            )
        )
        await session.flush()
        session.add(
            AudienceSchedule(
                space_id=flow.space_id,
                id=new_id("sch"),
                audience_id=audience_id,
                strategy="SPECIFIC_DAYS",
                config=config,
                next_due_at=rules.next_due(config, start),
            )
        )
    return audience_id


async def activation(flow: Flow, frequency: dict[str, Any], first: datetime) -> str:
    made = await flow.activate(resync=True, options={"frequency": frequency})
    async with flow.platform.unit_of_work() as session:
        row = await session.get(Activation, (flow.space_id, made))
        assert row is not None
        row.next_due_at = first
    await close_syncs(flow)
    return made


async def close_syncs(flow: Flow) -> None:
    async with flow.platform.unit_of_work() as session:
        await session.execute(update(Sync).where(Sync.state == "new").values(state="complete"))


async def next_moment(flow: Flow) -> datetime:
    async with flow.platform.unit_of_work() as session:
        of_schedules = await session.scalar(select(func.min(AudienceSchedule.next_due_at)))
        of_activations = await session.scalar(select(func.min(Activation.next_due_at)))
        assert of_schedules is not None
        assert of_activations is not None
        earliest: datetime = min(of_schedules, of_activations)
        return earliest


async def fire(flow: Flow, now: datetime) -> int:
    """Run all workers at once. Returns the number of opened runs and syncs."""

    async def one(late: float) -> int:
        # Clocks are read before the database is asked, so workers come with moments that are a little apart.
        async with flow.platform.unit_of_work() as session:
            return await open_due_schedules(session, now + timedelta(milliseconds=late))

    return sum(await asyncio.gather(*[one(late) for late in range(WORKERS)]))


async def opened(flow: Flow) -> Counter[str]:
    """Return how often each audience was computed and each activation synced."""
    async with flow.platform.unit_of_work() as session:
        runs = await session.execute(
            select(Run.audience_id, func.count())
            .where(Run.trigger == "schedule")
            .group_by("audience_id")
        )
        syncs = await session.execute(
            select(Sync.activation_id, func.count())
            .where(Sync.trigger == "schedule")
            .group_by("activation_id")
        )
        return Counter({str(one): int(number) for one, number in [*runs.all(), *syncs.all()]})


class TestTwoYears:
    @pytest.mark.parametrize(("start", "length"), PERIODS)
    @pytest.mark.walk
    async def test_each_due_time_is_fired_once_by_four_workers(
        self, flow: Flow, start: datetime, length: timedelta
    ) -> None:
        end = start + length
        due: dict[str, list[datetime]] = {}
        for zone in ZONES:
            due[await schedule(flow, zone, start)] = local_moments(zone, {0}, {2}, start, end)
            cron = {"type": "cron", "expression": "30 2 * * 0", "zone": zone}
            moments = local_moments(zone, {0}, {2}, start, end, 30)
            due[await activation(flow, cron, moments[0])] = moments
        interval = await activation(
            flow, {"type": "interval", "minutes": 20_160}, start + 14 * 24 * HOUR
        )
        before: Counter[str] = Counter()
        fired: dict[str, list[datetime]] = {one: [] for one in [*due, interval]}
        while (now := await next_moment(flow)) <= end:
            await fire(flow, now)
            await close_syncs(flow)
            after = await opened(flow)
            for one in after - before:
                fired[one] += [now] * (after[one] - before[one])
            before = after
        for one, moments in due.items():
            assert fired[one] == moments
        # An interval counts from when it was fired, here at most WORKERS ms after it was due.
        assert len(fired[interval]) == length // timedelta(weeks=2)

    async def test_missed_times_are_made_good_once(self, flow: Flow) -> None:
        found = [await schedule(flow, zone) for zone in ZONES]
        daily = {"type": "daily", "at": "02:30", "zone": "Europe/Berlin"}
        found.append(await activation(flow, daily, START + HOUR))
        assert await fire(flow, START + AWAY) == 4
        await close_syncs(flow)
        assert await fire(flow, START + AWAY) == 0
        assert await opened(flow) == Counter(dict.fromkeys(found, 1))

    async def test_what_comes_due_while_it_is_looked_is_not_fired_twice(self, flow: Flow) -> None:
        """The claim and the next due time use one reading of the clock."""
        audience = await schedule(flow, "Europe/Berlin")
        moment = local_moments("Europe/Berlin", {0}, {2}, START, START + 8 * 24 * HOUR)[0]
        await activation(flow, {"type": "interval", "minutes": 60}, START + AWAY)
        assert await fire(flow, moment - timedelta(milliseconds=WORKERS - 1)) == 1
        assert await fire(flow, moment) == 0
        assert (await opened(flow))[audience] == 1


class TestEveryDay:
    """The schedule rules without a database, for each day of two years."""

    @pytest.mark.parametrize(("start", "length"), PERIODS)
    @pytest.mark.parametrize("zone", [*ZONES, "Australia/Lord_Howe"])
    def test_days_and_hours(self, zone: str, start: datetime, length: timedelta) -> None:
        end = start + length
        hours = range(24)
        config = {"days": list(range(7)), "hours": list(hours), "timezone": zone}
        walked: list[datetime] = []
        now = start
        while (now := rules.next_due(config, now)) <= end:
            walked.append(now)
        assert walked == local_moments(zone, set(range(7)), set(hours), start, end)
