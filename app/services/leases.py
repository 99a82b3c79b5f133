"""Keeping a lease while long work goes on, and stopping the work when the lease is lost (R9, R10)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.core.logging import get_logger

log = get_logger(__name__)

RENEWALS = 4  # within one lease


class LeaseLost(Exception):
    """Somebody else has it now; what was done here must not be written."""


def owner(lane: str) -> str:
    """Who holds a lease: host, process, and the way the work came (``arq`` or ``sweep``)."""
    return f"{socket.gethostname()}:{os.getpid()}:{lane}"


@contextlib.asynccontextmanager
async def kept(renew: Callable[[], Awaitable[bool]], lease: timedelta) -> AsyncIterator[None]:
    """Renew in the background; raises LeaseLost in the body once a renewal is refused or too late."""
    body = asyncio.current_task()
    assert body is not None  # noqa: S101  a coroutine that is awaited runs in a task
    lost = False

    async def keep() -> None:
        nonlocal lost
        loop = asyncio.get_running_loop()
        deadline = loop.time() + lease.total_seconds()
        while True:
            await asyncio.sleep(lease.total_seconds() / RENEWALS)
            asked = loop.time()
            try:
                still_ours = await renew()
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("lease_not_renewed", error=type(error).__name__)
                still_ours = loop.time() < deadline
            else:
                deadline = asked + lease.total_seconds()
            if not still_ours:
                lost = True
                body.cancel()
                return

    keeper = asyncio.create_task(keep())
    try:
        yield
    except asyncio.CancelledError:
        if lost:
            body.uncancel()
            raise LeaseLost from None
        raise
    finally:
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper
