"""The list of audiences: what each row shows, and the search in the address."""

from __future__ import annotations

import re

from app.console.words import NOTHING
from app.core import clock
from app.services import audiences
from tests.flow import ACTOR
from tests.integration.console.conftest import Browser


async def test_the_list_shows_size_age_schedule_and_use(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(3))
    await flow.activate()
    async with flow.platform.unit_of_work() as session:
        view = await audiences.create_audience(
            session,
            space_id=flow.space_id,
            name="Visitors",
            query="SELECT 1 AS profile_id",
            audience_type="USERS",
            actor=ACTOR,
            now=clock.now(),
        )
        await audiences.add_schedule(
            session,
            space_id=flow.space_id,
            audience_id=view.audience.id,
            strategy="PERIODIC",
            config={"interval": "1h"},
            actor=ACTOR,
            now=clock.now(),
        )
    await browser.open("audiences")
    row = r"Buyers buyers Live Uploaded list 3 (\d+ s ago|just now) with each upload 1"
    assert re.search(row, browser.text)
    row = f"Visitors visitors Not Computing Computed from a query {NOTHING} {NOTHING} every hour 0"
    assert row in browser.text
    for query, found, missing in (
        ("search=visit", "Visitors", "Buyers"),
        ("search=profile_id&in=DEFINITION", "Visitors", "Buyers"),
        ("search=buy&in=KEY", "Buyers", "Visitors"),
    ):
        await browser.open(f"audiences?{query}")
        assert found in browser.text, query
        assert missing not in browser.text, query
    await browser.open("audiences?search=nobody")
    assert "No audience matches" in browser.text
    assert (await browser.open("audiences?search=x&in=AGE")).status_code == 422
