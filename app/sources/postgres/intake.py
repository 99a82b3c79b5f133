"""Bounds what a server may send before a read goes on: the driver loses its place in the stream if its memory ends there.

The driver keeps all bytes of a row until it has the whole row, and then copies it. If that copy finds no memory, the driver
drops it, takes the content of the row for messages, and waits for an end that never comes. So the connection is cut before.
A step is all that is received for one piece of rows.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path
from typing import Any

from app.sources.postgres.failures import QueryRejected

MOST = 256 * 1024 * 1024  # bytes of one step
_COPIES = 16  # of a row at most, with what libraries reserve: as received, parsed, as a column, as a page of the file, compressed


class Intake:
    """The protocol of a connection: gives all to its driver, and cuts the connection after too many bytes in one step."""

    def __init__(self, transport: asyncio.Transport, driver: Any) -> None:
        self._transport = transport
        self._driver = driver
        self._most = self._left = _most()
        self.eof_received = driver.eof_received
        self.connection_lost = driver.connection_lost
        self.pause_writing = driver.pause_writing
        self.resume_writing = driver.resume_writing

    def begin_step(self) -> None:
        """Count from here: the driver no longer has what was received before."""
        self._left = self._most

    def data_received(self, data: bytes) -> None:
        """Give bytes to the driver, or cut the connection if they are too many."""
        self._left -= len(data)
        if self._left < 0:
            self._transport.abort()
        else:
            self._driver.data_received(data)

    def refuse_excess(self, server: str) -> None:
        """Raise QueryRejected, with the way out, if the connection was cut."""
        if self._left < 0:
            raise QueryRejected(
                f"{server} sent more than {self._most / 1024**2:,.0f} MiB at once: a row, or rows that are read together, are "
                "too large; leave out or shorten the longest column, for example with left(column, 1000)."
            )


def _most() -> int:
    """Return how many bytes of one step fit into the memory of this process."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY or sys.platform != "linux":
        return MOST
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    room = limit - pages * resource.getpagesize()
    return max(0, min(MOST, room // _COPIES))


def watch(connection: Any) -> Intake:
    """Put an intake between a connection of the driver and its transport. Returns it."""
    intake = Intake(connection._transport, connection._protocol)
    connection._transport.set_protocol(intake)
    return intake


def begin_step(connection: Any) -> None:
    """Begin a step of a watched connection: the next rows are requested."""
    transport = connection._transport
    intake: Intake | None = None if transport is None else transport.get_protocol()
    if intake is not None:  # else the connection is lost, and the driver says so
        intake.begin_step()
