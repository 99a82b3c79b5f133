"""The pages of accounts at partners, with their actions."""

from __future__ import annotations

import re
from html import escape
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from app.connectors.destinations.talon_one.definition import DEFINITION as TALON_ONE
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.services import activations
from tests.flow import SECRET
from tests.integration.console.conftest import Browser


async def test_the_page_of_an_account_shows_how_much_of_its_budgets_is_used(
    browser: Browser,
) -> None:
    flow = browser.flow
    await flow.use_account(
        "talon_one", {"base_url": "https://talon.example", "api_key": "0123456789"}
    )
    page = f"/console/spaces/{flow.space_id}/destinations/{flow.destination_id}"
    await browser.open(page)
    assert "1 limit, 0 in use" in browser.text
    assert await flow.platform.queue.ping()
    budgets = TALON_ONE.rate_budgets
    gate = flow.platform.budgets.gate(flow.destination_id, budgets, resync=False)
    for _ in range(3):
        await gate(httpx.Request("PUT", "https://talon.example/v2/audiences/1"))
    await browser.open(page)
    assert "1 limit, 1 in use" in browser.text
    assert re.search(r"All calls free again [\w ]+ 20 1 s(econd)? [123] ", browser.text)


@pytest.mark.walk
async def test_an_account_is_added_checked_changed_and_removed(browser: Browser) -> None:
    flow = browser.flow
    page = await browser.open("destinations")
    assert page.status_code == 200
    assert "Hook Signed webhook Allowed" in browser.text
    assert "Keeps a Klaviyo list equal to the audience." in browser.text
    new = f"/console/spaces/{flow.space_id}/destinations/new"
    await browser.open(f"{new}/klaviyo")
    assert "It begins with pk_." in browser.text, "what the definition says"
    assert "API key : Private key" in browser.text, "a label, with the name of the API in the hint"
    assert "In the API: api_key" in browser.text
    assert "Base URL (optional)" in browser.text
    assert "more setting" not in browser.text, "testers of an emulator find it"
    page = await browser.send(f"{new}/klaviyo", {"name": "K", "settings.api_key": "AbC123"})
    assert page.status_code == 422
    assert 'id="settings.api_key-fault"' in page.text
    assert browser.text.count("a private key is needed") == 1, "a fault is read once"
    assert "Nothing was saved. Correct what is marked below." in browser.text
    assert "AbC123" not in page.text, "a secret is not repeated"
    await browser.open(f"{new}/webhook")
    page = await browser.send(
        f"{new}/webhook", {"name": "", "settings.url": "https://hooks.example.com/a"}
    )
    assert 'id="name-fault"' in page.text
    fields = {
        "name": "<i>Mine</i>",
        "settings.url": f"{flow.sandbox.urls['webhook']}/in",
        "settings.batch_size": "x",
    }
    page = await browser.send(f"{new}/webhook", fields)
    assert "must be a whole number" in browser.text
    page = await browser.send(f"{new}/webhook", {**fields, "settings.batch_size": "7"})
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", browser.text)
    assert secret, "what the service generated is shown once"
    assert "&lt;i&gt;Mine&lt;/i&gt;" in page.text
    found = re.search(r'action="([^"]+)/check"', page.text)
    assert found
    one = found[1]
    page = await browser.send(f"{one}/check")
    assert page.status_code == 200
    assert "The check failed." in browser.text, "the receiver knows another secret"
    assert f"•••• {secret[0][-4:]}" in browser.text
    page = await browser.send(f"{one}/renew", {"setting": "secret"})
    renewed = re.search(r"whsec_[A-Za-z0-9+/=]+", browser.text)
    assert renewed
    assert renewed[0] != secret[0]
    await browser.open(f"{one}?tab=settings")
    await browser.send(f"{one}/settings?tab=settings", {"settings.secret": SECRET})
    assert f"•••• {SECRET[-4:]}" in browser.text
    await browser.send(f"{one}/check")
    assert "The account works." in browser.text
    await browser.open(f"{one}?tab=settings")
    page = await browser.send(f"{one}/settings?tab=settings", {"settings.batch_size": "99999"})
    assert page.status_code == 422
    assert 'id="settings.batch_size-fault"' in page.text
    page = await browser.send(f"{one}/settings?tab=settings", {"settings.batch_size": "9"})
    assert "The settings are saved." in browser.text
    assert "Batch size 9" in browser.text
    await browser.open(f"{one}?tab=settings")
    await browser.send(f"{one}/rename?tab=settings", {"name": "Ours"})
    assert "The name is Ours." in browser.text
    await browser.send(f"{one}/delete")
    assert "The account is removed." in browser.text
    assert (await browser.open(one)).status_code == 404


async def test_a_key_is_checked_before_its_account_is_added(browser: Browser) -> None:
    new = f"/console/spaces/{browser.flow.space_id}/destinations/new/klaviyo"
    async with Sandbox([KlaviyoEmulator(limits=False)]) as sandbox:
        fields = {"name": "Shop", "settings.base_url": sandbox.urls["klaviyo"]}
        await browser.open(new)
        page = await browser.send(new, {**fields, "settings.api_key": "pk_of_nobody"})
        assert page.status_code == 422
        assert 'aria-describedby="settings.api_key-hint settings.api_key-fault"' in page.text
        assert 'id="settings.api_key-fault"' in page.text
        assert 'id="check-fault"' not in page.text, "the fault is at the key"
        assert "nothing was saved: the Klaviyo key is invalid or revoked" in browser.text
        assert "is added" not in browser.text
        assert sandbox.urls["klaviyo"] in page.text, "the address is kept"
        assert "pk_of_nobody" not in page.text, "a secret is not repeated"
        assert "Add without the check" not in browser.text, "only another key helps"
        away = {**fields, "settings.base_url": "http://127.0.0.1:9"}
        page = await browser.send(new, {**away, "settings.api_key": "pk_sandbox"})
        assert 'id="check-fault"' in page.text
        assert "Add without the check" in browser.text
        page = await browser.send(new, {**fields, "settings.api_key": "pk_sandbox"})
        assert "The check passed: the key can read lists. Shop is added." in browser.text
        one = page.url.path
        await browser.open(f"{one}?tab=settings")
        action = f"{one}/settings?tab=settings"
        page = await browser.send(action, {"settings.api_key": "pk_of_nobody"})
        assert page.status_code == 422
        assert "nothing was saved: the Klaviyo key is invalid" in browser.text
        await browser.open(one)
        await browser.send(f"{one}/check")
        assert "The account works." in browser.text, "the former key"
    await browser.open(f"{one}?tab=settings")
    fields = {"settings.api_key": "pk_sandbox_2", "unchecked": "yes"}
    page = await browser.send(action, fields)
    assert page.status_code == 200, "the partner is away"
    assert "The settings are saved." in browser.text
    assert "The check passed" not in browser.text


async def test_a_draft_is_kept_while_the_settings_of_its_account_are_corrected(
    browser: Browser,
) -> None:
    flow = browser.flow
    draft = f"/console/spaces/{flow.space_id}/activations/new/destination?goal=segment"
    one = f"/console/spaces/{flow.space_id}/destinations/{flow.destination_id}"
    query = urlencode({"tab": "settings", "back": draft})
    page = await browser.open(f"{one}?{query}")
    assert f'href="{draft}">Back to it' in page.text
    action = f"{one}/settings?{query}"
    sent = browser.form(escape(action))
    page = await browser.post(action, {**sent, "settings.batch_size": "x"})
    assert page.status_code == 422
    assert "Your new activation is kept." in page.text
    page = await browser.post(action, {**sent, "settings.batch_size": "9"})
    assert "The settings are saved." in page.text
    assert page.url.params["destination"] == flow.destination_id
    assert "/activations/new/" in page.url.path
    for elsewhere in ("https://example.com/", "//example.com/", f"{one}?tab=lists"):
        page = await browser.open(f"{one}?{urlencode({'back': elsewhere})}")
        assert "Back to it" not in page.text


@pytest.mark.walk
async def test_an_account_shows_its_activations_lists_and_default_mapping(
    browser: Browser,
) -> None:
    flow = browser.flow
    await flow.members(range(2))
    activation = await flow.activate(resync=True)
    await flow.quiet(activation)
    one = f"/console/spaces/{flow.space_id}/destinations/{flow.destination_id}"
    for tab, words in {
        "account": "Allowed the service may call the partner",
        "activations": "Test Buyers Complete 2",
        "lists": "Signed webhook has no lists to choose from.",
        "mapping": "Send request",
        "settings": "previous_secret",
    }.items():
        page = await browser.open(f"{one}?tab={tab}")
        assert page.status_code == 200, tab
        assert words in browser.text, tab
    assert (await browser.open(f"{one}?tab=none")).status_code == 404
    await browser.open(one)
    page = await browser.send(f"{one}/delete")
    assert page.status_code == 409
    assert "The destination is connected to Buyers" in browser.text
    assert (await browser.open("destinations/new/none")).status_code == 404


async def test_a_read_token_sees_accounts_without_actions(visitor: Browser) -> None:
    await visitor.sign_in("read")
    one = f"/console/spaces/{visitor.flow.space_id}/destinations/{visitor.flow.destination_id}"
    for path in ("destinations", "destinations/new/braze", one, f"{one}?tab=settings"):
        page = await visitor.open(path)
        assert page.status_code == 200, path
        assert page.text.count('method="post"') == 1, "only the sign-out"
    token = visitor.form("/console/sign-out")
    for action in ("check", "settings", "rename", "renew", "delete"):
        assert (await visitor.post(f"{one}/{action}", token)).status_code == 403, action


async def test_no_connection_is_held_while_a_partner_lists_its_lists(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool: Any = browser.flow.platform.database.engine.pool
    held: list[int] = []
    read = activations.page_partner_lists

    async def watched(*given: Any, **named: Any) -> Any:
        held.append(pool.checkedout())
        return await read(*given, **named)

    monkeypatch.setattr(activations, "page_partner_lists", watched)
    await browser.open(f"destinations/{browser.flow.destination_id}?tab=lists")
    assert "has no lists to choose from" in browser.text
    assert held == [0]
