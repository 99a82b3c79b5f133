"""Steps that the tests of delivery share."""

from __future__ import annotations

from sqlalchemy import select

from app.core import clock
from app.services.syncs import syncs
from app.storage.models import Attempt, Batch, Sync
from tests.flow import ACTOR, Flow


def ids(numbers: range) -> set[str]:
    """Member ids of some numbers."""
    return {f"p{i}" for i in numbers}


async def attempts(flow: Flow) -> list[Attempt]:
    """All attempts, oldest first."""
    async with flow.platform.unit_of_work() as session:
        return list((await session.scalars(select(Attempt).order_by(Attempt.started_at))).all())


async def held_sync(flow: Flow, activation: str) -> Sync:
    """Let an activation send 200 members, and plan the removal of 190, which the brake holds."""
    await flow.members(range(200))
    await flow.quiet(activation)
    await flow.members(range(10))
    held = await flow.quiet(activation)
    assert held.state == "held"
    return held


async def approve(flow: Flow, sync: Sync) -> None:
    """Approve a held sync."""
    async with flow.platform.unit_of_work() as session:
        await syncs.approve_sync(
            session, flow.space_id, sync.activation_id, sync.id, actor=ACTOR, now=clock.now()
        )


async def failing_batch(flow: Flow, sync: Sync) -> Batch | None:
    """The first batch of a sync that has failed, or None."""
    found = [one for one in await flow.batches(sync.id) if one.failing_since is not None]
    return found[0] if found else None
