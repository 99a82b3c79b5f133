"""Rows that are due, each opened in a savepoint: one with a fault does not delay the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.services.platform import is_conflict, is_lost

log = get_logger(__name__)

T = TypeVar("T")
AFTER_A_FAULT = timedelta(hours=1)  # the longest wait of R21: the next try finds the same row


async def open_each(
    session: AsyncSession,
    rows: Mapping[str, T],
    work: Callable[[T], Awaitable[int]],
    *,
    fault: str,
    put_off: Callable[[T], None] | None = None,
) -> int:
    """Open what each row of ``{id: row}`` is due for. Returns the sum of what ``work`` returns.

    After a conflict with another transaction, the row stays due for the next sweep. After any other error, which is logged as
    ``fault``, ``put_off`` changes the row. Raises the error if the database is away.
    """
    opened = 0
    for row_id, row in rows.items():
        try:
            async with session.begin_nested():
                opened += await work(row)
        except Exception as error:
            if is_lost(error):
                raise
            if is_conflict(error):
                log.warning("due_row_busy", id=row_id)
                continue
            log.exception(fault, id=row_id)
            if put_off is not None:
                put_off(row)
    return opened
