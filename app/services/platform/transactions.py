"""Retries of whole transactions after a deadlock, a lock timeout or a lost connection (R7, R26)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.session import UnitOfWork

T = TypeVar("T")

TRIES = 3
# deadlock, serialization failure, lock not available in time
_CONFLICTS = frozenset({"40P01", "40001", "55P03"})
LOST_TRIES = 6  # a restart of the server takes seconds, less than a lease lasts


def is_lost(error: BaseException) -> bool:
    """Return whether the connection was lost, or the server accepts no connections yet."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error, InterfaceError)
    return isinstance(
        error, OSError | asyncpg.PostgresConnectionError | asyncpg.CannotConnectNowError
    )


async def retry_transaction(
    unit_of_work: UnitOfWork, work: Callable[[AsyncSession], Awaitable[T]]
) -> T:
    """Run ``work`` in a new transaction, and again after a deadlock, a lock timeout or a lost connection.

    ``work`` may be repeated after a commit whose confirmation was lost, so it must write under a fence.
    """
    for attempt in range(1, LOST_TRIES + 1):
        try:
            async with unit_of_work() as session:
                return await work(session)
        except (DBAPIError, OSError, asyncpg.PostgresError) as error:
            wait = _wait(error, attempt)
            if wait is None:
                raise
        await asyncio.sleep(wait)
    raise AssertionError("unreachable")


def _wait(error: Exception, attempt: int) -> float | None:
    """Return the seconds until the next try, or None if there is none."""
    if is_lost(error):
        return 0.25 * 2**attempt if attempt < LOST_TRIES else None
    original = error.orig if isinstance(error, DBAPIError) else error
    if attempt < TRIES and getattr(original, "sqlstate", None) in _CONFLICTS:
        return random.uniform(0.02, 0.1) * attempt  # noqa: S311  jitter
    return None
