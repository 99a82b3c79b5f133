"""The collector: old files are removed unless they are in use."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app.services.audiences.members import Membership, find_member
from app.services.periodic import collector as collecting
from app.services.periodic.collector import collect_files
from app.storage.models import Audience, Batch, Snapshot, Sync
from tests.flow import Flow

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
