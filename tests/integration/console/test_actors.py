"""Who did something: pages show the name of the token, with its id in the title or below the name."""

from __future__ import annotations

import csv
import io
import re

import pytest
from sqlalchemy import select, text

from app.storage.models import ApiToken
from app.storage.personal_data import COLUMNS, Handling
from tests.browser.test_pages import fill_pages
from tests.integration.console.conftest import Browser

TITLES = re.compile(r' title="[^"]*"')


async def _did_all(browser: Browser, name: str) -> str:
    """Write the token of the visitor wherever the service has written who did something. Returns its id."""
    async with browser.flow.platform.unit_of_work() as session:
        token = await session.scalar(select(ApiToken).where(ApiToken.name == "browser"))
        assert token is not None
        token.name = name
        actor = f"public-api-token/{token.id}"
        written = [
            column.split(".")
            for column, kind in COLUMNS.items()
            if kind is Handling.STAFF and column.endswith(("_by", ".actor"))
        ]
        assert len(written) > 10
        for table, column in written:
            await session.execute(text(f"UPDATE {table} SET {column} = :actor"), {"actor": actor})
    return token.id


@pytest.mark.walk
async def test_no_page_shows_the_id_of_a_token_in_place_of_its_name(browser: Browser) -> None:
    pages = await fill_pages(browser.flow)
    activation = f"/console/spaces/{browser.flow.space_id}" + next(
        one.removesuffix("?tab=audit") for one in pages if one.endswith("?tab=audit")
    )
    await browser.open(f"{activation}?tab=options")
    await browser.send(f"{activation}/rename?tab=options", {"name": "An event of its trail"})
    token_id = await _did_all(browser, "<i>Marketing</i>")
    named = set()
    for path in pages:
        page = await browser.open(f"/console/spaces/{browser.flow.space_id}{path}")
        assert page.status_code == 200, path
        assert "public-api-token/" not in TITLES.sub("", page.text), path
        assert "<i>Marketing" not in page.text, path
        if f'title="public-api-token/{token_id}">&lt;i&gt;Marketing' in page.text:
            named.add(path.partition("?")[2] or path.rpartition("/")[0].rpartition("/")[2])
    assert named >= {"tab=audit", "tab=revisions", "tab=former", "tab=options", "syncs", "erasures"}


async def test_the_audit_trail_names_the_token_also_in_its_file_and_in_the_api(
    browser: Browser,
) -> None:
    one = f"/console/spaces/{browser.flow.space_id}/destinations/{browser.flow.destination_id}"
    await browser.open(f"{one}?tab=settings")
    await browser.send(f"{one}/rename?tab=settings", {"name": "Ours"})
    token_id = await _did_all(browser, "marketing")
    await browser.open("audit?resourceType=destination")
    assert f"Account at a destination marketing {token_id}" in browser.text
    page = await browser.open("audit.csv?resourceType=destination")
    first = next(csv.DictReader(io.StringIO(page.text)))
    assert (first["actor"], first["actor_name"]) == (f"public-api-token/{token_id}", "marketing")
    headers = {"Authorization": f"Bearer {await browser.token('read')}"}
    found = await browser.http.get("/audit-changes?resourceType=destination", headers=headers)
    event = found.json()["data"]["events"][0]
    assert (event["actor"], event["actorName"]) == (f"public-api-token/{token_id}", "marketing")


@pytest.mark.walk
async def test_the_service_is_named_in_words(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(2))
    activation = await flow.activate(resync=True)
    sync = await flow.quiet(activation)
    async with flow.platform.unit_of_work() as session:
        await session.execute(text("UPDATE sync SET opened_by = 'schedule'"))
    await browser.open(f"audiences/{flow.audience_id}/activations/{activation}/syncs/{sync.id}")
    assert "( the service )" in browser.text
