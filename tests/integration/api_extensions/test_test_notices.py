"""Test notices, by mail and by webhook."""

from __future__ import annotations

from tests.integration.api_extensions.desk import Desk
from tests.mailbox import Mailbox, mailbox, settings

__all__ = ["mailbox", "settings"]  # fixtures


async def test_a_test_notice_reaches_a_mailbox_and_a_webhook_or_says_why_not(
    desk: Desk, mailbox: tuple[Mailbox, int]
) -> None:
    flow = desk.flow

    async def send(**body: str) -> tuple[bool, str | None]:
        found = (await desk.data("POST", "notices/test", json=body))["testNotice"]
        return found["sent"], found["message"]

    assert await send(email="crm@example.com") == (True, None)
    (mail,) = mailbox[0].mails
    assert mail.rcpt_tos == ["crm@example.com"]
    assert b"This is a test notice." in mail.content
    sent, why = await send(email="unknown@example.com")
    assert not sent
    assert "no such mailbox" in (why or "")
    received = flow.receiver.stats()["messages"]
    assert await send(destinationId=flow.destination_id) == (True, None)
    assert flow.receiver.stats()["messages"] == received + 1
    assert flow.receiver.stats()["bad_signatures"] == 0
    flow.sandbox.faults.add({"kind": "status", "status": 503, "times": 1})
    sent, why = await send(destinationId=flow.destination_id)
    assert not sent
    assert "503" in (why or "")
    for body, field in (
        ({}, "email"),
        ({"email": "x", "destinationId": "y"}, "email"),
        ({"email": "no address"}, "email"),
    ):
        refused = await desk.api.post("notices/test", json=body)
        assert refused.status_code == 422, body
        assert refused.json()["errors"][0]["field"] == field
    unknown = await desk.api.post("notices/test", json={"destinationId": "none"})
    assert unknown.status_code == 404
