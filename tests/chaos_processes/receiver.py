"""The receiver of a chaos run, a program of its own: it keeps a list for each path, and misbehaves by rules.

The rules, each for a share of the messages (``RULES``):

- ``late``: applies the message after the client's timeout and within the settle time, and never answers;
- ``error_applied``: applies the message, then answers 500;
- ``cut_applied``: applies the message, then cuts the connection;
- ``error``: answers 502 and applies nothing;
- ``busy``: answers 429 or 503 with ``Retry-After`` and applies nothing;
- otherwise it applies the message after some milliseconds and answers 200.

Of the messages about the flipping keys, each second one is ``cut_late`` when it comes for the first time: the connection is cut at once,
and the message is applied in the last second of the settle time. The repeat passes after a second, so a next sync that did not wait
would come before it.

Repeats are applied again and counted: nothing is hidden. ``POST /calm`` ends the misbehaviour, ``GET /state`` shows all.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from tests.chaos_processes.limits import BEFORE_SETTLED, FLIPPING, LATE, SETTLE, TIMEOUT

RULES = {"late": 0.025, "error_applied": 0.015, "cut_applied": 0.01, "error": 0.02, "busy": 0.03}
SAMPLES = 20


@dataclass
class List:
    """What one path has received.

    ``members``: id -> [tier, seq]; ``last``: id -> [seq, kind], also of those that left; ``begun``: seq -> time of its first message;
    ``doubtful``: id -> seq of the last message about it that is or was applied late.
    """

    members: dict[str, list[Any]] = field(default_factory=dict)
    last: dict[str, list[Any]] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)
    doubtful: dict[str, int] = field(default_factory=dict)
    seq: int = 0


class Receiver:
    """The lists of all paths, and what was done wrong on purpose."""

    def __init__(self, seed: int, settle: float = SETTLE) -> None:
        self.latest_after_cut = settle - BEFORE_SETTLED
        self.latest = TIMEOUT + self.latest_after_cut
        self.random = random.Random(seed)
        self.lists: dict[str, List] = {}
        self.seen: dict[str, bytes] = {}
        self.flips: set[str] = set()  # messages about flipping keys that came
        self.counts: Counter[str] = Counter()
        self.inversions: list[list[Any]] = []
        self.is_calm = False
        self.late: set[asyncio.Task[None]] = set()

    def application(self) -> web.Application:
        made = web.Application(client_max_size=2**26)
        made.router.add_post("/in/{name}", self.receive)
        made.router.add_post("/calm", self.calm)
        made.router.add_get("/state", self.state)
        return made

    async def calm(self, request: web.Request) -> web.Response:
        self.is_calm = True
        return web.Response()

    async def state(self, request: web.Request) -> web.Response:
        lists = {
            name: {"members": one.members, "begun": one.begun, "seq": one.seq}
            for name, one in self.lists.items()
        }
        body = {
            "lists": lists,
            "counts": self.counts,
            "inversions": self.inversions[:SAMPLES],
            "late": len(self.late),
        }
        return web.Response(body=orjson.dumps(body), content_type="application/json")

    def _rule(self, name: str, identity: str) -> str | None:
        if self.is_calm:
            return None
        if name.startswith(FLIPPING) and identity not in self.flips:
            self.flips.add(identity)
            if len(self.flips) % 2:
                return "cut_late"
        drawn = self.random.random()
        for rule, share in RULES.items():
            if drawn < share:
                return rule
            drawn -= share
        return None

    async def receive(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        name, identity = request.match_info["name"], request.headers.get("webhook-id", "")
        self._note(name, body)
        self.counts["messages"] += 1
        rule = self._rule(name, identity)
        if rule:
            self.counts[rule] += 1
        await asyncio.sleep(self.random.uniform(0.02, 0.25))
        if rule == "late":
            await asyncio.shield(self._apply_late(name, identity, body, self._late_by(request)))
            raise ConnectionResetError
        if rule == "cut_late":
            seconds = self.random.uniform(self.latest_after_cut - 0.7, self.latest_after_cut)
            self._apply_late(name, identity, body, seconds)
            _cut(request)
            return web.Response()
        if rule == "error":
            return web.Response(status=502)
        if rule == "busy":
            status = self.random.choice((429, 503))
            return web.Response(status=status, headers={"Retry-After": "1"})
        self._apply(name, identity, body)
        if rule == "error_applied":
            return web.Response(status=500)
        if rule == "cut_applied":
            _cut(request)
        return web.json_response({"ok": True})

    def _note(self, name: str, body: bytes) -> None:
        """Note the arrival of a message, before anything is done with it."""
        message = orjson.loads(body)
        seq = message["data"]["seq"] if "data" in message else message["seq"]
        found = self.lists.setdefault(name, List())
        found.begun.setdefault(str(seq), time.time())
        found.seq = max(found.seq, seq)

    def _late_by(self, request: web.Request) -> float:
        """Draw seconds until a late message is applied: its call began after the second in its timestamp."""
        sent = float(request.headers.get("webhook-timestamp", time.time()))
        latest = max(LATE, sent + self.latest - time.time())
        earliest = LATE if self.random.random() < 0.5 else max(LATE, latest - 1)
        return self.random.uniform(earliest, latest)

    def _apply_late(
        self, name: str, identity: str, body: bytes, seconds: float
    ) -> asyncio.Task[None]:
        found = self.lists[name]
        for _, key, _, seq in _changes(orjson.loads(body)):
            found.doubtful[key] = max(seq, found.doubtful.get(key, 0))

        async def later() -> None:
            await asyncio.sleep(seconds)
            self._apply(name, identity, body)

        task = asyncio.create_task(later())  # goes on when the client leaves
        self.late.add(task)
        task.add_done_callback(self.late.discard)
        return task

    def _apply(self, name: str, identity: str, body: bytes) -> None:
        digest = hashlib.sha256(body).digest()
        if identity in self.seen:
            # A run needs repeats besides those that the flipping keys have in each run.
            self.counts["flips" if name.startswith(FLIPPING) else "repeats"] += 1
            self.counts["changed_repeats"] += self.seen[identity] != digest
        self.seen[identity] = digest
        for kind, key, tier, seq in _changes(orjson.loads(body)):
            self._change(name, self.lists[name], kind, key, tier, seq)

    def _change(self, name: str, found: List, kind: str, key: str, tier: Any, seq: int) -> None:
        self.counts["changes"] += 1
        former = found.last.get(key)
        if former is not None and seq < former[0]:
            self.counts["inversions"] += 1
            self.inversions.append([name, key, seq, kind, *former])
        found.last[key] = [seq, kind]
        if seq > found.doubtful.get(key, seq):
            del found.doubtful[key]
            self.counts["turned"] += 1
        if kind == "exited":
            found.members.pop(key, None)
        else:
            found.members[key] = [tier, seq]


def _changes(message: Any) -> list[tuple[str, str, Any, int]]:
    """Return the changes of a message in either form: (kind, id, tier, seq)."""
    if "data" in message:
        data = message["data"]
        return [
            (kind, item["id"], item["traits"].get("tier"), data["seq"])
            for kind in ("exited", "entered", "updated")
            for item in data[kind]
        ]
    kind = "exited" if message["event"] == "Audience Exited" else "entered"
    return [(kind, message["userId"], message["traits"].get("tier"), message["seq"])]


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--settle", type=float, required=True, help="seconds")
    given = parser.parse_args()
    receiver = Receiver(given.seed, given.settle)
    web.run_app(receiver.application(), host="127.0.0.1", port=given.port, print=None)


if __name__ == "__main__":
    main()
