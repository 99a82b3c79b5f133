"""Responses that are not valid HTTP after their first line, such as a 204 with content.

The HTTP library refuses such a response as a whole, and its status is lost. But the status says what became of the request.
"""

from __future__ import annotations

import asyncio
import functools
import re
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

_FIRST_LINE = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)[ \r]")
_STATUS = "status_of_response"  # attribute of the library's error


class _Protocol(ResponseHandler):
    """One connection. Remembers the status of the response that it reads."""

    _status: int | None = None

    def data_received(self, data: bytes) -> None:
        if self._payload is None or self._payload.is_eof():
            match = _FIRST_LINE.match(data)
            self._status = int(match[1]) if match else None
        super().data_received(data)

    def set_exception(self, exc: Any, *cause: Any) -> None:
        if isinstance(exc, HttpProcessingError):
            setattr(exc, _STATUS, self._status)
        super().set_exception(exc, *cause)


def keep_status_of_invalid_responses(connector: aiohttp.TCPConnector) -> None:
    """Let the errors of a connector have the status of an invalid response. Uses private attributes of aiohttp."""
    loop = asyncio.get_running_loop()
    factory: Any = functools.partial(_Protocol, loop=loop)
    connector._factory = factory


def status_of_invalid_response(error: BaseException | None) -> int | None:
    """Return the status of the response that an error is about; None if its first line was not read."""
    while error is not None:
        status = getattr(error, _STATUS, None)
        if status is not None:
            return int(status)
        error = error.__cause__
    return None
