"""A file whose address has secrets in its parameters: saved, read back, failed, and looked for in all that the service shows."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from sqlalchemy import text

from app.core import clock
from app.core.config import Settings
from app.core.logging import configure_logging
from app.main import create_app
from app.services.audiences.recompute import recompute_audience
from app.services.platform.platform import Platform
from tests.file_server import FileServer, ServedFile, file_server
from tests.flow import installation
from tests.integration.console.conftest import BASE, Browser

VALUE = "presigned+signature/of=a-user"
ENCODED = "presigned%2Bsignature%2Fof%3Da-user"
BARE = "token-without-a-name"
QUERY = f"X-Amz-Signature={ENCODED}&{BARE}&expires=1"
SHOWN = "X-Amz-Signature=<hidden>&<hidden>&expires=<hidden>"
SECRETS = (VALUE, ENCODED, BARE)


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """The log as the service writes it, with its masking."""
    root = logging.getLogger()
    handlers, level, hook = list(root.handlers), root.level, sys.excepthook
    configure_logging(Settings(log_level="debug"))
    yield capsys
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook = hook
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
async def shop(platform: Platform, tmp_path: Path) -> AsyncIterator[tuple[Browser, FileServer]]:
    """A signed-in browser; the platform trusts the server of the files."""
    async with (
        file_server(platform, tmp_path) as (trusting, server),
        installation(trusting) as made,
    ):
        application = create_app(trusting.settings, platform=trusting)
        transport = httpx.ASGITransport(app=application)
        async with (
            application.router.lifespan_context(application),
            httpx.AsyncClient(transport=transport, base_url=BASE) as http,
        ):
            browser = Browser(http, replace(made, platform=trusting))
            await browser.sign_in()
            yield browser, server


async def _echo(writer: asyncio.StreamWriter) -> None:
    """Respond as stores do to a signature that is not valid (any more): with the whole address, in several forms."""
    body = f'{{"path": "/orders.csv?{QUERY}", "signature": "{VALUE}", "token": "{BARE}"}}'.encode()
    head = "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\nconnection: close\r\n"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()


async def _moved(writer: asyncio.StreamWriter) -> None:
    """Redirect to another signed address."""
    head = f"HTTP/1.1 302 Found\r\nlocation: https://cdn.example.com/orders.csv?{QUERY}\r\n"
    writer.write(f"{head}connection: close\r\ncontent-length: 0\r\n\r\n".encode())
    await writer.drain()


async def test_no_parameter_of_an_address_is_shown_anywhere(
    shop: tuple[Browser, FileServer], log: pytest.CaptureFixture[str]
) -> None:
    browser, server = shop
    server.put("orders.csv", b"id,spent\na1,3\n", clock.now())
    seen: list[str] = []
    space = f"/spaces/{browser.flow.space_id}"
    headers = {"authorization": f"Bearer {await browser.token('read', 'write')}"}

    async def call(method: str, path: str, **more: Any) -> Any:
        answer = await browser.http.request(method, f"{space}{path}", headers=headers, **more)
        seen.append(answer.text)
        return answer

    file = {"url": server.url(f"orders.csv?{QUERY}")}
    made = await call("POST", "/datasets", json={"name": "orders", "kind": "object", "file": file})
    dataset = made.json()["data"]["dataset"]
    shown = dataset["file"]["url"]
    assert shown == server.url(f"orders.csv?{SHOWN}")
    one = f"/datasets/{dataset['id']}"
    # What was shown may come back, beside a change; the stored values stay.
    kept = await call("PATCH", one, json={"file": {"url": shown, "maxAgeHours": 26}})
    assert kept.status_code == 200, kept.text
    assert (kept.status_code, kept.json()["data"]["dataset"]["file"]["url"]) == (200, shown)
    refused = await call("PATCH", one, json={"file": {"url": shown.replace("orders", "other")}})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "file.url")
    assert "enter the value again" in refused.json()["errors"][0]["message"]
    assert (await call("POST", f"{one}/checks")).json()["data"]["check"]["ok"]
    assert BARE in server.requests[-1]
    assert "x-amz-signature=presigned%2bsignature" in server.requests[-1]

    query = "SELECT id AS profile_id FROM orders"
    body = {"name": "Payers", "audienceType": "USERS", "definition": {"query": query}}
    answer = await call("POST", "/audiences", json=body)
    assert answer.status_code == 200, answer.text
    audience = answer.json()["data"]["audience"]["id"]
    for script in (_echo, _moved):
        server.files["orders.csv"] = ServedFile(script=script)
        await call("PATCH", one, json={"file": {"delimiter": "comma" if script is _echo else None}})
        failed = await call("POST", f"{one}/checks")
        assert failed.json()["data"]["check"]["ok"] is False
        run = (await call("POST", f"/audiences/{audience}/runs")).json()["data"]["run"]["id"]
        await recompute_audience(browser.flow.platform, browser.flow.space_id, run, lane="test")
        assert "error" in (await call("GET", f"/audiences/{audience}/runs/{run}")).text
    for path in (one, "/datasets", f"/audiences/{audience}/runs", f"/audiences/{audience}"):
        await call("GET", path)
    audit = await browser.http.get("/audit-changes", headers=headers)
    assert SHOWN.split("&")[0] in audit.text
    seen.append(audit.text)
    pages = (
        "datasets",
        one[1:],
        f"{one[1:]}?tab=file",
        "audit",
        "audit.csv",
        "operations",
        "",
        f"audiences/{audience}?tab=runs",
    )
    seen += [(await browser.open(page)).text for page in pages]
    await browser.open(f"{one[1:]}?tab=file")
    action = f"/console{space}{one}/check"
    seen.append((await browser.send(action)).text)

    output = log.readouterr()
    assert output.err, "the service has logged"
    seen += [output.out, output.err, await _stored(browser)]
    for found in seen:
        for secret in SECRETS:
            assert secret not in found


async def _stored(browser: Browser) -> str:
    """Return all rows of all tables as text: what is stored outside of the encrypted settings."""
    async with browser.flow.platform.unit_of_work() as session:
        names = await session.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        )
        rows: list[str] = []
        for name in names.all():
            found = await session.scalars(text(f'SELECT t::text FROM "{name}" t'))
            rows += found.all()
    assert any("orders" in row for row in rows)
    return "\n".join(rows)
