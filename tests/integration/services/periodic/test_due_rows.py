"""Due rows: one with a fault is put off, one that conflicts stays due, and the others are opened."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.services.periodic.due_rows import open_each
from app.services.platform import is_lost
from app.storage.models import Audience
from tests.flow import Flow


async def _open(flow: Flow, session: AsyncSession, kinds: list[str]) -> tuple[int, list[str]]:
    """Open rows that are named after what happens. Returns the number opened, and those that were put off."""
    put_off: list[str] = []

    async def work(kind: str) -> int:
        audience = await session.get(Audience, (flow.space_id, flow.audience_id))
        assert audience is not None
        audience.description = kind
        await session.flush()
        if kind == "fault":
            raise LookupError(kind)
        if kind == "busy":
            await session.execute(text("SET LOCAL lock_timeout = '20ms'"))
            await session.execute(text("LOCK TABLE notice"))
        if kind == "away":
            await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return 1

    rows = dict(zip(kinds, kinds, strict=True))
    opened = await open_each(session, rows, work, fault="test", put_off=put_off.append)
    return opened, put_off


async def test_a_fault_puts_off_and_a_conflict_does_not(flow: Flow) -> None:
    async with flow.platform.unit_of_work() as other:
        await other.execute(text("LOCK TABLE notice"))
        async with flow.platform.unit_of_work() as session:
            assert await _open(flow, session, ["first", "fault", "busy"]) == (1, ["fault"])
    async with flow.platform.unit_of_work() as session:
        kept = select(Audience.description).where(Audience.id == flow.audience_id)
        assert await session.scalar(kept) == "first", "the others were rolled back"


async def test_without_a_database_the_sweep_fails_and_nothing_is_put_off(flow: Flow) -> None:
    async with flow.platform.database.sessions() as session:
        with pytest.raises(DBAPIError) as raised:
            await _open(flow, session, ["first", "away", "next"])
    assert is_lost(raised.value)
