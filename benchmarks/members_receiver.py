"""A receiver that keeps the members of each path, a process of its own, for any program that sends members (row S14).

A POST adds and removes members, in whichever form a program sends them: a message of the service, rows in a list, a single row, or
``{"add": rows, "remove": rows}``. ``python -m benchmarks.members_receiver`` prints its port.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from aiohttp import web

from benchmarks.sink import serving

KEY = "profile_id"
_LISTS = web.AppKey("lists", dict[str, "Members"])


@dataclass
class Members:
    """The members at a path, and what came. ``again``: rows that changed nothing."""

    members: set[str] = field(default_factory=set)
    requests: int = 0
    rows: int = 0
    again: int = 0
    limit_seconds: float = 0.0  # from the first request on, all are answered with 429
    limited_until: float | None = None
    hold_after: int = 0  # rows, after which no request is answered
    released: asyncio.Event = field(default_factory=asyncio.Event)
    is_holding: bool = False

    def refused_for(self) -> float:
        """Return how many seconds the limit still lasts, 0 if there is none."""
        now = time.monotonic()
        if self.limited_until is None:
            self.limited_until = now + self.limit_seconds
        return max(0.0, self.limited_until - now)

    def apply(self, added: list[str], removed: list[str]) -> None:
        """Apply the rows of a request."""
        self.rows += len(added) + len(removed)
        self.again += sum(one in self.members for one in added)
        self.members.update(added)
        self.again += sum(one not in self.members for one in removed)
        self.members.difference_update(removed)


def changes(body: Any) -> tuple[list[str], list[str]]:
    """Return the ids that a request adds and those that it removes."""
    if isinstance(body, list):
        return [row[KEY] for row in body], []
    if "data" in body:
        data = body["data"]
        added = [row["id"] for kind in ("entered", "updated") for row in data[kind]]
        return added, [row["id"] for row in data["exited"]]
    if KEY in body:
        return [body[KEY]], []
    return [row[KEY] for row in body.get("add", ())], [row[KEY] for row in body.get("remove", ())]


def _at(request: web.Request) -> Members:
    return request.app[_LISTS].setdefault(request.match_info["name"], Members())


async def receive(request: web.Request) -> web.Response:
    """Apply a request, unless the path is limited or held."""
    found, body = _at(request), orjson.loads(await request.read())
    found.requests += 1
    if seconds := found.refused_for():
        return web.Response(status=429, headers={"retry-after": str(math.ceil(seconds))})
    if found.is_holding:
        await found.released.wait()
        return web.Response(status=503)
    found.apply(*changes(body))
    if found.hold_after and found.rows >= found.hold_after:
        found.is_holding = True
        await found.released.wait()
    return web.json_response({})


async def control(request: web.Request) -> web.Response:
    """Start a path anew, with the members of another one; options: ``copy``, ``limit_seconds``, ``hold_after``."""
    options = await request.json()
    lists, name = request.app[_LISTS], request.match_info["name"]
    source = lists.get(options.pop("copy"), Members())
    lists[name] = Members(members=set(source.members), **options)
    return web.Response()


async def release(request: web.Request) -> web.Response:
    """Answer again."""
    found = _at(request)
    found.released.set()
    found.is_holding, found.hold_after = False, 0
    return web.Response()


async def state(request: web.Request) -> web.Response:
    """Return what came, and with ``?members=1`` the members."""
    found = _at(request)
    body = {
        "requests": found.requests,
        "rows": found.rows,
        "again": found.again,
        "holding": found.is_holding,
        "members": list(found.members) if "members" in request.query else None,
    }
    return web.Response(body=orjson.dumps(body), content_type="application/json")


class Receiver:
    """A client of the receiver."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=self.url, timeout=60)

    def begin(self, name: str, copy: str = "", **options: float) -> None:
        """Start a path anew, with the members of the path ``copy``."""
        body = {"copy": copy or name, **options}
        self.http.post(f"/control/{name}", json=body).raise_for_status()

    def release(self, name: str) -> None:
        """Let a path answer again."""
        self.http.post(f"/release/{name}").raise_for_status()

    def state(self, name: str, *, members: bool = False) -> dict[str, Any]:
        """Return what came to a path."""
        answer = self.http.get(f"/state/{name}", params={"members": 1} if members else {})
        return dict(answer.json())

    def wait_for_hold(self, name: str, seconds: float = 120) -> None:
        """Wait until a path holds its answers. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while not self.state(name)["holding"]:
            if time.monotonic() > end:
                raise TimeoutError(f"{name} has sent too little to be stopped midway")
            time.sleep(0.005)


@contextmanager
def members_receiver() -> Iterator[Receiver]:
    """Run the receiver during the block."""
    with serving("benchmarks.members_receiver") as port:
        yield Receiver(port)


async def main() -> None:
    """Serve until the standard input ends."""
    app = web.Application(client_max_size=2**28)
    app[_LISTS] = {}
    app.router.add_post("/in/{name}", receive)
    app.router.add_post("/control/{name}", control)
    app.router.add_post("/release/{name}", release)
    app.router.add_get("/state/{name}", state)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.wait_for(runner.cleanup(), 5)


if __name__ == "__main__":
    asyncio.run(main())
