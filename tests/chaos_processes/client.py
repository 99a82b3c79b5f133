"""A patient client of the service: it repeats each call until an API has answered it."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.chaos_processes.fleet import Fleet

#: On a busy machine, a process that was killed needs a minute until it answers again.
PATIENCE = 300.0
#: Longer than any answer takes: a call that is given up could take effect after the next one.
ANSWER = aiohttp.ClientTimeout(total=60)
#: After a call without an answer, until what is left of it has ended.
ENDED = 1.5
_AGAIN = (409, 429, 500, 502, 503, 504, 507)


class Refused(Exception):
    """The service refused a call that is valid, or nobody answered it in time."""


@dataclass
class Client:
    """Calls below one space, to one API after the other. ``asked`` counts answers by status, 0 is none."""

    http: aiohttp.ClientSession
    fleet: Fleet
    space_id: str
    token: str
    asked: dict[int, int] = field(default_factory=dict)
    _turns: Any = field(default_factory=itertools.count)

    async def call(
        self, method: str, path: str, *, final: tuple[int, ...] = (), **options: Any
    ) -> Any:
        """Call until the answer is 200; returns its data, or None for a status in ``final``. Raises Refused."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        if method == "POST":
            headers["Idempotency-Key"] = uuid.uuid4().hex
        end = asyncio.get_running_loop().time() + PATIENCE
        words = "no answer"
        while asyncio.get_running_loop().time() < end:
            status, body = await self._try(method, path, {**options, "headers": headers})
            self.asked[status] = self.asked.get(status, 0) + 1
            if status == 200:
                return body["data"]
            if status in final:
                return None
            words = f"{method} {path}: {status} {str(body)[:300]}"
            if status and status not in _AGAIN:
                break
            await asyncio.sleep(ENDED if not status else 0.3)
        raise Refused(words)

    async def _try(self, method: str, path: str, options: dict[str, Any]) -> tuple[int, Any]:
        apis = self.fleet.of("api")
        port = apis[next(self._turns) % len(apis)].port
        url = f"http://127.0.0.1:{port}/spaces/{self.space_id}{path}"
        try:
            async with self.http.request(method, url, timeout=ANSWER, **options) as answer:
                text = await answer.text()
                if answer.status != 200:
                    return answer.status, text
                return 200, await answer.json()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return 0, repr(error)
