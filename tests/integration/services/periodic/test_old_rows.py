"""Rows of syncs, runs and notices are forgotten when they are past their retention, unless they say what is true now."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, inspect, select

from app.core import clock
from app.core.ids import first_id
from app.domain.notice_states import NoticeState
from app.domain.run_states import RunKind, RunState
from app.domain.sync_states import SyncState
from app.services.periodic.collector import collect_files
from app.storage.models import Notice, Run, Sync
from app.storage.repositories import old_rows
from tests.flow import Flow

pytestmark = pytest.mark.installation(stepped=True)

OLDER = timedelta(days=401)
YOUNGER = timedelta(days=300)


async def copied(
    flow: Flow, row: Any, prefix: str, age: timedelta, count: int, **values: Any
) -> None:
    """Write rows like ``row`` that ended ``age`` ago. They have no files."""
    at = clock.now() - age
    columns = {column.key: getattr(row, column.key) for column in inspect(type(row)).column_attrs}
    columns |= {"finished_at": at, "snapshot_id": None, "plan": None, "outcome": None} | values
    known = set(inspect(type(row)).column_attrs.keys())
    rows = [
        {key: value for key, value in columns.items() if key in known}
        | {
            "id": f"{first_id(prefix, at)}{values.get('state', '')}{values.get('kind', '')}{number:04}"
        }
        | ({"number": -int(age.total_seconds()) * 1000 - number} if "number" in known else {})
        for number in range(count)
    ]
    async with flow.platform.unit_of_work() as session:
        await session.execute(insert(type(row)), rows)


async def ages(flow: Flow, model: type[Any]) -> Counter[int]:
    """Return how many rows ended so many days ago."""
    async with flow.platform.unit_of_work() as session:
        rows = await session.scalars(select(model).where(model.space_id == flow.space_id))
        return Counter((clock.now() - row.finished_at).days for row in rows)


@pytest.mark.walk
async def test_syncs_of_more_than_a_year_are_forgotten(flow: Flow) -> None:
    sync = await _synced(flow)
    await copied(flow, sync, "syn", OLDER, 60)
    await copied(flow, sync, "syn", YOUNGER, 120)
    await copied(flow, sync, "syn", OLDER + timedelta(days=99), 1, state=SyncState.FAILED)
    await collect_files(flow.platform)
    assert await ages(flow, Sync) == {0: 1, 300: 120, 500: 1}


@pytest.mark.walk
async def test_the_newest_stay_however_old_they_are(flow: Flow) -> None:
    sync = await _synced(flow)
    await copied(flow, sync, "syn", OLDER, 150)
    await collect_files(flow.platform)
    assert await ages(flow, Sync) == {0: 1, 401: 99}


@pytest.mark.walk
async def test_of_one_activation_a_limited_number_is_kept(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(old_rows, "MOST_KEPT", 120)
    sync = await _synced(flow)
    await copied(flow, sync, "syn", YOUNGER, 90)
    await copied(flow, sync, "syn", timedelta(days=40), 70)
    await copied(flow, sync, "syn", timedelta(days=20), 20)
    await collect_files(flow.platform)
    assert await ages(flow, Sync) == {0: 1, 20: 20, 40: 70, 300: 29}


@pytest.mark.walk
async def test_ids_of_earlier_versions_are_not_taken_for_old_ones(flow: Flow) -> None:
    sync = await _synced(flow)
    await copied(flow, sync, "syn", YOUNGER, 110)
    async with flow.platform.unit_of_work() as session:
        for row in await session.scalars(select(Sync).where(Sync.id != sync.id)):
            row.id = row.id.replace("syn_1", "syn_0")
    await collect_files(flow.platform)
    assert (await ages(flow, Sync))[300] == 110


@pytest.mark.walk
async def test_runs_are_forgotten_unless_their_snapshot_is_kept(flow: Flow) -> None:
    run = await flow.members(range(3))
    await copied(flow, run, "run", OLDER, 130)
    oldest = OLDER + timedelta(days=9)
    await copied(flow, run, "run", oldest, 2, state=RunState.FAILED, snapshot_id=run.snapshot_id)
    await copied(flow, run, "run", oldest, 1, kind=RunKind.DEFINITION)
    await collect_files(flow.platform)
    assert await ages(flow, Run) == {0: 1, 401: 99, 410: 3}


@pytest.mark.walk
async def test_notices_are_forgotten_unless_they_wait(flow: Flow) -> None:
    sync = await _synced(flow)
    async with flow.platform.unit_of_work() as session:
        for state in (NoticeState.NEW, NoticeState.SENT, NoticeState.FAILED):
            for age in (OLDER, YOUNGER):
                session.add(
                    Notice(
                        space_id=flow.space_id,
                        id=f"ntc_{state}_{age.days}",
                        activation_id=sync.activation_id,
                        event="sync_failed",
                        channel="email",
                        recipient="ops@example.com",
                        content={},
                        state=state,
                        next_at=clock.now() + timedelta(days=1),
                        created_at=clock.now() - age,
                    )
                )
    await collect_files(flow.platform)
    async with flow.platform.unit_of_work() as session:
        left = set(await session.scalars(select(Notice.id).where(Notice.space_id == flow.space_id)))
    assert left == {"ntc_new_401", "ntc_new_300", "ntc_sent_300", "ntc_failed_300"}


async def _synced(flow: Flow) -> Sync:
    activation = await flow.activate(resync=True)
    await flow.members(range(3))
    return await flow.quiet(activation)
