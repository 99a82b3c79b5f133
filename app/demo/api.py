"""A client for the operations of the public API that the demo needs."""

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
FIRST_WAIT = 0.02
LONGEST_WAIT = 0.25
PATIENCE = 300.0
TRIES = 3  # of a GET request, because a connection may be cut at any time
#: Shorter than the service keeps idle connections open, so that no request uses a connection that is being closed.
KEPT_OPEN = httpx.Limits(keepalive_expiry=2)
ENDED = ("complete", "failed", "cancelled", "superseded")


class Api:
    """One space of a service, through a bearer token.

    All methods raise DemoFailed, with the service's message, if a request fails.
    """

    def __init__(self, http: httpx.AsyncClient, space_id: str) -> None:
        self._http = http
        self._space = f"/spaces/{space_id}"

    async def call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Send one request; ``path`` starts below the space. Returns ``{name: resource}``, the response's ``data``."""
        response = await self._send(method, self._space + path, **request)
        data: dict[str, Any] = response.json()["data"]
        return data

    async def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        for left in reversed(range(TRIES if method == "GET" else 1)):
            try:
                response = await self._http.request(method, path, **request)
                if response.is_error:
                    raise DemoFailed(
                        f"{method} {path} returned {response.status_code}: {response.text}"
                    )
                return response
            except httpx.HTTPError as error:
                if not left:
                    reason = f"{type(error).__name__}: {error}"
                    raise DemoFailed(f"{method} {path} got no response: {reason}") from error
        raise AssertionError("the last try returns or raises")

    async def add_dataset(self, name: str, file: Path, content_type: str) -> dict[str, Any]:
        """Create a dataset with the content of a file. Returns the API's ``{field: value}`` of the dataset."""
        created = await self.call("POST", "/datasets", json={"name": name, "kind": "upload"})
        filled = await self.call(
            "PUT",
            f"/datasets/{created['dataset']['id']}/content",
            content=_chunks(file),
            headers={"content-type": content_type},
            timeout=PATIENCE,
        )
        found: dict[str, Any] = filled["dataset"]
        return found

    async def add_audience(self, name: str, query: str) -> dict[str, Any]:
        """Create an audience of users, without computing it. Returns the API's ``{field: value}`` of the audience."""
        body = {"name": name, "definition": {"query": query}, "audienceType": "USERS"}
        created = await self.call("POST", "/audiences", json=body)
        audience: dict[str, Any] = created["audience"]
        return audience

    async def add_destination(
        self, slug: str, name: str, settings: dict[str, Any]
    ) -> dict[str, Any]:
        """Create a destination. Returns the API's ``{field: value}`` of the destination.

        Its ``settings`` contain a generated secret; later responses do not.
        """
        body = {"slug": slug, "name": name, "settings": settings}
        created = await self.call("POST", "/destinations", json=body)
        destination: dict[str, Any] = created["destination"]
        return destination

    async def activate(
        self,
        audience_id: str,
        destination_id: str,
        name: str,
        connection_settings: dict[str, Any] | None = None,
    ) -> str:
        """Connect an audience to a destination, and activate it there with the brake off. Returns the activation's id."""
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
        created = await self.call(
            "POST",
            f"{connections}/{connected['connection']['id']}/activations",
            json=body,
        )
        activation_id: str = created["activation"]["id"]
        # A replay removes many members on purpose, so no sync may wait for an approval.
        options = f"/audiences/{audience_id}/activations/{activation_id}/delivery-options"
        await self.call("PATCH", options, json={"brake": {"enabled": False}})
        return activation_id

    async def run(self, audience_id: str, as_of: datetime) -> dict[str, Any]:
        """Compute an audience as of a moment, and wait for the run. Returns the API's ``{field: value}`` of the run.

        Raises DemoFailed if the run fails.
        """
        runs = f"/audiences/{audience_id}/runs"
        started = await self.call("POST", runs, json={"asOf": as_of.isoformat()})

        async def find() -> dict[str, Any] | None:
            run: dict[str, Any] = (await self.call("GET", f"{runs}/{started['run']['id']}"))["run"]
            return run if run["status"] in ("complete", "failed") else None

        run = await _eventually(find, f"the run as of {as_of:%Y-%m-%d}")
        if run["status"] == "failed":
            raise DemoFailed(f"The run as of {as_of:%Y-%m-%d} failed: {run['error']}")
        return run

    async def delivered(
        self, audience_id: str, activation_id: str, snapshot_id: str
    ) -> dict[str, Any]:
        """Wait for the sync that delivers a snapshot. Returns the API's ``{field: value}`` of the sync.

        Raises DemoFailed if it does not deliver all changes.
        """
        syncs = f"/audiences/{audience_id}/activations/{activation_id}/syncs"

        async def find() -> dict[str, Any] | None:
            # The newest sync is the first. It was opened in the transaction that made the snapshot current.
            newest = (await self.call("GET", syncs, params={"pagination.count": 1}))["syncs"]
            for sync in newest:
                fits = {"audienceId": audience_id, "snapshotId": snapshot_id} in sync["snapshots"]
                if sync["status"] in ENDED and (fits or sync["status"] != "complete"):
                    return dict(sync)
            return None

        sync = await _eventually(find, f"the sync of activation {activation_id}")
        if sync["status"] != "complete" or sync["delivered"] != sync["planned"]:
            raise DemoFailed(f"A sync did not deliver all changes: {sync}")
        return sync

    async def exported(self, audience_id: str, sync: dict[str, Any], *, ending: str) -> list[str]:
        """Download the files of a sync whose names have the given ending. Returns their texts."""
        one = f"/audiences/{audience_id}/activations/{sync['activationId']}/syncs/{sync['id']}"
        files = (await self.call("GET", one + "/exports"))["exports"]
        responses = [
            await self._send("GET", file["url"]) for file in files if file["name"].endswith(ending)
        ]
        return [response.text for response in responses]


@asynccontextmanager
async def open_api(url: str, token: str, space_id: str) -> AsyncIterator[Api]:
    """Open a client of one space of a service."""
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
    find: Callable[[], Awaitable[dict[str, Any] | None]], what: str
) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    wait = FIRST_WAIT
    while (found := await find()) is None:
        if time.monotonic() > deadline:
            raise DemoFailed(f"Waited {PATIENCE:.0f} s for {what}.")
        await asyncio.sleep(wait)
        wait = min(wait * 1.5, LONGEST_WAIT)
    return found
