"""What is typed into forms and addresses: checked as the API checks it, and saved as it is written."""

from __future__ import annotations

import re

import pytest

from app.core.sent_json import MAX_DEPTH
from tests.integration.console.conftest import Browser

_DEEP = '{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH
_ACTION = '{"actionId": "webhook-send", "settings": '


async def _activation(browser: Browser) -> str:
    flow = browser.flow
    await flow.members(range(3))
    activation = await flow.activate(resync=True)
    await flow.quiet(activation)
    return f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}"


@pytest.mark.walk
async def test_a_mapping_is_checked_and_saved_as_it_is_written(browser: Browser) -> None:
    path = await _activation(browser)
    action = f"{path}/mapping?tab=mapping"
    await browser.open(f"{path}?tab=mapping")
    for typed, words in {
        "{}": "is required",
        '{"actionId": 5}': "must be text",
        '{"actionId": null}': "is required",
        _ACTION + '{"a": "\\u0000"}}': "NUL",
        _ACTION + f'{{"a": {_DEEP}}}}}': "nested deeper",
        _ACTION + '{"a": 1}, "more": 1}': "not more",
    }.items():
        page = await browser.send(action, {"mapping": typed})
        assert page.status_code == 422, typed
        assert words in browser.text, typed
    settings = '{"url": "https://a.test", "n": 12345678901234567890123, "who": "O\'Brien é"}}'
    await browser.send(action, {"mapping": _ACTION + settings})
    assert "The mapping is saved." in browser.text
    assert "12345678901234567890123" in browser.text
    await browser.open(f"{path}?tab=revisions")
    assert "O'Brien é" in browser.text
    await browser.open(f"{path}?tab=mapping")
    page = await browser.send(action, {"mapping": _ACTION + '{"url": "https://b.test"}}'})
    assert page.status_code == 422
    assert "cannot be removed from a mapping, only changed. Missing: n, who." in browser.text
    await browser.open(f"{path}?tab=mapping")
    assert "https://a.test" in browser.text, "nothing was saved"


@pytest.mark.walk
async def test_texts_that_cannot_be_stored_are_refused(browser: Browser) -> None:
    path = await _activation(browser)
    await browser.open(f"{path}?tab=options")
    for name, words in (("x" * 256, "255"), ("a\0b", "NUL")):
        page = await browser.post(
            f"{path}/rename?tab=options", {**browser.form("/console/sign-out"), "name": name}
        )
        assert page.status_code == 422, words
        assert words in page.text
        await browser.open(f"{path}?tab=options")
    for place in (
        "activations?search=%00",
        "activations?destinationId=%00",
        "syncs?activationId=%00",
    ):
        assert (await browser.open(place)).status_code == 422, place


@pytest.mark.walk
async def test_a_page_after_a_refused_action_links_to_itself(browser: Browser) -> None:
    path = await _activation(browser)
    await browser.open(f"{path}?tab=options")
    for _ in range(26):
        await browser.send(f"{path}/rename?tab=options", {"name": "Again"})
    await browser.send(f"{path}/stop")
    page = await browser.post(f"{path}/run?tab=audit", browser.form("/console/sign-out"))
    assert page.status_code == 409
    following = re.findall(r'rel="next" href="([^"?]*)', page.text)
    assert following == [path]


async def test_a_part_that_is_asked_for_after_the_session_opens_the_sign_in(
    visitor: Browser,
) -> None:
    address = f"/console/spaces/{visitor.flow.space_id}/syncs?status=open"
    answer = await visitor.http.get(address, headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert answer.headers["hx-redirect"].startswith("/console/sign-in?next=/console/spaces/")
    assert (await visitor.http.get(address)).status_code == 303
