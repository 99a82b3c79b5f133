"""A running service, spoken to over HTTP as its users do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import httpx

from tests.flow import eventually

ENDED = ("complete", "failed", "cancelled", "superseded")


@dataclass
class Live:
    """A client of one space of a running service; every answer is checked to be a 200 and unwrapped."""

    http: httpx.AsyncClient
    space_id: str

    @classmethod
    def of(cls, url: str, token: str, space_id: str) -> Self:
        headers = {"Authorization": f"Bearer {token}"}
        return cls(httpx.AsyncClient(base_url=url, headers=headers, timeout=60), space_id)

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """One call below the space; the data of its answer."""
        answer = await self.http.request(method, f"/spaces/{self.space_id}{path}", **options)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()["data"]

    async def audience(self, name: str, query: str = "") -> str:
        body = {"name": name, "definition": {"query": query}, "audienceType": "USERS"}
        return str((await self.call("POST", "/audiences", json=body))["audience"]["id"])

    async def webhook(self, url: str, **settings: Any) -> tuple[str, str]:
        """A webhook account; its id and the secret that was made for it."""
        body = {"slug": "webhook", "name": "Hook", "settings": {"url": url, **settings}}
        made = (await self.call("POST", "/destinations", json=body))["destination"]
        return made["id"], made["settings"]["secret"]

    async def connect(self, audience_id: str, destination_id: str) -> str:
        body = {"destination": {"id": destination_id, "type": "destination"}}
        path = f"/audiences/{audience_id}/destination-connections"
        return str((await self.call("POST", path, json=body))["connection"]["id"])

    async def activate(
        self, audience_id: str, connection_id: str, *, resync: bool = False, brake: bool = False
    ) -> str:
        body = {
            "enabled": True,
            "performResync": resync,
            "activationType": "Audience Membership Changed",
            "activationName": "Live",
        }
        path = f"/audiences/{audience_id}/destination-connections/{connection_id}/activations"
        activation_id = str((await self.call("POST", path, json=body))["activation"]["id"])
        if not brake:
            await self.call(
                "PATCH",
                f"/audiences/{audience_id}/activations/{activation_id}/delivery-options",
                json={"brake": {"enabled": False}},
            )
        return activation_id

    async def upload(self, audience_id: str, content: bytes, kind: str = "text/csv") -> Any:
        """Supply the membership and wait for its run."""
        path = f"/audiences/{audience_id}/members"
        made = await self.call("PUT", path, content=content, headers={"Content-Type": kind})
        return await self.finished(audience_id, made["run"]["id"])

    async def members(self, audience_id: str, ids: Iterable[Any]) -> Any:
        """Supply members by id."""
        return await self.upload(
            audience_id, ("profile_id\n" + "\n".join(f"p{i}" for i in ids) + "\n").encode()
        )

    async def finished(self, audience_id: str, run_id: str, seconds: float = 60) -> Any:
        """Wait for a run."""

        async def look() -> Any:
            run = (await self.call("GET", f"/audiences/{audience_id}/runs/{run_id}"))["run"]
            return run if run["status"] in ("complete", "failed") else None

        return await eventually(look, seconds)

    async def status(self, audience_id: str, activation_id: str) -> Any:
        path = f"/audiences/{audience_id}/activations/{activation_id}/status"
        return (await self.call("GET", path))["status"]

    async def syncs(self, audience_id: str, activation_id: str) -> list[Any]:
        """Newest first."""
        path = f"/audiences/{audience_id}/activations/{activation_id}/syncs"
        return list((await self.call("GET", path))["syncs"])

    async def quiet(self, audience_id: str, activation_id: str, seconds: float = 60) -> Any:
        """Wait until no sync is open; the newest. Patient with a service that is just being restarted."""

        async def look() -> Any:
            try:
                syncs = await self.syncs(audience_id, activation_id)
            except (httpx.HTTPError, AssertionError):
                return None
            return syncs[0] if syncs and all(s["status"] in ENDED for s in syncs) else None

        return await eventually(look, seconds, every=0.2)

    async def close(self) -> None:
        await self.http.aclose()


async def call_patiently(live: Live, method: str, path: str, seconds: float = 30) -> Any:
    """The same call until it is answered: the service may be down for a moment."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await live.call(method, path)
        except (httpx.HTTPError, AssertionError):
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.2)
