"""Forms with a file: their checks come before the file, and their action has no transaction open."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.console.routing import get, post
from app.console.visits import Done, Visit
from app.core.errors import Conflict
from app.main import create_app
from app.services.platform.platform import Platform
from tests.flow import installation
from tests.integration.console.conftest import BASE, Browser
from tests.stepping import stepped

PAGE = "/console/spaces/{spaceId}/files"


async def show(visit: Visit) -> Response:
    """Show what was sent, and what was wrong with it."""
    faults = [f"{one.field}: {one.message}" for one in visit.problems]
    return PlainTextResponse(f"{visit.sent('name')} {faults}", 409)


async def keep(visit: Visit) -> Done:
    """Read the file, unless it is to be refused."""
    assert not visit.session.in_transaction()
    file = visit.sent_file()
    if visit.sent("refuse"):
        raise Conflict("Refused.")
    size = sum([len(piece) async for piece in file.pieces])
    return Done(visit.link("audit"), f"{file.name} has {size} bytes.")


@pytest.fixture
async def desk(platform: Platform) -> AsyncIterator[Browser]:
    """A signed-in browser, and a page with a file."""
    application = create_app(platform.settings, platform=platform)
    application.router.routes[:0] = [
        Route(PAGE, get(show)),
        Route(PAGE, post(keep, on=show, takes_file=True), methods=["POST"]),
    ]
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url=BASE) as http,
        installation(platform) as flow,
    ):
        browser = Browser(http, stepped(flow))
        await browser.sign_in()
        yield browser


async def test_an_action_reads_its_file_with_no_transaction_open(desk: Browser) -> None:
    address = PAGE.format(spaceId=desk.flow.space_id)
    await desk.open("audit")
    token = desk.form("/console/sign-out")
    page = await desk.post_file(address, token, "people.csv", b"x" * 3_000_000)
    assert "people.csv has 3000000 bytes." in page.text
    page = await desk.post_file(address, {**token, "name": "kept"}, "", b"")
    assert page.text == "kept ['file: Choose a file.']"
    page = await desk.post_file(address, {**token, "name": "kept", "refuse": "1"}, "a.csv", b"x")
    assert page.text == "kept ['None: Refused.']"


async def test_a_file_of_another_site_or_without_the_token_is_not_read(desk: Browser) -> None:
    address = PAGE.format(spaceId=desk.flow.space_id)
    await desk.open("audit")
    token = desk.form("/console/sign-out")
    assert (await desk.post_file(address, {}, "a.csv", b"x")).status_code == 403
    page = await desk.http.post(
        address, data=token, files={"file": b"x"}, headers={"Origin": "http://other.test"}
    )
    assert page.status_code == 403
    assert (await desk.post(address, token)).status_code == 415, "a form without a file"
    await desk.sign_in("read")
    await desk.open("audit")
    page = await desk.post_file(address, desk.form("/console/sign-out"), "a.csv", b"x")
    assert page.status_code == 403
    assert "lacks the scope write" in page.text
