"""The page of settings: the space, tokens, workspaces and encryption keys."""

from __future__ import annotations

import re

from tests.integration.console.conftest import Browser


async def test_an_operator_creates_replaces_and_revokes_tokens(visitor: Browser) -> None:
    flow = visitor.flow
    await visitor.sign_in("read", "write", "operator")
    one = f"/console/spaces/{flow.space_id}/settings"
    page = await visitor.open(one)
    assert page.status_code == 200
    assert "read, write, operator" in visitor.text
    page = await visitor.send(f"{one}/token", {"name": "", "scopes": "read"})
    assert page.status_code == 422
    assert 'id="name-fault"' in page.text
    assert "Enter a name: of the person or program that uses the token." in visitor.text
    page = await visitor.send(f"{one}/token", {"name": "crm", "scopes": "all"})
    assert page.status_code == 422
    page = await visitor.send(f"{one}/token", {"name": "crm", "scopes": "read", "days": "90"})
    assert "Copy this secret now." in visitor.text
    found = re.search(r"aact_live_([A-Za-z0-9]{12})_[A-Za-z0-9]+", page.text)
    assert found
    headers = {"Authorization": f"Bearer {found[0]}"}
    assert (await visitor.http.get("/spaces", headers=headers)).status_code == 200
    assert (await visitor.http.post("/spaces", headers=headers, json={})).status_code == 403
    page = await visitor.open(one)
    assert found[0] not in page.text, "shown once"
    fields = {**visitor.form(f"{one}/token-renew"), "token": found[1]}
    page = await visitor.post(f"{one}/token-renew", fields)
    renewed = re.search(r"aact_live_([A-Za-z0-9]{12})_[A-Za-z0-9]+", page.text)
    assert renewed
    assert renewed[1] != found[1]
    page = await visitor.post(f"{one}/token-revoke", {**fields, "token": renewed[1]})
    assert "The token crm is revoked." in page.text
    assert renewed[1] not in page.text
    again = await visitor.post(f"{one}/token-revoke", {**fields, "token": renewed[1]})
    assert again.status_code == 404
    await visitor.open("audit?resourceType=token")
    assert "Token Revoked by browser 3 changes name: crm becomes → nothing" in visitor.text
    assert (
        'Token Created by browser 3 changes name: nothing becomes → crm scopes: nothing becomes → ["read"]'
        in (visitor.text)
    )


async def test_an_operator_adds_workspaces_and_rotates_keys(visitor: Browser) -> None:
    flow = visitor.flow
    await visitor.sign_in("read", "write", "operator")
    one = f"/console/spaces/{flow.space_id}/settings"
    await visitor.open(one)
    page = await visitor.send(f"{one}/workspace", {"workspace": "Acme"})
    assert "Token of Acme: aact_live_" in visitor.text
    page = await visitor.send(f"{one}/workspace", {"workspace": "Acme"})
    assert page.status_code == 409
    assert "There is a workspace with the slug" in visitor.text
    await visitor.open(one)
    assert "Acme acme" in visitor.text
    await visitor.send(f"{one}/rotate-keys")
    assert "0 settings were encrypted again." in visitor.text
    assert "1 setting under" in visitor.text


async def test_words_and_spaces_need_no_operator(browser: Browser) -> None:
    one = f"/console/spaces/{browser.flow.space_id}/settings"
    await browser.open(one)
    assert "tokens with the scope operator" in browser.text
    assert "ACTIVATIONS_ENCRYPTION_KEYS" not in browser.text
    await browser.send(f"{one}/words", {"words": " Unbekannt \n\nkein wert\n"})
    assert "The words are saved." in browser.text
    assert browser.page is not None
    assert "unbekannt\nkein wert</textarea>" in browser.page.text
    page = await browser.send(f"{one}/words", {"words": "x" * 2000})
    assert page.status_code == 422
    assert 'id="words-fault"' in page.text
    await browser.send(f"{one}/space", {"space": "Second"})
    assert "The space Second is created." in browser.text
    for action in ("token", "token-renew", "token-revoke", "workspace", "rotate-keys"):
        refused = await browser.post(f"{one}/{action}", browser.form("/console/sign-out"))
        assert refused.status_code == 403, action
