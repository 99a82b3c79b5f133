"""Uploads whose client disconnects, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn

from app.main import create_app
from app.services.platform.platform import Platform
from tests.flow import eventually
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.factories import create_audience
from tests.integration.api_extensions.supply import scratch_files
from tests.processes import running_children, without_spares


@pytest.fixture(autouse=True)
def no_spares(monkeypatch: pytest.MonkeyPatch) -> None:
    without_spares(monkeypatch)


@pytest.fixture
async def port(platform: Platform) -> AsyncIterator[int]:
    """The API behind a real HTTP server on the loopback."""
    application = create_app(platform.settings, platform=platform)
    config = uvicorn.Config(application, host="127.0.0.1", port=0, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


class TestCutUpload:
    @pytest.mark.parametrize("framing", ["length", "chunked"])
    async def test_changes_nothing_and_leaves_nothing(
        self,
        platform: Platform,
        tenant: Tenant,
        port: int,
        framing: str,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        audience = await create_audience(platform, tenant.space_id)
        path = f"/spaces/{tenant.space_id}/audiences/{audience}"
        head = (
            f"PUT {path}/members HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {tenant.token}\r\n"
            "content-type: text/csv\r\n"
        )
        rows = b"profile_id\n" + b"".join(b"p%d\n" % number for number in range(1000))
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        if framing == "length":
            writer.write(head.encode() + b"content-length: 1000000\r\n\r\n" + rows)
        else:
            writer.write(head.encode() + b"transfer-encoding: chunked\r\n\r\n")
            writer.write(b"%x\r\n%s\r\n" % (len(rows), rows))
        await writer.drain()
        await eventually(lambda: scratch_files(platform))
        writer.transport.abort()
        await eventually(lambda: scratch_files(platform) == [])
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {tenant.token}"}
        ) as client:
            assert (await client.get(f"{path}/runs")).json()["data"]["runs"] == []
        assert [key async for key, _, _ in platform.objects.list("spaces")] == []
        assert "unhandled_exception" not in "".join(capfd.readouterr())

    @pytest.mark.walk
    async def test_the_work_on_a_complete_upload_stops_when_its_client_leaves(
        self, platform: Platform, tenant: Tenant, port: int
    ) -> None:
        audience = await create_audience(platform, tenant.space_id)
        path = f"/spaces/{tenant.space_id}/audiences/{audience}"
        rows = b"profile_id,note\n" + b"".join(
            b"p%d,x\nprofile_id,note\n" % n for n in range(600_000)
        )
        head = (
            f"PUT {path}/members HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {tenant.token}\r\n"
            f"content-type: text/csv\r\ncontent-length: {len(rows)}\r\n\r\n"
        )
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + rows)
        await writer.drain()
        await eventually(lambda: running_children())
        writer.transport.abort()
        await eventually(lambda: not running_children(), 3)
        await eventually(lambda: scratch_files(platform) == [], 1)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {tenant.token}"}
        ) as client:
            assert (await client.get(f"{path}/runs")).json()["data"]["runs"] == []
