"""Leases: claim, keep the lease while long work goes on, and stop the work if the lease is lost (R9, R10).

If a lease expires during the work, another worker can claim the row under a higher token. The first worker is stopped at its
next renewal, and its writes match no row, because their token is too low.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Protocol, TypeVar

from app.core.logging import get_logger

log = get_logger(__name__)

RENEWALS = 4  # per lease period (R10)
RELEASE_TIMEOUT = 3.0  # seconds
#: Work whose workers ended so often in a row is given up. What users supply is read in processes of its own, which are tried
#: twice; a worker ends for many reasons that are not the work's: a kill, a deployment, or other work that it did.
MAX_LOST_LEASES = 5

T = TypeVar("T")


class LeaseLost(Exception):
    """Another worker has the lease, or may have it: no result of the work may be written."""


class Held(Protocol):
    """A claimed row. Its lease lasts at least until ``deadline``, on the worker's monotonic clock."""

    deadline: float


HeldT = TypeVar("HeldT", bound=Held)


def lease_owner(lane: str) -> str:
    """Return the owner of a lease: host, process and lane (``arq``, ``sweep``, ``notify`` or ``next``)."""
    return f"{socket.gethostname()}:{os.getpid()}:{lane}"


async def run_leased(
    *,
    lease: timedelta,
    claim: Callable[[], Awaitable[T | None]],
    renew: Callable[[T], Awaitable[bool]] | None,
    work: Callable[[T], Awaitable[None]],
    give_back: Callable[[T], Awaitable[None]] | None,
    later: Callable[[T, Exception], Awaitable[None]] | None,
    lost: Callable[[T], Awaitable[None]] | None = None,
) -> bool:
    """Claim something, work on it under its lease, and finish the claim if the work fails.

    - Without ``renew`` the lease is long enough for the whole work.
    - If the lease is lost, nothing is written under it; ``lost`` is called, to report it.
    - If the worker stops, ``give_back`` releases the lease (R18), and the cancellation continues.
    - If the work raises another exception, ``later`` records it. Without ``later`` it is raised.

    Returns False if ``claim`` returned None: nothing is due, or another worker has it.
    """
    claimed = await claim()
    if claimed is None:
        return False
    try:
        async with (
            keep_lease(partial(renew, claimed), lease) if renew else contextlib.nullcontext()
        ):
            await work(claimed)
    except LeaseLost:
        if lost is not None:
            await lost(claimed)
    except asyncio.CancelledError:
        if give_back is not None:
            await release_lease(give_back(claimed))
        raise
    except Exception as error:
        if later is None:
            raise
        await later(claimed, error)
    return True


async def release_lease(release: Awaitable[None]) -> None:
    """Release a lease in a task that may be cancelled. If that fails, the lease expires (R18)."""
    try:
        async with asyncio.timeout(RELEASE_TIMEOUT):
            await release
    except Exception as error:  # noqa: BLE001  whatever happens, the lease expires
        log.warning("lease_not_released", error=type(error).__name__)


@contextlib.asynccontextmanager
async def keep_lease(renew: Callable[[], Awaitable[bool]], lease: timedelta) -> AsyncIterator[None]:
    """Renew a lease in the background. Raises LeaseLost in the body once a renewal is refused or too late."""
    body = asyncio.current_task()
    assert body is not None  # noqa: S101  a coroutine that is awaited runs in a task
    lost = False

    async def keep() -> None:
        nonlocal lost
        await _renew_until_lost(renew, lease)
        lost = True
        body.cancel()

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


async def _renew_until_lost(renew: Callable[[], Awaitable[bool]], lease: timedelta) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + lease.total_seconds()
    is_kept = True
    while is_kept:
        await asyncio.sleep(lease.total_seconds() / RENEWALS)
        asked = loop.time()
        try:
            is_kept = await renew()
        except Exception as error:  # noqa: BLE001  a server that restarts fails in many ways
            log.warning("lease_not_renewed", error=type(error).__name__)
            is_kept = loop.time() < deadline
        else:
            deadline = asked + lease.total_seconds()


async def keep_leases(
    held: Callable[[], Sequence[HeldT]],
    renew: Callable[[Sequence[HeldT]], Awaitable[Callable[[HeldT], bool]]],
    lose: Callable[[HeldT], None],
    lease: timedelta,
) -> None:
    """Renew the leases of many rows together, and report those that are lost, until the task is cancelled.

    ``renew`` returns whether a row's lease was kept. A row is lost if its lease was not kept and its deadline has passed:
    from then on another worker may have it.
    """
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(lease.total_seconds() / RENEWALS)
        asked, rows = loop.time(), held()
        try:
            is_kept = await renew(rows)
        except Exception as error:  # noqa: BLE001  a server that restarts fails in many ways
            log.warning("leases_not_renewed", error=type(error).__name__)
            _lose_overdue(rows, loop.time(), lose)
        else:
            for row in filter(is_kept, rows):
                row.deadline = asked + lease.total_seconds()
            _lose_overdue(rows, asked, lose)


def _lose_overdue(rows: Sequence[HeldT], now: float, lose: Callable[[HeldT], None]) -> None:
    for row in rows:
        if row.deadline < now:
            lose(row)
