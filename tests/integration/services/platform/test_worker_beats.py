"""Which workers are live, and what the API says about it."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select, text, update
from structlog.testing import capture_logs

from app.services.platform import worker_beats
from app.services.platform.platform import Platform
from app.services.platform.worker_beats import (
    WorkerName,
    WorkerWatch,
    end_beats,
    forget_silent_workers,
    name_worker,
    oldest_due,
    write_beat,
)
from app.storage.models import WorkerBeat
from tests.flow import Flow
from tests.stepping import Hand

ONE, TWO = (WorkerName(f"wrk_{number}", timedelta(seconds=60)) for number in (1, 2))


@pytest.mark.walk
async def test_live_workers_in_ready_and_metrics(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    async def seen() -> tuple[int, str | None, str]:
        ready = await client.get("/health/ready")
        assert ready.status_code == 200, "uploads must be accepted without workers, too"
        lines = (await client.get("/metrics")).text.splitlines()
        (metric,) = [line for line in lines if line.startswith("activations_workers ")]
        body = ready.json()
        return body["workers"], body.get("reasons", {}).get("workers"), metric.split()[1]

    nobody = "no worker is live: uploads are accepted, but nothing is computed or sent"
    assert await seen() == (0, nobody, "0.0")
    await write_beat(platform, ONE, "arq")
    await write_beat(platform, TWO, "sweep")
    await write_beat(platform, TWO, "arq")
    assert await seen() == (2, None, "2.0")
    async with platform.unit_of_work() as session:
        rows = (await session.scalars(select(WorkerBeat).order_by(WorkerBeat.id))).all()
        assert [(row.id, row.lane) for row in rows] == [("wrk_1", "arq"), ("wrk_2", "arq")]
        assert rows[1].beat_at > rows[1].started_at
        await session.execute(
            update(WorkerBeat)
            .where(WorkerBeat.id == "wrk_1")
            .values(live_until=text("now()"), beat_at=text("now() - interval '8 days'"))
        )
    assert await seen() == (1, None, "1.0")
    async with platform.unit_of_work() as session:
        assert await forget_silent_workers(session) == 1
    await end_beats(platform, TWO)
    assert await seen() == (0, nobody, "0.0")


@pytest.mark.walk
async def test_the_age_of_the_oldest_due_work(flow: Flow) -> None:
    hand = Hand(flow)

    async def waiting_for(statement: str) -> float:
        async with flow.platform.unit_of_work() as session:
            await session.execute(text(statement))
        found = await oldest_due(flow.platform)
        assert found is not None
        return found

    await flow.activate(resync=True)
    assert await waiting_for("SELECT 1") == 0
    await flow.supply([{"profile_id": "p1"}])
    run = "UPDATE run SET created_at = now() - interval '1 hour'"
    assert 3600 <= await waiting_for(run) < 3700
    await hand.once()
    plan = "UPDATE sync SET opened_at = now() - interval '2 hours'"
    assert 7200 <= await waiting_for(plan) < 7300
    later = "UPDATE sync SET next_at = now() + interval '1 hour'"
    assert await waiting_for(later) == 0, "what waits for its time is not due"
    await waiting_for("UPDATE sync SET next_at = NULL")
    await hand.once()
    batch = "UPDATE batch SET next_at = now() - interval '3 hours'"
    assert 10800 <= await waiting_for(batch) < 10900
    await hand.quiet()
    assert await waiting_for("SELECT 1") == 0


async def test_the_log_says_once_that_no_worker_is_live(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = WorkerWatch(platform)
    with capture_logs() as lines:
        for live in (1, 0, 0, 0, 2, 2):
            await watch.note(live)
    assert [line["event"] for line in lines] == ["no_worker_is_live", "workers_are_live_again"]
    assert lines[0]["oldest_due_seconds"] == 0

    asked: list[None] = []

    async def look(_: Platform) -> int | None:
        asked.append(None)
        if len(asked) > 1:
            raise ZeroDivisionError
        return None

    monkeypatch.setattr(worker_beats, "LOOK_EVERY", timedelta(0))
    monkeypatch.setattr(worker_beats, "count_workers", look)
    with pytest.raises(ZeroDivisionError):
        await watch.run()
    assert not watch.missing, "a database that is away says nothing about the workers"


def test_a_heartbeat_outlives_the_silence_of_redis(platform: Platform) -> None:
    settings = platform.settings
    assert name_worker(settings).life > settings.redis_silence + 2 * settings.sweep_interval
    slow = settings.model_copy(update={"sweep_interval": timedelta(seconds=30)})
    assert name_worker(slow).life == timedelta(minutes=3)
