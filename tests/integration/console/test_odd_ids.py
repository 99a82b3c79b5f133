"""Ids with signs that have a meaning in addresses: each is escaped exactly once, in the paths of the API and in the links of pages."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import quote

import httpx
import pytest

from app.core.url_paths import path_part
from tests.flow import worker
from tests.integration.console.conftest import BASE, Browser

IDS = ("a%40b", "a/b", "a?b", "a#b", "ü", "..", "a b", "a%2Fb", "a+b&c=d", "%", '"><b>', "a;b,c")


async def _browser_follows(browser: Browser, address: str) -> httpx.Response:
    """Open an address as browsers do: steps between folders are taken, escaped or not."""
    path, _, query = address.partition("?")
    kept: list[str] = []
    for part in path.split("/"):
        if part.lower().replace("%2e", ".") == "..":
            kept.pop()
        elif part.lower().replace("%2e", ".") != ".":
            kept.append(part)
    return await browser.open("/".join(kept) + (f"?{query}" if query else ""))


@pytest.mark.walk
async def test_every_id_is_found_explained_sent_and_erased_under_its_own_name(
    browser: Browser,
) -> None:
    flow = browser.flow
    await flow.upload(
        [{"profile_id": one, "email": f"p{n}@example.com"} for n, one in enumerate(IDS)]
    )
    activation = await flow.activate(resync=True)
    await flow.quiet(activation)
    headers = {"authorization": f"Bearer {await browser.token('read', 'write')}"}
    space = f"/spaces/{flow.space_id}"
    explained = f"{space}/audiences/{flow.audience_id}/activations/{activation}/profiles"
    for number, one in enumerate(IDS):
        address = f"{number}@example.com"
        for path in (f"{space}/profiles/{path_part(one)}", f"{explained}/{path_part(one)}"):
            answer = await browser.http.get(path, headers=headers)
            assert answer.status_code == 200, (one, answer.text)
            assert address in answer.text, one
        page = await browser.open(f"profile?search={quote(one, safe='')}")
        found = re.search(r'href="([^"]*/profiles[/?][^"]*)"', page.text)
        assert found, one
        link = unescape(found[1])
        page = await _browser_follows(browser, link)
        assert (page.status_code, f"p{address}" in browser.text) == (200, True), (one, link)
        curl = re.search(rf"curl .*?'{re.escape(BASE)}([^']*)'", unescape(page.text))
        assert curl, one
        assert (await browser.http.get(curl[1], headers=headers)).status_code == 200, (one, curl[1])
        tab = f"audiences/{flow.audience_id}/activations/{activation}?tab=held&search=p{address}"
        assert unescape((await browser.open(tab)).text).count(link) == 1, one

    async with worker(flow.platform):
        for one in ("a%40b", ".."):
            page = await browser.open(f"profile?search={quote(one, safe='')}")
            found = re.search(r'href="([^"]*/profiles[/?][^"]*)"', page.text)
            assert found
            await _browser_follows(browser, unescape(found[1]))
            action = re.search(
                r'action="([^"]*test-send[^"]*)"', browser.page.text if browser.page else ""
            )
            assert action, one
            page = await browser.send(unescape(action[1]), {"change": "entered"})
            assert page.status_code == 200
            assert "Test send: delivered." in browser.text
    answer = await browser.http.delete(f"{space}/profiles/{path_part('a%40b')}", headers=headers)
    assert answer.status_code == 200, answer.text
    kept = await browser.http.get(f"{space}/profiles/a%40b", headers=headers)
    assert kept.json()["data"]["profile"]["memberships"] == [], "a@b is another person"


async def test_a_page_that_asks_for_a_sign_in_and_one_with_a_slash_keep_their_ids(
    visitor: Browser,
) -> None:
    flow = visitor.flow
    path = f"/console/spaces/{flow.space_id}/audiences/a%2540b%2Fc/activations/x%3Fy"
    answer = await visitor.http.get(path)
    assert answer.headers["location"] == f"/console/sign-in?next={quote(path, safe='/')}"
    await visitor.sign_in()
    answer = await visitor.http.get("/console/no-page/a%2540b%3F/")
    assert answer.headers["location"] == "/console/no-page/a%2540b%3F"
