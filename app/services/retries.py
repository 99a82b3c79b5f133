"""Whole transactions once more, where the database broke a tie between two of them (R7, R26)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.session import UnitOfWork

T = TypeVar("T")

TRIES = 3
# deadlock, serialization failure, lock not available in time
_TIES = frozenset({"40P01", "40001", "55P03"})


async def retried(unit_of_work: UnitOfWork, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """Run ``work`` in a transaction of its own; up to three times where it lost a tie."""
    for attempt in range(1, TRIES + 1):
        try:
            async with unit_of_work() as session:
                return await work(session)
        except DBAPIError as error:
            if attempt == TRIES or getattr(error.orig, "sqlstate", None) not in _TIES:
                raise
        await asyncio.sleep(random.uniform(0.02, 0.1) * attempt)  # noqa: S311  jitter
    raise AssertionError("unreachable")
