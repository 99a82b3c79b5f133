"""What the sweep finds due."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, text, update

from app.queue import Task
from app.services.periodic.due import batches_wait
from app.storage.models import Batch
from app.storage.repositories.syncs import SyncRepository
from benchmarks.due_work import captured, explain
from tests.flow import Flow
from tests.stepping import Hand

pytestmark = pytest.mark.installation(batch_size=5)


@pytest.mark.walk
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


@pytest.mark.parametrize(("waits", "found"), [("1 hour", 0), ("0 hours", 1)])
async def test_a_claim_does_not_read_the_batches_of_a_large_sync(
    flow: Flow, waits: str, found: int
) -> None:
    """It finds out by an index whether one of 5,000 open batches is due."""
    hand = Hand(flow)
    await hand.planned()
    async with flow.platform.unit_of_work() as session:
        later = func.clock_timestamp() + text(f"interval '{waits}'")
        await session.execute(update(Batch).values(next_at=later))
        await session.execute(
            text(
                f"""INSERT INTO batch (space_id, sync_id, number, kind, priority, first_row, row_count, next_at)
                SELECT space_id, id, 100 + n, 'entered', 1, n, 1, now() + interval '{waits}' - random() * interval '1 minute' FROM sync, generate_series(1, 5000) n
                WHERE state = 'pending'"""
            )
        )
    async with flow.platform.unit_of_work() as session:
        await session.execute(text("ANALYZE batch"))
    async with flow.platform.unit_of_work() as session, captured(flow.platform.database) as seen:
        candidates = await SyncRepository(session).lock_candidates(busy=[], filled=[], resyncs=1)
    assert len(candidates) == found
    # PostgreSQL reads so small a table from end to end; a table of a million rows it does not.
    small = "SET LOCAL enable_seqscan = off"
    plan = await explain(flow.platform.database, *seen[0], before=small)
    assert plan["buffers"] < 100, plan
