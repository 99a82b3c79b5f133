"""The page of the installation and of the notices."""

from __future__ import annotations

from app.services.platform import name_worker, write_beat
from app.storage.models import Notice
from tests.integration.console.conftest import Browser


async def test_an_operator_sees_the_installation_and_tests_a_notice(visitor: Browser) -> None:
    flow = visitor.flow
    await visitor.sign_in("read", "write", "operator")
    one = f"/console/spaces/{flow.space_id}/operations"
    page = await visitor.open(one)
    assert page.status_code == 200
    assert "No worker is live." in visitor.text
    assert "Mail Off ACTIVATIONS_SMTP_URL is not set" in visitor.text
    await write_beat(flow.platform, name_worker(flow.platform.settings), "arq")
    activation = await flow.activate()
    async with flow.platform.unit_of_work() as session:
        session.add(
            Notice(
                space_id=flow.space_id,
                id="ntc_1",
                activation_id=activation,
                event="failed",
                channel="email",
                recipient="crm@example.com",
                content={"activationName": "<b>Test</b>"},
                state="failed",
                error="550 no such mailbox",
            )
        )
    page = await visitor.open(one)
    assert "No worker is live." not in visitor.text
    assert "Live just now" in visitor.text
    assert "Due now 0" in visitor.text
    assert "ACTIVATIONS_MAX_BODY_BYTES 1 MiB" in visitor.text
    assert "ACTIVATIONS_HISTORY_KEPT 30 days" in visitor.text
    assert "Failed 550 no such mailbox crm@example.com" in visitor.text
    assert "&lt;b&gt;Test&lt;/b&gt;" in page.text
    assert f"/audiences/{flow.audience_id}/activations/{activation}" in page.text
    await visitor.open(f"{one}?state=sent")
    assert "No notice matches" in visitor.text
    assert (await visitor.open(f"{one}?state=none")).status_code == 422
    await visitor.open(one)
    page = await visitor.send(f"{one}/test-notice", {"email": "nobody"})
    assert page.status_code == 422
    assert 'id="email-fault"' in page.text
    await visitor.send(f"{one}/test-notice", {"email": "crm@example.com"})
    assert "The test notice was not sent. ACTIVATIONS_SMTP_URL is not set" in visitor.text
    await visitor.send(f"{one}/test-notice", {"email": "", "destinationId": flow.destination_id})
    assert "The test notice was sent." in visitor.text
    assert flow.receiver.stats()["messages"] == 1


async def test_other_tokens_see_only_the_notices_of_the_space(visitor: Browser) -> None:
    one = f"/console/spaces/{visitor.flow.space_id}/operations"
    await visitor.sign_in("read")
    page = await visitor.open(one)
    assert page.status_code == 200
    assert "No notices yet" in visitor.text
    assert "tokens with the scope operator" in visitor.text
    assert "Object store" not in visitor.text
    assert page.text.count('method="post"') == 1, "only the sign-out"
    refused = await visitor.post(f"{one}/test-notice", visitor.form("/console/sign-out"))
    assert refused.status_code == 403
