"""The calls of the public API that the demo needs, each a few lines over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from app.demo.errors import DemoFailed

CHUNK = 1024 * 1024
FIRST_LOOK = 0.02
LONGEST_LOOK = 0.25
PATIENCE = 300.0
TRIES = 3  # of a read; a connection may be cut at any time
#: Less than the service keeps an idle connection open, so that none is used while it is being closed.
KEPT_OPEN = httpx.Limits(keepalive_expiry=2)
ENDED = ("complete", "failed", "cancelled", "superseded")


class Api:
    """One space of a service, through a bearer token. Every method raises DemoFailed with the service's words."""

    def __init__(self, http: httpx.AsyncClient, space_id: str) -> None:
        self._http = http
        self._space = f"/spaces/{space_id}"

    async def call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """The ``data`` of an answer; ``path`` begins below the space."""
        answer = await self._answer(method, self._space + path, **request)
        data: dict[str, Any] = answer.json()["data"]
        return data

    async def _answer(self, method: str, path: str, **request: Any) -> httpx.Response:
        for left in reversed(range(TRIES if method == "GET" else 1)):
            try:
                answer = await self._http.request(method, path, **request)
                if answer.is_error:
                    told = f"{answer.status_code}: {answer.text}"
                    raise DemoFailed(f"{method} {path} was answered {told}")
                return answer
            except httpx.HTTPError as error:
                if not left:
                    why = f"{type(error).__name__}: {error}"
                    raise DemoFailed(f"{method} {path} got no answer: {why}") from error
        raise AssertionError("the last try answers or raises")

    async def add_dataset(self, name: str, file: Path, content_type: str) -> dict[str, Any]:
        """A dataset with the content of a file."""
        made = await self.call("POST", "/datasets", json={"name": name, "kind": "upload"})
        filled = await self.call(
            "PUT",
            f"/datasets/{made['dataset']['id']}/content",
            content=_chunks(file),
            headers={"content-type": content_type},
            timeout=PATIENCE,
        )
        found: dict[str, Any] = filled["dataset"]
        return found

    async def add_audience(self, name: str, query: str) -> dict[str, Any]:
        """An audience of users; not computed yet."""
        body = {"name": name, "definition": {"query": query}, "audienceType": "USERS"}
        made = await self.call("POST", "/audiences", json=body)
        audience: dict[str, Any] = made["audience"]
        return audience

    async def add_destination(
        self, slug: str, name: str, settings: dict[str, Any]
    ) -> dict[str, Any]:
        """An account at a partner; a secret that was made for it is in its ``settings`` this once."""
        body = {"slug": slug, "name": name, "settings": settings}
        made = await self.call("POST", "/destinations", json=body)
        destination: dict[str, Any] = made["destination"]
        return destination

    async def activate(
        self,
        audience_id: str,
        destination_id: str,
        name: str,
        connection_settings: dict[str, Any] | None = None,
    ) -> str:
        """Connect an audience to a destination and have all its changes sent, with the brake off; the activation."""
        connections = f"/audiences/{audience_id}/destination-connections"
        connection: dict[str, Any] = {
            "destination": {"id": destination_id, "type": "destination"},
            "connectionSettings": connection_settings or {},
        }
        connected = await self.call("POST", connections, json=connection)
        body = {
            "activationName": name,
            "activationType": "Audience Membership Changed",
            "enabled": True,
            "performResync": False,
        }
        made = await self.call(
            "POST",
            f"{connections}/{connected['connection']['id']}/activations",
            json=body,
        )
        activation_id: str = made["activation"]["id"]
        # A replay takes away many members on purpose; here nobody is to be asked about it.
        options = f"/audiences/{audience_id}/activations/{activation_id}/delivery-options"
        await self.call("PATCH", options, json={"brake": {"enabled": False}})
        return activation_id

    async def run(self, audience_id: str, as_of: datetime) -> dict[str, Any]:
        """Compute an audience as of a moment, and wait for it."""
        runs = f"/audiences/{audience_id}/runs"
        forced = await self.call("POST", runs, json={"asOf": as_of.isoformat()})

        async def look() -> dict[str, Any] | None:
            run: dict[str, Any] = (await self.call("GET", f"{runs}/{forced['run']['id']}"))["run"]
            return run if run["status"] in ("complete", "failed") else None

        run = await _eventually(look, f"the run as of {as_of:%Y-%m-%d}")
        if run["status"] == "failed":
            raise DemoFailed(f"A run as of {as_of:%Y-%m-%d} failed: {run['error']}")
        return run

    async def delivered(
        self, audience_id: str, activation_id: str, snapshot_id: str
    ) -> dict[str, Any]:
        """Wait for the sync that brings a snapshot to the destination; raises unless all of it was delivered."""
        syncs = f"/audiences/{audience_id}/activations/{activation_id}/syncs"

        async def look() -> dict[str, Any] | None:
            # The newest is the first; it was opened in the transaction that made the snapshot current.
            newest = (await self.call("GET", syncs, params={"pagination.count": 1}))["syncs"]
            for sync in newest:
                fits = {"audienceId": audience_id, "snapshotId": snapshot_id} in sync["snapshots"]
                if sync["status"] in ENDED and (fits or sync["status"] != "complete"):
                    return dict(sync)
            return None

        sync = await _eventually(look, f"the sync of activation {activation_id}")
        if sync["status"] != "complete" or sync["delivered"] != sync["planned"]:
            raise DemoFailed(f"A sync did not deliver everything: {sync}")
        return sync

    async def exported(self, audience_id: str, sync: dict[str, Any], *, ending: str) -> list[str]:
        """The texts of the files that a sync has written, by their links."""
        one = f"/audiences/{audience_id}/activations/{sync['activationId']}/syncs/{sync['id']}"
        files = (await self.call("GET", one + "/exports"))["exports"]
        answers = [
            await self._answer("GET", file["url"])
            for file in files
            if file["name"].endswith(ending)
        ]
        return [answer.text for answer in answers]


@asynccontextmanager
async def open_api(url: str, token: str, space_id: str) -> AsyncIterator[Api]:
    """A client of a service."""
    async with httpx.AsyncClient(
        base_url=url,
        headers={"authorization": f"Bearer {token}"},
        timeout=60,
        limits=KEPT_OPEN,
        trust_env=False,
    ) as http:
        yield Api(http, space_id)


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as stream:
        while chunk := await asyncio.to_thread(stream.read, CHUNK):
            yield chunk


async def _eventually(
    look: Callable[[], Awaitable[dict[str, Any] | None]], what: str
) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    wait = FIRST_LOOK
    while (found := await look()) is None:
        if time.monotonic() > deadline:
            raise DemoFailed(f"Waited {PATIENCE:.0f} s for {what}.")
        await asyncio.sleep(wait)
        wait = min(wait * 1.5, LONGEST_LOOK)
    return found
