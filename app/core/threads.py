"""Work that a cancellation does not cut: what runs in a thread, and what is half done if it stops. The caller waits for its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def to_its_end(work: Awaitable[T]) -> T:
    """Return the result of ``work``. If the caller is cancelled, the work goes on, and the caller is cancelled after its end."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    finally:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # retrieved, or asyncio logs it as never retrieved


async def in_thread(function: Callable[..., T], *args: Any) -> T:
    """Call a function in a thread. A cancelled caller waits for its end, so that nothing uses a file that is being closed."""
    return await to_its_end(asyncio.to_thread(function, *args))
