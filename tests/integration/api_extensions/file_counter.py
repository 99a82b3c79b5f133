"""A client of the API whose platform trusts a real https server with files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.main import create_app
from app.services.platform.platform import Platform
from tests.file_server import FileServer, file_server
from tests.integration.api_extensions.conftest import Tenant


@dataclass
class Counter:
    """A client of the API whose platform trusts the server of the files."""

    api: httpx.AsyncClient
    server: FileServer

    async def create(self, name: str = "orders", **file: Any) -> httpx.Response:
        return await self.api.post("datasets", json={"name": name, "kind": "object", "file": file})

    async def created(self, **file: Any) -> str:
        answer = await self.create(**file)
        assert answer.status_code == 200, answer.text
        made: str = answer.json()["data"]["dataset"]["id"]
        return made


@asynccontextmanager
async def open_counter(
    platform: Platform, tenant: Tenant, tmp_path: Path
) -> AsyncIterator[Counter]:
    async with file_server(platform, tmp_path) as (trusting, server):
        application = create_app(trusting.settings, platform=trusting)
        async with (
            application.router.lifespan_context(application),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app=application),
                base_url=f"http://service/spaces/{tenant.space_id}/",
                headers={"authorization": f"Bearer {tenant.token}"},
            ) as api,
        ):
            yield Counter(api, server)
