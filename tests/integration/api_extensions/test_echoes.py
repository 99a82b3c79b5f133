"""Test sends to a receiver that returns the whole request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.connectors.destinations.webhook.settings import WebhookSettings
from app.services.accounts.account import register_secrets
from app.services.platform.platform import Platform
from tests.flow import worker
from tests.integration.api_extensions.test_test_sends import SAMPLE, Desk, desk_of
from tests.unit.connectors.raw_server import read_request, serve

SECRET = "whsec_" + "ZWNobw" * 6
HEADERS = {"X-Own": "key-of-the-receiver", "Authorization": "Bearer token-of-the-receiver"}
QUERY = "code=word-in-the-url"
OTHERS = "a-word-that-another-keeps-secret"


@asynccontextmanager
async def echo(status: int) -> AsyncIterator[str]:
    """Run a receiver that returns each request's head and its signing secret. Yields its URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await read_request(reader)
        said = head + SECRET.encode() + OTHERS.encode()
        begin = b"HTTP/1.1 %d X\r\ncontent-type: text/plain\r\nconnection: close\r\n" % status
        writer.write(begin + b"content-length: %d\r\n\r\n" % len(said) + said)
        await writer.drain()

    async with serve(answer) as server:
        yield f"{server.url}in?{QUERY}"


@pytest.fixture
async def desk(platform: Platform, client: httpx.AsyncClient) -> AsyncIterator[Desk]:
    async with desk_of(platform, client) as made, worker(platform):
        yield made


@pytest.mark.parametrize("status", [200, 422])
async def test_no_secret_of_the_account_is_kept_or_shown(desk: Desk, status: int) -> None:
    activation = await desk.flow.activate(enabled=False)
    await desk.flow.members(range(2))
    async with echo(status) as url:
        settings: dict[str, Any] = {"url": url, "secret": SECRET, "headers": HEADERS}
        await desk.flow.use_account("webhook", settings)
        told = await desk.send(activation, profile=SAMPLE)
    path = f"audiences/{desk.flow.audience_id}/activations/{activation}/syncs/{told['syncId']}"
    shown = (await desk.api.get(path)).text
    body = told["requests"][0]["answer"]["body"]
    assert body.startswith("POST /in")
    assert "x-own: <…>" in body.lower()
    assert "code=<…>" in told["requests"][0]["url"]
    for text in (str(told), shown):
        for secret in (SECRET, "key-of-the-receiver", "token-of-the-receiver", "word-in-the-url"):
            assert secret not in text


@pytest.mark.walk
async def test_what_another_account_keeps_secret_is_shown_as_it_is(desk: Desk) -> None:
    other = {"url": "https://b.example/", "secret": SECRET, "headers": {"Authorization": OTHERS}}
    register_secrets(WebhookSettings.model_validate(other))
    activation = await desk.flow.activate(enabled=False)
    await desk.flow.members(range(2))
    profile = {**SAMPLE, "identifiers": {"user_id": f"{OTHERS} {SECRET}"}}
    async with echo(422) as url:
        await desk.flow.use_account("webhook", {"url": url, "secret": SECRET})
        told = await desk.send(activation, profile=profile)
    note = told["requests"][0]
    assert OTHERS in note["body"]
    assert OTHERS in note["answer"]["body"]
    assert SECRET not in str(note)
