"""The pages of a profile: the search, and what became of it in an activation."""

from __future__ import annotations

import pytest

from tests.flow import worker
from tests.integration.console.conftest import Browser


@pytest.mark.walk
async def test_a_profile_is_found_explained_and_sent(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(3))
    activation = await flow.activate(resync=True)
    await flow.quiet(activation)
    page = await browser.open("profile")
    assert page.status_code == 200
    assert "Find a person" in browser.text
    await browser.open("profile?search=nobody@example.com")
    assert "No profile found" in browser.text
    await browser.open(f"profile?search={'x' * 256}")
    assert browser.page is not None
    assert browser.page.status_code == 422
    page = await browser.open("profile?search=P1@example.com")
    assert "Buyers as of" in browser.text
    assert "Test Buyers Hook Signed webhook There p1 yes" in browser.text
    one = (
        f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}"
        f"/activations/{activation}/profiles/p1"
    )
    assert f'href="{one}"' in page.text
    page = await browser.open(one)
    assert page.status_code == 200
    assert "Hook has it ." in browser.text
    assert "Sync 1" in browser.text
    assert "Delivered accepted · HTTP 200" in browser.text
    async with worker(flow.platform):
        await browser.send(f"{one}/test-send", {"change": "entered"})
    assert "Test send: delivered." in browser.text
    assert flow.receiver.stats()["tests"] + flow.receiver.stats()["messages"] >= 2
    page = await browser.post(
        f"{one}/test-send", {**browser.form(f"{one}/test-send"), "change": "x"}
    )
    assert page.status_code == 422
    await browser.open(one.replace("/p1", "/nobody"))
    assert "Hook does not have it. It is in no audience of the activation." in browser.text


async def test_a_read_token_sees_a_profile_without_the_test_send(visitor: Browser) -> None:
    flow = visitor.flow
    await flow.members(range(1))
    activation = await flow.activate()
    await visitor.sign_in("read")
    one = (
        f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}"
        f"/activations/{activation}/profiles/p0"
    )
    page = await visitor.open(one)
    assert page.status_code == 200
    assert page.text.count('method="post"') == 1, "only the sign-out"
    token = visitor.form("/console/sign-out")
    assert (await visitor.post(f"{one}/test-send", token)).status_code == 403
