"""One exchange of a request for a response: through httpx, or directly on the sessions that httpx uses.

Both use the same connections, and the guard is part of the sessions. The direct path leaves out what httpx does for each
request besides: it takes a third of the processor time.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import aiohttp
import httpx
from multidict import CIMultiDict
from yarl import URL

from app.connectors.bodies import UNREAD, read_body, read_whole, without_body
from app.connectors.errors import ConfigurationRejected
from app.connectors.messages import DirectRequest, DirectResponse

R = TypeVar("R", covariant=True)
_LARGE_BODY = 512 * 1024
_SLICE = 64 * 1024


class Exchange(Protocol[R]):
    """One exchange. ``has_started``: its status and headers were received."""

    @property
    def host(self) -> str:
        """The host that is called."""

    @property
    def has_started(self) -> bool:
        """Whether status and headers were received."""

    async def run(self) -> R:
        """Send the request and read the whole response. Raises the errors of httpx and aiohttp."""

    def bare(self, why: str, status: int | None = None) -> R:
        """Return a response without its body, because of ``why``; with ``status``, of a response that is not valid."""


@dataclass(slots=True)
class HttpxExchange:
    """An exchange through httpx. ``send`` is that of the client."""

    request: httpx.Request
    send: Callable[[httpx.Request], Awaitable[httpx.Response]]
    started: httpx.Response | None = None

    @property
    def host(self) -> str:
        """The host that is called."""
        return self.request.url.host

    @property
    def has_started(self) -> bool:
        """Whether status and headers were received."""
        return self.started is not None

    async def run(self) -> httpx.Response:
        """Send the request and read the whole response. Raises the errors of httpx and aiohttp."""
        self.started = await self.send(_in_slices(self.request))
        try:
            return await read_whole(self.started)
        finally:
            await self.started.aclose()

    def bare(self, why: str, status: int | None = None) -> httpx.Response:
        """Return a response without its body, because of ``why``; with ``status``, of a response that is not valid."""
        if status is not None:
            return without_body(httpx.Response(status, request=self.request), why)
        assert self.started is not None  # noqa: S101  the caller has looked
        return without_body(self.started, why)


@dataclass(slots=True)
class DirectExchange:
    """An exchange directly on a session."""

    request: DirectRequest
    target: URL  # of the request, as aiohttp has it
    session: aiohttp.ClientSession
    timeout: aiohttp.ClientTimeout
    started: aiohttp.ClientResponse | None = None

    @property
    def host(self) -> str:
        """The host that is called."""
        return self.request.url.host

    @property
    def has_started(self) -> bool:
        """Whether status and headers were received."""
        return self.started is not None

    async def run(self) -> DirectResponse:
        """Send the request and read the whole response. Raises the errors of aiohttp."""
        request, content = self.request, self.request.content
        headers = CIMultiDict(request.headers.items())
        data: Any = content or None
        if len(content) > _LARGE_BODY:
            data = Slices(content)
            headers["content-length"] = str(len(content))
        started = await self.session.request(
            request.method,
            self.target,
            data=data,
            headers=headers,
            allow_redirects=False,
            auto_decompress=False,
            timeout=self.timeout,
        )
        self.started = started
        async with started:
            encoding = ", ".join(started.headers.getall("content-encoding", ()))
            body, why = await read_body(encoding, started.content.iter_any())
        return self._response(started, body, why)

    def bare(self, why: str, status: int | None = None) -> DirectResponse:
        """Return a response without its body, because of ``why``; with ``status``, of a response that is not valid."""
        if status is not None:
            return DirectResponse(status, (), b"", self.request, {UNREAD: why})
        assert self.started is not None  # noqa: S101  the caller has looked
        return self._response(self.started, b"", why)

    def _response(
        self, started: aiohttp.ClientResponse, body: bytes, why: str | None
    ) -> DirectResponse:
        facts = {UNREAD: why} if why is not None else {}
        return DirectResponse(started.status, started.raw_headers, body, self.request, facts)


@functools.lru_cache(maxsize=1024)
def read_url(text: str) -> tuple[httpx.URL, URL]:
    """Return a URL as httpx and as aiohttp have it. Raises ConfigurationRejected if it is invalid or has a password.

    httpx reads it first, on both paths, so that the direct path calls no URL that httpx refuses.
    """
    try:
        url = httpx.URL(text)
        target = URL(str(url))
        if target.raw_path != url.raw_path.partition(b"?")[0].decode():
            # An escaped id such as ".." is no step between folders.
            target = URL(str(url), encoded=True)
    except (httpx.InvalidURL, ValueError) as error:
        raise url_invalid() from error
    if url.userinfo:
        raise ConfigurationRejected("the URL must not contain a password", code="url_invalid")
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigurationRejected(
            f"{url.host or 'the URL'} cannot be called: the URL is not valid"
        )
    return url, target


def checked_headers(defaults: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a request, with names in lower case: given ones replace defaults.

    Values under one name, written in different cases, are joined by a comma. Raises ConfigurationRejected unless all are ASCII.
    """
    found: dict[str, str] = {}
    for name, value in given.items():
        if not (name.isascii() and value.isascii()):
            raise ConfigurationRejected(
                "a header of the request is not ASCII; write its value in ASCII, for example percent-encoded",
                code="header_invalid",
            )
        lower = name.lower()
        found[lower] = f"{found[lower]}, {value}" if lower in found else value
    return {**defaults, **found}


def url_invalid() -> ConfigurationRejected:
    """Return the error for a URL that cannot be read."""
    return ConfigurationRejected("the URL is not valid", code="url_invalid")


def _in_slices(request: httpx.Request) -> httpx.Request:
    """Send a large body in slices: written at once it would block the event loop."""
    if not isinstance(request.stream, httpx.ByteStream):
        return request  # it is streamed already
    content = request.content
    if len(content) <= _LARGE_BODY:
        return request
    return httpx.Request(
        request.method,
        request.url,
        headers=request.headers,
        stream=Slices(content),
        extensions=request.extensions,
    )


class Slices(httpx.AsyncByteStream):
    """A large body in slices."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), _SLICE):
            yield bytes(self._content[start : start + _SLICE])
