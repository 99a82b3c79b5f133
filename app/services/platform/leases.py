"""Keeping a lease while long work goes on, and stopping the work when the lease is lost (R9, R10)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any

from app.core.logging import get_logger

log = get_logger(__name__)

RENEWALS = 4  # within one lease
LETTING_GO = 3.0  # seconds


class LeaseLost(Exception):
    """Somebody else has it now; what was done here must not be written."""


def lease_owner(lane: str) -> str:
    """Who holds a lease: host, process, and the way the work came (``arq`` or ``sweep``)."""
    return f"{socket.gethostname()}:{os.getpid()}:{lane}"


async def release_lease(release: Coroutine[Any, Any, None]) -> None:
    """Give a lease back in a task that may be being cancelled; where that fails, the lease ends by itself (R18)."""
    try:
        async with asyncio.timeout(LETTING_GO):
            await release
    except Exception as error:  # noqa: BLE001  whatever happens, the lease ends
        log.warning("lease_not_released", error=type(error).__name__)


@contextlib.asynccontextmanager
async def keep_lease(renew: Callable[[], Awaitable[bool]], lease: timedelta) -> AsyncIterator[None]:
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
            except Exception as error:  # noqa: BLE001  a server that restarts answers in many ways
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
