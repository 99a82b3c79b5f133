"""Pages: what they show, and what they permit."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.console.errors import PageMount, PageRoute
from app.console.files import PREFIX
from app.console.router import console_router
from app.core import clock
from app.core.clock import in_words
from app.services.activations import update_delivery_options
from tests.flow import ACTOR
from tests.integration.console.conftest import Browser


@pytest.mark.walk
async def test_home_shows_what_needs_attention(browser: Browser) -> None:
    page = await browser.open("")
    assert page.status_code == 200
    assert "No worker is live." in browser.text
    assert "Upload a list" in browser.text, "an empty space shows two ways to begin"
    flow = browser.flow
    await flow.members(range(20))
    activation = await flow.activate(resync=True, brake=True)
    await flow.quiet(activation)
    await flow.upload([{"profile_id": "new"}])
    assert (await flow.quiet(activation)).state == "held"
    await browser.open("")
    assert "Test, sync 2 is on hold" in browser.text
    assert "Delivered 20" in browser.text


@pytest.mark.walk
async def test_activations_are_listed_by_activity(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(3))
    sent = await flow.activate(resync=True)
    await flow.quiet(sent)
    await flow.activate(enabled=False)
    await browser.open("activations")
    assert "Active 1 Finished 0 Inactive 1 Error 0" in browser.text
    assert "Complete" in browser.text
    assert "after each run" in browser.text
    await browser.open("activations?activity=inactive")
    assert "New" in browser.text
    await browser.open("activations?search=none-has-this-name")
    assert "No activation matches" in browser.text
    page = await browser.open("activations?activity=other")
    assert page.status_code == 422
    assert "must be one of" in browser.text


async def test_each_error_below_the_console_is_a_page_with_its_policy(browser: Browser) -> None:
    for method, path, status in (
        ("GET", "/console/static/none.css", 404),
        ("POST", "/console/static/console.css", 405),
        ("GET", "/console/static/", 404),
        ("PUT", "/console/sign-in", 405),
        ("DELETE", "/console", 405),
        ("GET", "/console/none", 404),
        ("POST", "/console/none", 405),
        ("POST", "/favicon.ico", 405),
    ):
        page = await browser.http.request(method, path)
        assert page.status_code == status, path
        assert page.headers["content-security-policy"].startswith("default-src 'none'"), path
        assert page.headers["content-type"].startswith("text/html"), path
        assert page.headers["cache-control"] == "no-store", path
    icon = await browser.http.get("/favicon.ico")
    assert "content-security-policy" in icon.headers
    assert (await browser.http.get("/")).headers["content-type"] == "application/json"


def test_each_route_of_the_console_shows_errors_as_pages() -> None:
    others = [route for route in console_router.routes if not isinstance(route, PageRoute)]
    assert [getattr(route, "path", "") for route in others] == ["/", PREFIX]
    assert isinstance(others[1], PageMount)


@pytest.mark.walk
async def test_a_one_time_send_is_found_as_finished(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(3))
    once = await flow.activate(resync=True, options={"frequency": {"type": "once"}})
    await flow.quiet(once)
    await browser.open("")
    assert "0 active; 1 finished, 0 inactive, 0 in error" in browser.text
    assert "Finished sent once, nothing more is sent" in browser.text
    await browser.open("activations")
    assert "Active 0 Finished 1 Inactive 0 Error 0" in browser.text
    assert "Test Buyers Finished sent once" in browser.text, "the first tab that has any"
    assert "3 delivered" in browser.text
    one = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{once}"
    await browser.open(one)
    assert "Finished. The last sync sent 3 of 3 changes. Nothing more is sent" in browser.text
    assert "since then: “Send again”." in browser.text
    assert "Sync now" not in browser.text
    assert "Send again… It was sent once. Now, members who have entered since then are added" in (
        browser.text
    )


@pytest.mark.walk
async def test_a_single_send_has_the_time_of_its_sync_not_of_its_form(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(3))
    once = await flow.activate(enabled=False)
    async with flow.platform.unit_of_work() as session:
        await update_delivery_options(
            session,
            flow.space_id,
            flow.audience_id,
            once,
            {"frequency": {"type": "once"}},
            actor=ACTOR,
            now=clock.now() - timedelta(minutes=3),
        )
    one = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{once}"
    for path in ("activations", one, f"{one}/start"):
        page = await browser.open(path)
        assert "once, when you press Start" in browser.text, path
        assert "once, at" not in browser.text, path
        assert "nothing more" not in browser.text, path
        assert 'hx-trigger="every 2s"' not in page.text, "it is not due before its start"
    await browser.send(f"{one}/start/begin", {"members": "send"})
    sync = await flow.quiet(once)
    await browser.open(one)
    assert f"once, at {in_words(sync.opened_at)}" in browser.text
