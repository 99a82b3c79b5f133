"""The erasure of a person in the console: its form, its receipt with the progress, and the list."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.integration.console.conftest import Browser
from tests.integration.services.erasure.leaks import (
    ADA,
    GRACE,
    NAMES,
    carried_out,
    leaks,
    one_pass,
    state_of,
)


def _action(browser: Browser, search: str) -> str:
    return f"/console/spaces/{browser.flow.space_id}/profile/erase?search={quote(search, safe='')}"


@pytest.mark.walk
async def test_a_person_is_erased_after_its_id_is_typed(browser: Browser) -> None:
    flow = browser.flow
    await flow.upload([ADA, GRACE])
    activation = await flow.activate(resync=True)
    await flow.quiet(activation)
    await browser.open("erasures")
    assert "No erasures" in browser.text
    await browser.open("profile?search=ada@example.com")
    action = _action(browser, "ada@example.com")
    page = await browser.send(action, {"erase": "p-grace-3"})
    assert page.status_code == 422
    assert "Type p-ada-17 to confirm." in browser.text
    assert 'value="p-grace-3"' in page.text, "the field as it was sent"
    await browser.open("erasures")
    assert "No erasures" in browser.text, "nothing began"
    await browser.open("profile?search=ada@example.com")
    page = await browser.send(action, {"erase": "p-ada-17", "refuse": "true"})
    assert page.status_code == 200
    erasure_id = page.url.path.rpartition("/")[2]
    assert (await state_of(flow, erasure_id)).refuse
    assert "Running" in browser.text
    assert 'hx-trigger="every 2s"' in page.text
    await one_pass(flow, erasure_id)
    await browser.open(f"erasures/{erasure_id}")
    assert "The erasure waits for: Hook: Test An open sync" in browser.text
    await carried_out(flow, erasure_id)
    page = await browser.open(f"erasures/{erasure_id}")
    assert "A whole search found nothing of the person." in browser.text
    assert "Snapshots of audiences 1" in browser.text
    assert "Refused from now on yes" in browser.text
    assert "hx-trigger" not in page.text, "nothing changes any more"
    assert not [name for name in NAMES if name in page.text.lower()]
    assert flow.received(activation) == {"p-grace-3"}
    assert await leaks(flow) == []
    page = await browser.open("erasures")
    assert f"/erasures/{erasure_id}" in page.text
    assert "Complete" in browser.text


@pytest.mark.walk
async def test_the_receipt_says_what_waits_and_what_stays(browser: Browser) -> None:
    flow = browser.flow
    await flow.upload([ADA, GRACE])
    activation = await flow.activate(resync=True, mode="append")
    await flow.quiet(activation)
    await browser.open("profile?search=p-ada-17")
    page = await browser.send(_action(browser, "p-ada-17"), {"erase": "p-ada-17"})
    erasure_id = page.url.path.rpartition("/")[2]
    await carried_out(flow, erasure_id)
    await browser.open(f"erasures/{erasure_id}")
    assert "Hook: Test Its activation only adds members." in browser.text
    assert "Refused from now on no" in browser.text


async def test_a_person_that_is_in_no_audience_is_erased_by_the_name_of_the_search(
    browser: Browser,
) -> None:
    await browser.open("profile?search=email:nobody@example.com")
    action = _action(browser, "email:nobody@example.com")
    page = await browser.send(action, {"erase": "email:nobody@example.com"})
    erasure_id = page.url.path.rpartition("/")[2]
    assert (await state_of(browser.flow, erasure_id)).state == "new"


async def test_a_read_token_sees_receipts_and_erases_nobody(visitor: Browser) -> None:
    flow = visitor.flow
    await flow.upload([ADA])
    await visitor.sign_in("read")
    page = await visitor.open("profile?search=p-ada-17")
    assert "Erase this person" not in page.text
    fields = {**visitor.form("/console/sign-out"), "name": "p-ada-17", "erase": "p-ada-17"}
    response = await visitor.post(_action(visitor, "p-ada-17"), fields)
    assert response.status_code == 403
    await visitor.open("erasures")
    assert "No erasures" in visitor.text
    assert (await visitor.open("erasures/ers_none")).status_code == 404
