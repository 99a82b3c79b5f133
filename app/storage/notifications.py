"""Notifications of PostgreSQL: due work is announced to the workers that listen. They are hints, and may be lost (R14).

They need a session of their own. A pooler by transaction gives none: it accepts LISTEN, and the notifications then go to
the client that uses that server connection at that moment. So a listener first listens to itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson

from app.core.database_url import DatabaseAddress
from app.core.ids import new_id
from app.core.logging import get_logger
from app.storage.connections import Connection, connect

log = get_logger(__name__)

CHANNEL = "activations_due"
_BUDGET_SECONDS = (
    1.0  # the longest wait for an announcement: the work is committed, and the sweep finds it
)
_PROBE = "probe"
PROBE_SECONDS = 3.0
CHECK_SECONDS = 10.0  # between two tests of a connection on which nothing is heard

Heard = Callable[[Sequence[str]], None]

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Pool = asyncpg.Pool  # generic in the stubs only


class NotHeard(Exception):
    """A notification was sent and did not arrive. The message is a sentence."""


async def announce(pool: Pool, task: str, ids: Sequence[str]) -> bool:
    """Tell all listeners that a task is due. Returns False if that failed.

    Example: ``announce(pool, "recompute", ("spa_1", "run_1"))`` sends ``["recompute","spa_1","run_1"]``.
    """
    try:
        async with asyncio.timeout(_BUDGET_SECONDS):
            await _send(pool, (task, *ids))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        log.warning("not_announced", error=type(error).__name__)
        return False
    return True


async def _send(pool: Pool, words: Sequence[str]) -> None:
    await pool.execute("SELECT pg_notify($1, $2)", CHANNEL, orjson.dumps(words).decode())


@contextlib.asynccontextmanager
async def listening(
    address: DatabaseAddress, pool: Pool, heard: Heard
) -> AsyncIterator[Connection]:
    """Listen while the block runs: ``heard`` gets the words of each announcement.

    Raises NotHeard if notifications do not arrive, and what the driver raises if it cannot connect.
    """
    connection = await connect(address)
    probe, arrived = new_id(_PROBE), asyncio.Event()

    def receive(*received: Any) -> None:
        words = _words(received[-1])
        if words == [_PROBE, probe]:
            arrived.set()
        elif words and words[0] != _PROBE:
            heard(words)

    try:
        await connection.add_listener(CHANNEL, receive)
        await _send(pool, (_PROBE, probe))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(arrived.wait(), PROBE_SECONDS)
        if not arrived.is_set():
            raise NotHeard("a notification did not arrive; a pooler may be in between")
        yield connection
    finally:
        connection.terminate()


async def until_lost(connection: Connection) -> None:
    """Return when a listening connection has ended. It is tested, because a peer may vanish without a word."""
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    while not connection.is_closed():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(lost.wait(), CHECK_SECONDS)
            return
        await connection.execute("SELECT 1")


def _words(payload: str) -> list[str]:
    """Return the words of an announcement; none if the payload has another form."""
    try:
        found = orjson.loads(payload)
    except ValueError:
        return []
    return found if isinstance(found, list) and all(isinstance(one, str) for one in found) else []
