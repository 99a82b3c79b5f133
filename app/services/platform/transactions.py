"""Whole transactions once more: where the database broke a tie between two of them, or went away (R7, R26)."""

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
_TIES = frozenset({"40P01", "40001", "55P03"})


LOST_TRIES = 6  # a restart of the server takes seconds; by then the lease is still ours


def is_lost(error: BaseException) -> bool:
    """Whether the server went away, or does not let anybody in yet."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error, InterfaceError)
    return isinstance(
        error, OSError | asyncpg.PostgresConnectionError | asyncpg.CannotConnectNowError
    )


async def retry_transaction(
    unit_of_work: UnitOfWork, work: Callable[[AsyncSession], Awaitable[T]]
) -> T:
    """Run ``work`` in a transaction of its own; again where it lost a tie or its connection.

    ``work`` must be harmless when repeated after a commit that nobody answered: it writes under a fence.
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
    """Seconds until the next try; None where there is none."""
    if is_lost(error):
        return 0.25 * 2**attempt if attempt < LOST_TRIES else None
    original = error.orig if isinstance(error, DBAPIError) else error
    if attempt < TRIES and getattr(original, "sqlstate", None) in _TIES:
        return random.uniform(0.02, 0.1) * attempt  # noqa: S311  jitter
    return None
