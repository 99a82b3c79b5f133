"""What the sweep finds due."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, text, update

from app.queue import Task
from app.services.periodic.due import batches_wait
from app.storage.models import Batch
from tests.flow import Flow
from tests.stepping import Hand

pytestmark = pytest.mark.installation(batch_size=5)


async def test_entries_that_wait_for_exits_ring_no_bell(flow: Flow) -> None:
    hand = Hand(flow)
    activation = await hand.planned()
    await hand.quiet()
    await flow.supply({"profile_id": f"p{number}"} for number in range(5, 15))
    await hand.once(tasks=(Task.RECOMPUTE,))
    await hand.once(tasks=(Task.PLAN,))
    assert await batches_wait(flow.platform)
    async with flow.platform.unit_of_work() as session:
        await session.execute(
            text(
                """UPDATE sync SET spec = spec || '{"exitsFirst": true}' WHERE state = 'pending'"""
            )
        )
        in_a_minute = func.clock_timestamp() + timedelta(minutes=1)
        await session.execute(
            update(Batch).where(Batch.kind == "exited").values(next_at=in_a_minute)
        )
    assert not await batches_wait(flow.platform)
    assert len(flow.received(activation)) == 10
