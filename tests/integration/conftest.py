"""The event loop of these tests is the one that the service's processes run on."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], AbstractEventLoop]]:
    """Return the service's own: uvloop's, or asyncio's where uvloop is not installed. It costs a tenth less than asyncio's."""
    from app.embedded.http_server import fast_loop

    return {"loop": fast_loop() or asyncio.new_event_loop}
