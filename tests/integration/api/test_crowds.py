"""More requests at once than a process works on: they are served, or refused with the time to come back (R44)."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from app.api.edge import Entrance, Entrances
from app.services.platform.platform import Platform
from tests.flow import eventually
from tests.integration.api.conftest import Tenant, create_tenant
from tests.integration.api.scene import create_audience
from tests.serving import listening


async def _get(url: str, path: str, token: str) -> tuple[int, dict[str, str], bytes]:
    """Send one request on a connection of its own, as 1,000 clients do."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    writer.write(request.encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, body


async def test_a_crowd_is_served_or_refused(
    application: FastAPI, api: httpx.AsyncClient, tenant: Tenant, platform: Platform
) -> None:
    await create_audience(api, tenant)
    other = await create_tenant(platform)
    application.state.entrances = Entrances(
        quick=Entrance(2, 8, 30), lasting=Entrance(1, 1, 0.1), upload=Entrance(1, 1, 0.1)
    )
    path = f"/spaces/{tenant.space_id}/audiences"
    async with listening(application) as url:
        # Nobody gets a response: what all read is locked.
        async with platform.unit_of_work() as session:
            await session.execute(text("LOCK TABLE audience IN ACCESS EXCLUSIVE MODE"))
            crowd = [asyncio.create_task(_get(url, path, tenant.token)) for _ in range(60)]
            await eventually(lambda: sum(task.done() for task in crowd) == 52, every=0.01)
            theirs = f"/spaces/{other.space_id}/audiences"
            second = asyncio.create_task(_get(url, theirs, other.token))
            live, *_ = await _get(url, "/health/live", "")
            metrics, *_ = await _get(url, "/metrics", "")
            held = application.state.entrances.upload
            await held.enter("an upload")
            upload, headers, _ = await _put(url, tenant)
            held.leave()
        found = await asyncio.gather(*crowd)
        status, _, body = await second
    assert Counter(status for status, *_ in found) == {200: 8, 503: 52}
    assert (status, json.loads(body)["data"]["audiences"]) == (200, [])  # of its own space
    assert (live, metrics, upload) == (200, 200, 503)
    assert "retry-after" in headers
    for status, headers, body in found:
        assert "x-request-id" in headers
        if status == 503:
            assert headers["retry-after"] in "123"
            assert headers["content-type"] == "application/json"
            message = "too many requests at once; nothing was done, try again"
            assert json.loads(body) == {"errors": [{"type": "unavailable", "message": message}]}


async def _put(url: str, tenant: Tenant) -> tuple[int, dict[str, str], bytes]:
    async with httpx.AsyncClient(base_url=url, headers=tenant.headers) as client:
        answer = await client.put(
            f"/spaces/{tenant.space_id}/audiences/none/members", content=b"profile_id\np1\n"
        )
    return answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content
