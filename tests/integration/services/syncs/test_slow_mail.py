"""A mail server that takes longer than the lease of a notice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.services.syncs import notices
from app.storage.models import Notice
from tests.flow import Flow
from tests.mailbox import Mailbox, mailbox, settings

__all__ = ["mailbox", "settings"]  # fixtures
pytestmark = pytest.mark.installation(stepped=True)


@pytest.mark.walk
async def test_a_notice_is_sent_once(
    flow: Flow, mailbox: tuple[Mailbox, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(_: Any, __: Any, envelope: Any, address: str, ___: Any) -> str:
        await asyncio.sleep(2)
        envelope.mail_from = address
        return "250 OK"

    monkeypatch.setattr(mailbox[0], "handle_MAIL", slow, raising=False)
    monkeypatch.setattr(notices, "LEASE", timedelta(seconds=0.8))
    told = {"emails": ["crm@example.com"], "on": ["finished"]}
    activation = await flow.activate(options={"notifications": told})
    await flow.members(range(3))
    await flow.quiet(activation)
    async with flow.platform.unit_of_work() as session:
        notice = (await session.scalars(select(Notice))).one()
    first = asyncio.create_task(notices.send_notices(flow.platform, flow.space_id, notice.id))
    await asyncio.sleep(1.2)
    assert not await notices.send_notices(flow.platform, flow.space_id, notice.id)
    assert await first
    assert len(mailbox[0].mails) == 1
    async with flow.platform.unit_of_work() as session:
        notice = (await session.scalars(select(Notice))).one()
    assert (notice.state, notice.attempts) == ("sent", 1)
