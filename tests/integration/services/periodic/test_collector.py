"""The collector: old files are removed unless they are in use."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import clock
from app.core.errors import NotFound
from app.queue import Task
from app.services.audiences import member_uploads, runs
from app.services.audiences.members import Membership, find_member
from app.services.periodic import collector as collecting
from app.services.periodic.collector import collect_files
from app.storage.models import Audience, Batch, Snapshot, Sync, SyncSource
from app.storage.repositories.collection import CollectionQueries
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.snapshots import SnapshotRepository
from tests.flow import Flow
from tests.stepping import Hand

pytestmark = pytest.mark.installation(stepped=True)

AGO = func.clock_timestamp() - timedelta(days=31)


async def grown_old(flow: Flow) -> None:
    """Make all rows a month older, and run the collector."""
    async with flow.platform.unit_of_work() as session:
        await session.execute(update(Snapshot).values(created_at=AGO))
        await session.execute(
            update(Sync).where(Sync.finished_at.is_not(None)).values(finished_at=AGO)
        )
    settings = flow.platform.settings.model_copy(update={"orphan_age": timedelta(0)})
    await collect_files(dataclasses.replace(flow.platform, settings=settings))


async def files(flow: Flow, folder: str) -> int:
    prefix = f"spaces/{flow.space_id}/"
    keys = [key async for key, _, _ in flow.platform.objects.list(prefix)]
    return sum(f"/{folder}/" in key for key in keys)


async def snapshots(flow: Flow) -> set[str]:
    async with flow.platform.unit_of_work() as session:
        found = await session.scalars(select(Snapshot.id).where(Snapshot.space_id == flow.space_id))
        return set(found.all())


@pytest.mark.walk
async def test_a_month_old_history_is_forgotten_and_what_is_in_use_is_not(flow: Flow) -> None:
    activation = await flow.activate(resync=True)
    for last in (20, 30, 25):
        await flow.members(range(last))
        await flow.quiet(activation)
    assert len(await snapshots(flow)) == 3
    before = await flow.syncs(activation)
    await grown_old(flow)
    async with flow.platform.unit_of_work() as session:
        audience = await session.get(Audience, (flow.space_id, flow.audience_id))
        assert audience is not None
        assert await snapshots(flow) == {audience.current_snapshot_id}
        batches = select(func.count()).select_from(Batch).where(Batch.space_id == flow.space_id)
        assert await session.scalar(batches) == 0
    assert await files(flow, "uploads") == 0
    assert await files(flow, "snapshots") == 1
    # The rows of syncs stay, and the next sync starts from the holdings.
    after = await flow.syncs(activation)
    assert [sync.delivered for sync in after] == [sync.delivered for sync in before]
    await flow.members(range(5, 26))
    last_sync = await flow.quiet(activation)
    assert (last_sync.entered, last_sync.exited) == (1, 5)
    assert flow.received(activation) == {f"p{i}" for i in range(5, 26)}


@pytest.mark.walk
async def test_since_when_a_member_is_there_is_not_exact_once_its_history_is_forgotten(
    flow: Flow,
) -> None:
    for last in (5, 6):
        await flow.members(range(last))

    async def found() -> Membership:
        return await find_member(
            flow.platform,
            space_id=flow.space_id,
            audience_id=flow.audience_id,
            profile_id="p1",
        )

    assert (await found()).since_is_exact
    await grown_old(flow)
    assert not (await found()).since_is_exact


@pytest.mark.walk
async def test_much_history_is_forgotten_part_by_part(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "SYNCS_AT_ONCE", 1)
    monkeypatch.setattr(collecting, "BATCHES_AT_ONCE", 2)
    activation = await flow.activate(resync=True)
    for last in (450, 480):
        await flow.members(range(last))
        await flow.quiet(activation)
    syncs = await flow.syncs(activation)
    assert sorted(sync.batches for sync in syncs) == [1, 5]
    await grown_old(flow)
    assert [await flow.batches(sync.id) for sync in syncs] == [[], []]
    assert [sync.plan for sync in await flow.syncs(activation)] == [None, None]


async def test_pinned_snapshots_and_those_of_open_syncs_stay(flow: Flow) -> None:
    activation = await flow.activate(resync=True, brake=True)
    first = (await flow.members(range(200))).snapshot_id
    await flow.quiet(activation)
    held_from = (await flow.members(range(10))).snapshot_id
    held = await flow.quiet(activation)
    assert held.state == "held"
    async with flow.platform.unit_of_work() as session:
        await session.execute(
            update(Audience)
            .where(Audience.id == flow.audience_id)
            .values(pinned_snapshot_id=first, current_snapshot_id="snp_none")
        )
    await grown_old(flow)
    assert await snapshots(flow) == {first, held_from}
    assert len(await flow.batches(held.id)) == held.batches


async def test_an_upload_that_becomes_a_snapshot_while_files_are_collected_is_seen(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rows() -> AsyncIterator[bytes]:
        yield b"profile_id\np1\n"

    await member_uploads.put_members(
        flow.platform,
        rows(),
        space_id=flow.space_id,
        audience_id=flow.audience_id,
        content_type="text/csv",
        content_encoding=None,
        announced=None,
        actor="test",
        now=clock.now(),
    )
    file = [key async for key, _, _ in flow.platform.objects.list(f"spaces/{flow.space_id}/")]
    async with flow.platform.unit_of_work() as session:
        read = session.scalars

        async def read_and_complete(*query: Any) -> Any:
            found = await read(*query)
            await Hand(flow).once(tasks=(Task.RECOMPUTE,))
            return found

        monkeypatch.setattr(session, "scalars", read_and_complete)
        assert set(file) <= await CollectionQueries(session).named_keys()
    assert len(file) == len(await snapshots(flow)) == 1, "the file is the snapshot"


@pytest.mark.walk
@pytest.mark.parametrize("thinned", [True, False])
async def test_a_snapshot_that_is_pinned_at_the_same_moment_stays(
    flow: Flow, thinned: bool
) -> None:
    first, second = [(await flow.members(range(last))).snapshot_id for last in (3, 4)]
    assert first
    assert second
    age = timedelta(days=30)
    async with flow.platform.unit_of_work() as session:
        when = func.date_trunc("day", func.now() - timedelta(days=29 if thinned else 31))
        await session.execute(update(Snapshot).values(created_at=when))

    async def remove(session: AsyncSession) -> None:
        repository = SnapshotRepository(session)
        if thinned:
            await repository.thin_out(timedelta(days=29), 100)
        else:
            await repository.forget_unused(age)

    async def pin(session: AsyncSession) -> None:
        await runs.roll_back(
            session, flow.space_id, flow.audience_id, first, actor="test", now=clock.now()
        )

    async with flow.platform.unit_of_work() as pinning:
        await pin(pinning)
        async with flow.platform.unit_of_work() as collecting:
            await remove(collecting)
    assert await snapshots(flow) == {first, second}
    async with flow.platform.unit_of_work() as session:
        await runs.release_pin(
            session, flow.space_id, flow.audience_id, actor="test", now=clock.now()
        )
    async with flow.platform.unit_of_work() as collecting:
        await remove(collecting)

        async def pin_late() -> None:
            async with flow.platform.unit_of_work() as session:
                await pin(session)

        late = asyncio.create_task(pin_late())
        await asyncio.sleep(0.1)
        assert not late.done(), "it waits for the removal"
    with pytest.raises(NotFound):
        await late
    assert await snapshots(flow) == {second}


@pytest.mark.walk
async def test_a_pin_that_is_committed_while_the_collector_looks_is_seen(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = [(await flow.members(range(last))).snapshot_id for last in (3, 4)]
    assert first
    async with flow.platform.unit_of_work() as session:
        await session.execute(update(Snapshot).values(created_at=AGO))
    async with flow.platform.unit_of_work() as session:
        repository = SnapshotRepository(session)
        look = repository._rows

        async def pin_and_look(*query: Any, **more: Any) -> Any:
            found = await look(*query, **more)
            # As if the look had begun before the pin: its view is older than the lock.
            await session.execute(
                update(Audience)
                .where(Audience.id == flow.audience_id)
                .values(pinned_snapshot_id=first)
            )
            return found

        monkeypatch.setattr(repository, "_rows", pin_and_look)
        await repository.forget_unused(timedelta(days=30))
    assert await snapshots(flow) == {first, second}


def kept_of(moments: list[datetime], now: datetime) -> set[datetime]:
    """What is kept of a history, written the other way round: all of a day, else the last one of its hour or day."""
    hours = {moment.strftime("%F %H"): moment for moment in sorted(moments)}
    days = {moment.strftime("%F"): moment for moment in sorted(moments)}
    recent = {moment for moment in moments if now - moment < timedelta(days=1)}
    week = {moment for moment in hours.values() if now - moment < timedelta(days=7)}
    month = {moment for moment in days.values() if now - moment < timedelta(days=30)}
    return recent | week | month


def history(now: datetime) -> list[datetime]:
    """A change every few minutes to hours, for 40 days, with days and hours that the limits of age cut."""
    steps = random.Random(5)
    moments, age = [], timedelta(minutes=3)
    while age < timedelta(days=40):
        # not within seconds of a limit, where the oracle's clock and that of the database could differ
        if min(abs(age - timedelta(days=days)) for days in (1, 7, 30)) > timedelta(minutes=2):
            moments.append(now - age)
        age += timedelta(minutes=steps.choice([5, 20, 45, 700]))
    return moments[::-1]


@pytest.mark.walk
async def test_history_thins_out(flow: Flow) -> None:
    activation = await flow.activate(resync=True)
    await flow.members(range(5))
    done = await flow.quiet(activation)
    async with flow.platform.unit_of_work() as session:
        now = await RunRepository(session).database_now()
        moments = history(now)
        snapshot = (await session.scalars(select(Snapshot))).one()
        audience = await session.get(Audience, (flow.space_id, flow.audience_id))
        assert audience is not None
        audience.pinned_snapshot_id = "snp_7"  # a rollback to a snapshot that would not be kept
        for number, moment in enumerate(moments):
            session.add(
                _copy(snapshot, id=f"snp_{number}", version=number - 5000, created_at=moment)
            )
            session.add(_copy(done, id=f"syn_{number}", number=number - 5000, finished_at=moment))
        session.add(
            SyncSource(
                space_id=flow.space_id,
                sync_id="syn_open",
                audience_id=flow.audience_id,
                snapshot_id="snp_9",
            )
        )
        session.add(_copy(done, id="syn_open", number=9, state="pending", finished_at=None))
        left = _copy(done, id="syn_left", number=-6000, finished_at=moments[0])
        session.add(left)
        await session.flush()
        batch = (await session.scalars(select(Batch).where(Batch.sync_id == done.id))).first()
        assert batch is not None
        session.add(_copy(batch, sync_id="syn_left", state="waiting", continuation={"id": "job"}))
    assert await collect_files(flow.platform) == 0
    kept = kept_of(moments, now)
    assert len(kept) < len(moments) / 2
    async with flow.platform.unit_of_work() as session:
        left_over = set((await session.scalars(select(Snapshot.id))).all()) - {snapshot.id}
        named = select(Sync.finished_at).where(
            Sync.plan.is_not(None), Sync.id.like("syn_%"), Sync.number < -5
        )
        syncs = set((await session.scalars(named.where(Sync.number > -6000))).all())
    wanted = {f"snp_{n}" for n, moment in enumerate(moments) if moment in kept}
    assert left_over == wanted | {"snp_7", "snp_9"}
    assert syncs == kept
    assert await flow.batches("syn_left") == [], "30 days are over"


@pytest.mark.walk
async def test_a_dry_run_does_not_follow_a_sync(flow: Flow) -> None:
    activation = await flow.activate(resync=True)
    await flow.members(range(5))
    done = await flow.quiet(activation)
    kinds = ["incremental", "incremental", "test", "dry_run", "dry_run"]
    async with flow.platform.unit_of_work() as session:
        now = await RunRepository(session).database_now()
        hour = (now - timedelta(days=2)).replace(minute=10)
        for number, kind in enumerate(kinds, start=2):
            moment = hour + timedelta(minutes=number)
            session.add(
                _copy(done, id=f"syn_{number}", number=number, kind=kind, finished_at=moment)
            )
    await collect_files(flow.platform)
    kept = [sync.number for sync in await flow.syncs(activation) if sync.plan is not None]
    assert kept == [done.number, 3, 6], "the last one that was sent, and the last dry run"


def _copy(row: Any, **changes: Any) -> Any:
    values = {column.key: getattr(row, column.key) for column in row.__table__.columns}
    return type(row)(**{**values, **changes})


@pytest.mark.walk
async def test_files_of_another_installation_in_the_same_store_are_kept(flow: Flow) -> None:
    """The store is that of a service whose database this is not: a new one was set by mistake, or two share a bucket."""
    local = flow.platform.engine.scratch_file(".parquet")
    own = f"spaces/{flow.space_id}/audiences/aud_x/snapshots/old.parquet"
    keys = ["spaces/spa_other/audiences/a/members.parquet", "exports/spa_other/act_x/file.csv", own]
    for key in [*keys, "check_1", "notes/readme.txt"]:
        local.write_bytes(b"content")
        await flow.platform.objects.put(local, key)
    settings = flow.platform.settings.model_copy(update={"orphan_age": timedelta(0)})
    await collect_files(dataclasses.replace(flow.platform, settings=settings))
    left = {key async for key, _, _ in flow.platform.objects.list("")}
    assert left == {*keys[:2], "notes/readme.txt"}


@pytest.mark.walk
async def test_old_snapshots_are_forgotten_in_small_transactions(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a shorter ``ACTIVATIONS_HISTORY_KEPT`` there may be more than one statement can delete in its time."""
    removed: list[int] = []
    forget = SnapshotRepository.forget_unused

    async def noted(self: SnapshotRepository, *given: Any) -> int:
        removed.append(await forget(self, *given))
        return removed[-1]

    monkeypatch.setattr(SnapshotRepository, "forget_unused", noted)
    monkeypatch.setattr(collecting, "SNAPSHOTS_AT_ONCE", 1)
    for last in (5, 6, 7):
        await flow.members(range(last))
    await grown_old(flow)
    assert removed == [1, 1, 0]
