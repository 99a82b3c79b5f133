"""Transactions that lose their connection are repeated as a whole."""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.services.platform.platform import Platform
from app.services.platform.transactions import retry_transaction
from app.storage.models import Workspace


async def test_a_transaction_whose_connection_is_cut_is_repeated(platform: Platform) -> None:
    tries = 0

    async def work(session: AsyncSession) -> None:
        nonlocal tries
        tries += 1
        session.add(Workspace(id=f"ws_{tries}", slug=f"w{tries}", name="Test"))
        await session.flush()
        if tries == 1:
            own = await session.scalar(text("SELECT pg_backend_pid()"))
            async with platform.unit_of_work() as other:
                await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
            await session.execute(text("SELECT 1"))

    await retry_transaction(platform.unit_of_work, work)
    async with platform.unit_of_work() as session:
        kept = (await session.scalars(select(Workspace.id))).all()
    assert list(kept) == ["ws_2"]
