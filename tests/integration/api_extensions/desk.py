"""A running installation and a client of its API, for tests of activations and their syncs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.flow import Flow


@dataclass
class Desk:
    """A running installation and a client of its API, below the audience."""

    flow: Flow
    api: httpx.AsyncClient

    def path(self, activation: str, rest: str = "") -> str:
        return f"audiences/{self.flow.audience_id}/activations/{activation}{rest}"

    async def data(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        response = await self.api.request(method, path, **options)
        assert response.status_code == 200, response.text
        data: dict[str, Any] = response.json()["data"]
        return data

    async def status(self, activation: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.data("GET", self.path(activation, "/status")))["status"]
        return found

    async def refused(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        response = await self.api.request(method, path, **options)
        error: dict[str, Any] = response.json()["errors"][0]
        assert response.status_code == error.get("status", response.status_code)
        return {"code": response.status_code, **error}

    async def hold(self) -> tuple[str, str]:
        """Create an activation whose open sync waits for approval; returns both ids."""
        await self.flow.members(range(20))
        activation = await self.flow.activate(resync=True, brake=True)
        await self.flow.quiet(activation)
        await self.flow.upload([{"profile_id": "new"}])
        sync = await self.flow.quiet(activation)
        assert sync.state == "held"
        return activation, sync.id
