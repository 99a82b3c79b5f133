"""Retries of whole transactions after a deadlock, a lock timeout or a lost connection (R7, R26)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.objects import StoreAway
from app.storage.engine import DatabaseAway
from app.storage.session import UnitOfWork

T = TypeVar("T")

TRIES = 3
# deadlock, serialization failure, lock not available in time
_CONFLICTS = frozenset({"40P01", "40001", "55P03"})
# Class 08: connection; 28: authorisation; 53: out of connections, memory or disk; 57P: it stops or starts;
# 25006: it is a read-only replica (a failover); 3D000: the database does not exist.
_AWAY = ("08", "28", "53", "57P", "25006", "3D000")
# The last one: the connection ended while the driver prepared a statement.
_LOST = (
    DatabaseAway,
    InterfaceError,
    PoolTimeout,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
LOST_TRIES = 6  # a restart of the server takes seconds, less than a lease lasts
_LONGEST_WAIT = 8.0  # seconds, between two tries while the database is away


def is_lost(error: BaseException) -> bool:
    """Return whether the database is away: unreachable, silent, stopping, starting, full, or a read-only replica."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(error, _LOST):
        return True
    return (_sqlstate(error) or "").startswith(_AWAY)


def is_conflict(error: BaseException) -> bool:
    """Return whether a transaction lost against another one: it can be tried again at once."""
    return _sqlstate(error) in _CONFLICTS


def server_away(error: BaseException) -> str | None:
    """Return which server was away, ``object store`` or ``database``; None for an error that has another cause."""
    if isinstance(error, StoreAway):
        return "object store"
    return "database" if is_lost(error) else None


def _sqlstate(error: BaseException) -> str | None:
    """Return PostgreSQL's code of an error, as the driver or SQLAlchemy raised it."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return getattr(original, "sqlstate", None)


async def retry_transaction(
    unit_of_work: UnitOfWork,
    work: Callable[[AsyncSession], Awaitable[T]],
    *,
    lost_tries: int = LOST_TRIES,
) -> T:
    """Run ``work`` in a new transaction, and again after a deadlock, a lock timeout or a lost connection.

    ``work`` may be repeated after a commit whose confirmation was lost, so it must write under a fence. While the
    database is away it is tried ``lost_tries`` times: 6 tries take 15 seconds, each further one 8 seconds.
    """
    for attempt in range(1, lost_tries + 1):
        try:
            async with unit_of_work() as session:
                return await work(session)
        except (DBAPIError, PoolTimeout, OSError, asyncpg.PostgresError) as error:
            wait = _wait(error, attempt, lost_tries)
            if wait is None:
                raise
        await asyncio.sleep(wait)
    raise AssertionError("unreachable")


def _wait(error: Exception, attempt: int, lost_tries: int) -> float | None:
    """Return the seconds until the next try, or None if there is none."""
    if is_lost(error) or isinstance(error, OSError):
        return min(0.25 * 2**attempt, _LONGEST_WAIT) if attempt < lost_tries else None
    if attempt < TRIES and is_conflict(error):
        return random.uniform(0.02, 0.1) * attempt  # noqa: S311  jitter
    return None
