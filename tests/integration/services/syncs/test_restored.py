"""After a restore from a backup: everything is sent again, under numbers that no sync had before (R5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from app.core.ids import new_id
from app.domain.activation_states import ActivationState
from app.services.syncs import lifecycle
from app.services.syncs.restored import LEAST, Restored, begin_after_restore
from app.storage.models import Activation, Audience, Sync
from tests.flow import Flow

pytestmark = pytest.mark.installation(stepped=True)


@dataclass
class Backup:
    """What a backup of the database has of an activation and its audience."""

    sync_number: int
    holdings: Any
    held: int
    snapshot_id: str | None


async def backed_up(flow: Flow, activation_id: str) -> Backup:
    activation = await flow.activation(activation_id)
    async with flow.platform.unit_of_work() as session:
        audience = await session.get(Audience, (flow.space_id, flow.audience_id))
    assert audience is not None
    return Backup(
        activation.sync_number,
        activation.holdings,
        activation.held,
        audience.current_snapshot_id,
    )


async def restore(flow: Flow, activation_id: str, backup: Backup, **values: Any) -> None:
    """Bring the database back to the moment of the backup. The partner keeps what it was sent since then."""
    async with flow.platform.unit_of_work() as session:
        late = delete(Sync).where(
            Sync.activation_id == activation_id, Sync.number > backup.sync_number
        )
        await session.execute(late)
        await session.execute(
            update(Activation)
            .where(Activation.id == activation_id)
            .values(
                sync_number=backup.sync_number,
                holdings=backup.holdings,
                held=backup.held,
                **values,
            )
        )
        await session.execute(
            update(Audience)
            .where(Audience.id == flow.audience_id)
            .values(current_snapshot_id=backup.snapshot_id)
        )


async def lived_on(flow: Flow) -> tuple[str, Backup]:
    """An activation that was backed up with p0 to p4, and from which p3 and p4 left since then, and p7 and back again."""
    flow.receiver.honour_seq = True
    activation = await flow.activate(resync=True)
    await flow.members(range(5))
    await flow.quiet(activation)
    backup = await backed_up(flow, activation)
    for ids in ([*range(5), 7], range(5), range(3)):
        await flow.members(ids)
        await flow.quiet(activation)
    assert flow.received(activation) == {f"p{number}" for number in range(3)}
    return activation, backup


@pytest.mark.walk
async def test_a_receiver_that_drops_lower_numbers_gets_what_is_sent_again(flow: Flow) -> None:
    activation, backup = await lived_on(flow)
    await restore(flow, activation, backup)
    assert await begin_after_restore(flow.platform) == Restored(1, 1, 0)
    last = await flow.quiet(activation)
    assert last.kind == "resync"
    assert flow.received(activation) == {f"p{number}" for number in range(5)}
    await flow.members(range(2))
    assert (await flow.quiet(activation)).kind == "incremental"
    assert flow.received(activation) == {"p0", "p1"}


@pytest.mark.walk
async def test_an_activation_that_is_disabled_is_sent_again_when_it_is_enabled(flow: Flow) -> None:
    activation, backup = await lived_on(flow)
    await restore(flow, activation, backup, enabled=False, state="inactive")
    assert await begin_after_restore(flow.platform) == Restored(1, 0, 1)
    async with flow.platform.unit_of_work() as session:
        row = await session.get(Activation, (flow.space_id, activation))
        assert row is not None
        row.enabled, row.state = True, ActivationState.ACTIVE
        await lifecycle.configuration_changed(session, row, resync=False, actor="test")
    assert (await flow.quiet(activation)).kind == "resync"
    assert flow.received(activation) == {f"p{number}" for number in range(5)}


async def test_what_the_backup_was_about_to_send_is_not_sent(flow: Flow) -> None:
    activation, backup = await lived_on(flow)
    await restore(flow, activation, backup)
    async with flow.platform.unit_of_work() as session:
        session.add(
            Sync(
                space_id=flow.space_id,
                id=new_id("syn"),
                activation_id=activation,
                destination_id=flow.destination_id,
                number=backup.sync_number + 1,
                kind="incremental",
                trigger="run",
                state="running",
                opened_by="test",
            )
        )
        await session.execute(
            update(Activation)
            .where(Activation.id == activation)
            .values(sync_number=backup.sync_number + 1)
        )
    assert await begin_after_restore(flow.platform) == Restored(1, 0, 1)
    await flow.quiet(activation)
    states = [(one.kind, one.state) for one in await flow.syncs(activation)]
    assert states[-2:] == [("incremental", "cancelled"), ("resync", "complete")]
    assert flow.received(activation) == {f"p{number}" for number in range(5)}


async def test_members_who_count_as_already_there_are_not_sent(flow: Flow) -> None:
    await flow.members(range(3))
    activation = await flow.activate()  # its baseline is still to come
    assert await begin_after_restore(flow.platform) == Restored(1, 0, 0)
    assert (await flow.quiet(activation)).kind == "baseline"
    row = await flow.activation(activation)
    assert (row.resync_wanted, row.held) == (0, 3)
    assert row.sync_number > LEAST
    assert flow.received(activation) == set()


@pytest.mark.walk
async def test_numbers_leave_out_all_that_the_time_since_the_last_sync_allows(flow: Flow) -> None:
    activation, backup = await lived_on(flow)
    await restore(flow, activation, backup)
    async with flow.platform.unit_of_work() as session:
        long_ago = func.clock_timestamp() - func.make_interval(0, 0, 0, 1)
        await session.execute(update(Sync).values(opened_at=long_ago))
    await begin_after_restore(flow.platform)
    async with flow.platform.unit_of_work() as session:
        newest = await session.scalar(
            select(func.max(Sync.number)).where(Sync.activation_id == activation)
        )
    assert newest is not None
    assert newest > backup.sync_number + 10 * 86_400
