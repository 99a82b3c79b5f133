"""Notices: by mail through a real SMTP server, and by signed webhook."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.storage.models import Notice
from tests.flow import Flow, eventually
from tests.mailbox import Mailbox, mailbox, settings

__all__ = ["mailbox", "settings"]  # fixtures
pytestmark = pytest.mark.installation(worker=True)


async def notices(flow: Flow) -> list[Notice]:
    async with flow.platform.unit_of_work() as session:
        return list((await session.scalars(select(Notice).order_by(Notice.id))).all())


class TestMail:
    async def test_a_finished_sync_is_told_by_mail(
        self, flow: Flow, mailbox: tuple[Mailbox, int]
    ) -> None:
        told = {"emails": ["crm@example.com"], "on": ["finished"]}
        activation = await flow.activate(options={"notifications": told})
        await flow.members(range(3))
        await flow.quiet(activation)
        mail = await eventually(lambda: mailbox[0].mails[0] if mailbox[0].mails else None)
        assert mail.rcpt_tos == ["crm@example.com"]
        assert b"entered: 3" in mail.content

    @pytest.mark.walk
    async def test_a_held_plan_is_told_and_a_finished_one_is_not_where_nobody_asked(
        self, flow: Flow, mailbox: tuple[Mailbox, int]
    ) -> None:
        told = {"emails": ["crm@example.com"], "on": ["held"]}
        activation = await flow.activate(brake=True, options={"notifications": told})
        await flow.members(range(200))
        await flow.quiet(activation)
        await flow.members(range(10))
        await flow.quiet(activation)
        await eventually(lambda: len(mailbox[0].mails) == 1)
        assert b"held" in mailbox[0].mails[0].content
        assert [one.event for one in await notices(flow)] == ["held"]


class TestWebhook:
    @pytest.mark.walk
    async def test_an_error_is_told_once_however_often_it_fails(self, flow: Flow) -> None:
        told = {"destinationId": flow.destination_id, "on": ["error", "failed"]}
        activation = await flow.activate(options={"notifications": told})
        flow.sandbox.faults.add({"kind": "status", "status": 410, "times": 1})
        await flow.members(range(3))
        await flow.quiet(activation)
        await eventually(lambda: _sent(flow))
        events = [one.event for one in await notices(flow)]
        assert sorted(events) == ["error", "failed"]
        assert flow.receiver.stats()["bad_signatures"] == 0


async def _sent(flow: Flow) -> bool:
    found = await notices(flow)
    return bool(found) and all(one.state == "sent" for one in found)
