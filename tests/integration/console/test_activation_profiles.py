"""People in an activation: the search among held members, a test send, and the check of the partner's list."""

from __future__ import annotations

import pytest

from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from tests.flow import worker
from tests.integration.console.conftest import Browser

LIST = "AbCdEf"


def _path(browser: Browser, activation: str) -> str:
    flow = browser.flow
    return f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}"


@pytest.mark.walk
async def test_a_member_is_sent_by_id_or_by_address(browser: Browser) -> None:
    flow = browser.flow
    await flow.upload(
        [
            {"profile_id": "p0", "email": "p0@example.com"},
            {"profile_id": "p1", "email": "both@example.com"},
            {"profile_id": "p2", "email": "both@example.com"},
        ]
    )
    activation = await flow.activate(resync=True)
    await flow.quiet(activation)
    path = _path(browser, activation)
    await browser.open(f"{path}?tab=test")
    send = f"{path}/test-send?tab=test"
    for who, words in (
        ("", "Enter the id or the e-mail address"),
        ("nobody@example.com", "No member of the audience has “nobody@example.com”."),
        ("both@example.com", "Several members have it: p1, p2. Enter an id."),
    ):
        page = await browser.send(send, {"who": who, "change": "entered"})
        assert page.status_code == 422
        assert 'id="who-fault"' in page.text
        assert words in browser.text
        assert f'value="{who}"' in page.text, "what was typed is kept"
    page = await browser.send(send, {"who": "p0", "change": "odd"})
    assert page.status_code == 422
    for who in ("p0", "P0@example.com"):
        async with worker(flow.platform):
            page = await browser.send(send, {"who": who, "change": "updated"})
        assert page.status_code == 200
        assert "Test send: delivered." in browser.text, who
        assert "Response: accepted · HTTP 200" in browser.text
        assert "p0@example.com" in browser.text, "the request"
        assert f'href="{path}/profiles/p0"' in page.text
    assert sum(sync.kind == "test" for sync in await flow.syncs(activation)) == 2


@pytest.mark.walk
async def test_a_held_member_is_found(browser: Browser) -> None:
    flow = browser.flow
    await flow.upload({"profile_id": f"p{i}", "email": f"p{i}@example.com"} for i in range(3))
    activation = await flow.activate(resync=True)
    await flow.quiet(activation)
    path = _path(browser, activation)
    page = await browser.open(f"{path}?tab=held&search=P1@example.com")
    assert f'href="{path}/profiles/p1"' in page.text
    assert f'href="{path}/profiles/p2"' not in page.text
    await browser.open(f"{path}?tab=held&search=nobody")
    assert "No “nobody” is at the destination" in browser.text
    assert (await browser.open(f"{path}?tab=held&search={'x' * 256}")).status_code == 422
    page = await browser.open(f"{path}?tab=held")
    assert f'href="{path}/profiles/p2"' in page.text
    page = await browser.send(f"{path}/drift?tab=held")
    assert page.status_code == 409, "a webhook has no list that can be read"


@pytest.mark.walk
async def test_the_list_of_the_partner_is_compared_and_repaired(browser: Browser) -> None:
    flow = browser.flow
    klaviyo = KlaviyoEmulator(job_seconds=0.05)
    klaviyo.account.new_list("VIP", LIST)
    async with Sandbox([klaviyo]) as sandbox:
        settings = {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
        await flow.use_account("klaviyo", settings)
        await flow.upload({"profile_id": f"p{i}", "email": f"p{i}@example.com"} for i in range(3))
        activation = await flow.activate(
            resync=True, idSyncGiven=True, connectionSettings={"list_id": LIST}
        )
        await flow.quiet(activation)
        path = _path(browser, activation)
        await browser.open(f"{path}?tab=held")
        await browser.send(f"{path}/drift?tab=held")
        assert "The list has what the service sent." in browser.text
        members = klaviyo.account.lists[LIST].members
        gone = klaviyo.account.find("email", "p1@example.com")
        stranger, _ = klaviyo.account.upsert({"email": "stranger@example.com"})
        assert gone is not None
        del members[gone.id]
        members[stranger.id] = None
        await browser.send(f"{path}/drift?tab=held")
        assert "3 members in the list, 3 recorded by the service" in browser.text
        assert "A repair sends them again. 1 sample p1@example.com 1" in browser.text
        assert "They are not changed. 1 sample stranger@example.com 1" in browser.text
        await browser.send(f"{path}/drift-repair?tab=held")
        assert "The next sync sends what is missing" in browser.text
        await browser.send(f"{path}/run")
        await flow.quiet(activation)
        found = {one["email"] for one in klaviyo.members(LIST) or []}
    assert found == {f"p{i}@example.com" for i in range(3)} | {"stranger@example.com"}
