"""More requests at once than a process works on: they are served, or refused with the time to come back (R44)."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import httpx
import pytest
from fastapi import FastAPI

from app.api.edge import Entrance, Entrances
from app.api.edge.entrances import SOON
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


@pytest.mark.walk
async def test_a_crowd_is_served_or_refused(
    application: FastAPI, api: httpx.AsyncClient, tenant: Tenant, platform: Platform
) -> None:
    await create_audience(api, tenant)
    other = await create_tenant(platform)
    entrances = Entrances(Entrance(2, 8, 60), Entrance(1, 1, 60), Entrance(1, 0, 60))
    application.state.entrances = entrances
    path = f"/spaces/{tenant.space_id}/audiences"
    async with listening(application) as url:
        for _ in range(2):
            await entrances.quick.enter("requests that last")
        crowd = [asyncio.create_task(_get(url, path, tenant.token)) for _ in range(60)]
        await eventually(lambda: sum(task.done() for task in crowd) == 54, every=0.01)
        theirs = f"/spaces/{other.space_id}/audiences"
        second = asyncio.create_task(_get(url, theirs, other.token))
        live, *_ = await _get(url, "/health/live", "")
        metrics, *_ = await _get(url, "/metrics", "")
        first_upload, _ = await _put(url, tenant)
        await entrances.upload.enter("an upload that lasts")
        upload, again = await _put(url, tenant)
        for _ in range(2):
            entrances.quick.leave()
        found = await asyncio.gather(*crowd)
        status, _, body = await second
    assert Counter(status for status, *_ in found) == {200: 6, 503: 54}
    assert (status, json.loads(body)["data"]["audiences"]) == (200, [])  # of its own space
    assert (live, metrics, first_upload, upload) == (200, 200, 404, 503)
    assert again in "123"
    for status, headers, body in found:
        assert "x-request-id" in headers
        if status == 503:
            assert headers["retry-after"] in "123"
            assert headers["content-type"] == "application/json"
            message = "Too many requests at once. Nothing was done; try again."
            assert json.loads(body) == {"errors": [{"type": "unavailable", "message": message}]}


async def _put(url: str, tenant: Tenant) -> tuple[int, str]:
    async with httpx.AsyncClient(base_url=url, headers=tenant.headers, timeout=60) as client:
        path = f"/spaces/{tenant.space_id}/audiences/none/members"
        answer = await client.put(path, content=b"profile_id\np1\n")
    return answer.status_code, answer.headers.get("Retry-After", "")


@pytest.mark.parametrize(
    ("below", "key"), [("", ""), ("/none/activations/none/syncs/none/cancel", "once")]
)
async def test_clients_that_send_slowly_take_up_no_place(
    application: FastAPI, api: httpx.AsyncClient, tenant: Tenant, below: str, key: str
) -> None:
    application.state.entrances = Entrances(quick=Entrance(1, 1, 1), lasting=Entrance(1, 1, 1))
    path = f"/spaces/{tenant.space_id}/audiences"
    body = json.dumps({"name": "slow"}).encode()
    head = (
        f"POST {path}{below} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tenant.token}\r\n"
        f"{f'Idempotency-Key: {key}' if key else 'X-A: b'}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    async with listening(application) as url:
        host, port = url.removeprefix("http://").split(":")
        slow = [await asyncio.open_connection(host, int(port)) for _ in range(4)]
        for _, writer in slow:
            writer.write(head.encode() + body[:1])
            await asyncio.sleep(2 * SOON)
        for work in (path, f"{path}/none/members"):
            assert (await _get(url, work, tenant.token))[0] in (200, 404)
        answers = []
        for reader, writer in slow:
            writer.write(body[1:])
            answers.append((await reader.read()).split(b" ")[1])
            writer.close()
    assert len(answers) == 4
    assert b"503" not in answers, answers
