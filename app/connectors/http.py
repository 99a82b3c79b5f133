"""The outbound HTTP client: the interface of httpx on the transport of aiohttp, with the address guard.

Failures below HTTP are raised as connector errors, so that no destination can forget a case.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver
from httpx_aiohttp import AiohttpTransport

from app.connectors.addresses import AddressRefused, OutboundPolicy
from app.connectors.answers import error_for_answer, raise_for_answer, request_id_of, retry_after
from app.connectors.bodies import read_whole
from app.connectors.echoes import ACCOUNT_SECRETS, set_account
from app.connectors.errors import ConfigurationRejected, ConnectorError, TransientFailure
from app.connectors.exchanges import (
    DirectExchange,
    Exchange,
    HttpxExchange,
    checked_headers,
    read_url,
    url_invalid,
)
from app.connectors.guard import Guard, addresses_of, opened_by_name
from app.connectors.invalid_responses import (
    keep_status_of_invalid_responses,
    status_of_invalid_response,
)
from app.connectors.messages import DirectRequest, Request, Response

__all__ = [
    "AddressRefused",
    "Gate",
    "Hear",
    "OutboundClient",
    "error_for_answer",
    "make_client",
    "pieces_of",
    "raise_for_answer",
    "request_id_of",
    "retry_after",
    "send_request",
]

R = TypeVar("R")
Hear = Callable[[Response], Awaitable[None]]
Gate = Callable[[Request], Awaitable[Hear | None]]

USER_AGENT = "audience-activations"
# Shorter than the 5 s after which common servers close idle connections: a POST on a connection that is being closed
# fails ambiguously, and the transport does not repeat it.
_KEEP_ALIVE = 4.0
_DEFAULT_HEADERS = {
    "accept": "*/*",
    "accept-encoding": "gzip",
    "connection": "keep-alive",
    "user-agent": USER_AGENT,
}
_BELOW_HTTP = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, ValueError)


def make_client(
    *,
    outbound_allow: str = "",
    total_timeout: timedelta = timedelta(seconds=20),
    connect_timeout: timedelta = timedelta(seconds=5),
    max_connections: int = 100,
    verify: ssl.SSLContext | None = None,
    resolver: AbstractResolver | None = None,
) -> OutboundClient:
    """Create the client of the connectors. Create it inside the running loop, and close it with ``aclose``.

    ``outbound_allow`` is the value of ``ACTIVATIONS_OUTBOUND_ALLOW``. ``verify`` replaces the certificate authorities.
    ``resolver`` replaces the source of addresses; it is guarded too.
    """
    policy = OutboundPolicy(outbound_allow)
    context = verify or _system_authorities()
    resolver = resolver or ThreadedResolver()
    sessions = {
        scheme: _session(policy, context, resolver, max_connections, plain_http=scheme == "http")
        for scheme in ("http", "https")
    }
    plain, encrypted = (
        AiohttpTransport(verify=context, client=session) for session in sessions.values()
    )
    return OutboundClient(
        total_timeout=total_timeout,
        policy=policy,
        resolver=resolver,
        sessions=sessions,
        transport=encrypted,
        mounts={"http://": plain, "https://": encrypted},
        timeout=httpx.Timeout(None, connect=connect_timeout.total_seconds()),
        headers={"user-agent": USER_AGENT, "accept-encoding": "gzip"},
        follow_redirects=False,
        trust_env=False,
    )


@functools.cache
def _system_authorities() -> ssl.SSLContext:
    """Read the certificate authorities of the system, once in a process: that takes 20 ms."""
    return ssl.create_default_context()


class OutboundClient(httpx.AsyncClient):
    """An httpx client with a deadline for each call, a limited response size and no cookies.

    Raises only ConnectorErrors: ``AddressRefused``, ``ConfigurationRejected`` for an invalid URL, otherwise
    ``TransientFailure``, ambiguous unless the request certainly did not reach the partner.
    """

    def __init__(
        self,
        *,
        total_timeout: timedelta,
        policy: OutboundPolicy,
        resolver: AbstractResolver | None = None,
        sessions: Mapping[str, aiohttp.ClientSession] | None = None,
        **options: Any,
    ) -> None:
        """Create the client. ``sessions`` are those of its transports, by scheme: then ``call`` uses them directly."""
        super().__init__(**options)
        self._sessions = sessions
        self._direct = aiohttp.ClientTimeout(sock_connect=self.timeout.connect)
        self._policy = policy
        self._resolver = resolver
        self._total_timeout = total_timeout
        self._gate: Gate | None = None
        self._secrets: Sequence[str] = ()
        # Accounts of different tenants share this client: no response may influence another request.
        self.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def gated(self, gate: Gate, secrets: Sequence[str] = ()) -> OutboundClient:
        """Return a copy of this client whose calls wait for ``gate``; the deadline begins after the gate.

        If the gate returns a callback, it receives the response. ``secrets`` of the account are masked in quoted
        responses.
        """
        client = copy.copy(self)
        client._gate, client._secrets = gate, secrets
        return client

    def with_more_time(self, seconds: float) -> OutboundClient:
        """Return a copy of this client whose calls may take so many seconds more, to transfer a large file."""
        client = copy.copy(self)
        client._total_timeout = self._total_timeout + timedelta(seconds=seconds)
        return client

    def masking(self, secrets: Sequence[str]) -> OutboundClient:
        """Return a copy of this client that masks ``secrets`` in quoted responses, and waits for no gate."""
        client = copy.copy(self)
        client._gate, client._secrets = None, secrets
        return client

    def build_request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Request:
        """Build a request as httpx does. Raises ConfigurationRejected if the URL is invalid or has a password."""
        try:
            request = super().build_request(method, url, **options)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise url_invalid() from error
        if request.url.userinfo:
            raise ConfigurationRejected("the URL must not contain a password", code="url_invalid")
        request.extensions[ACCOUNT_SECRETS] = self._secrets
        return request

    async def refusal_of(self, url: str) -> str | None:
        """Return why a URL may not be called, in words that follow the name of a field, or None.

        If the addresses of a name decide, they are looked up as for a call, for at most two seconds.
        """
        named, answers = self._policy.name_to_look_up(url), None
        if named is not None and self._resolver is not None:
            answers = await addresses_of(self._resolver, *named)
        return self._policy.refusal_of(url, answers)

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request and read the whole response. ``stream`` is not supported.

        A response whose body cannot be read is returned without it: its status says what became of the request. See
        ``app.connectors.bodies.unread``.
        """
        hear = await self._gate(request) if self._gate is not None else None
        options["stream"] = True
        response = await self._answer(
            HttpxExchange(request, functools.partial(super().send, **options))
        )
        if hear is not None:
            await hear(response)
        return response

    async def call(
        self, method: str, url: str, *, headers: Mapping[str, str], content: bytes = b""
    ) -> Response:
        """Send a request, and read the whole response, as ``request`` does, on a shorter way: without the layers of httpx.

        A client with a transport of its own has no other way than httpx.
        """
        if not self._sessions:
            return await self.request(method, url, headers=headers, content=content or None)
        read, target = read_url(url)
        request = DirectRequest(
            method.upper(),
            read,
            checked_headers(_DEFAULT_HEADERS, headers),
            content,
            {ACCOUNT_SECRETS: self._secrets},
        )
        hear = await self._gate(request) if self._gate is not None else None
        exchange = DirectExchange(request, target, self._sessions[read.scheme], self._direct)
        response = await self._answer(exchange)
        if hear is not None:
            await hear(response)
        return response

    @asynccontextmanager
    async def download(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        """Send a request for a ``with`` block, which reads the body of a 200 with ``pieces_of``. It has no limit of size or time.

        Every other response comes with its whole body, as from ``send``. The gate is not asked. Raises AddressRefused, and
        TransientFailure if there is no response.
        """
        seconds, host = self._begin(), request.url.host
        started: httpx.Response | None = None
        try:
            try:
                async with asyncio.timeout(seconds):
                    started = await super().send(request, stream=True)
                    found = started if started.status_code == 200 else await read_whole(started)
            except TimeoutError as error:
                raise _silent(host, seconds) from error
            except _BELOW_HTTP as error:
                raise _failure(error, host) from error
            yield found
        finally:
            if started is not None:
                await started.aclose()

    def _begin(self) -> float:
        """Note for this call whose secrets are masked and that no address is open. Returns the seconds that it may take."""
        opened_by_name.set(frozenset())
        if self._secrets:
            set_account(self._secrets)
        return self._total_timeout.total_seconds()

    async def _answer(self, exchange: Exchange[R]) -> R:
        seconds = self._begin()
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                return await exchange.run()
        except ConnectorError:
            raise
        except TimeoutError as error:
            if not deadline.expired():
                raise _failure(error, exchange.host) from error
            if exchange.has_started:
                return exchange.bare(f"its body did not end within {seconds:g} s")
            raise _silent(exchange.host, seconds) from error
        except _BELOW_HTTP as error:
            status = status_of_invalid_response(error)
            if status is not None:
                return exchange.bare("it is not valid HTTP", status)
            raise _failure(error, exchange.host) from error


async def send_request(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes = b"",
) -> Response:
    """Send a request with the client of a connector's tools, on the direct path if the client has one.

    Connectors that make many small calls use it. Raises as ``OutboundClient`` does.
    """
    if isinstance(http, OutboundClient):
        return await http.call(method, url, headers=headers, content=content)
    return await http.request(method, url, headers=headers, content=content or None)


def _silent(host: str, seconds: float) -> TransientFailure:
    return TransientFailure(f"{host} did not respond within {seconds:g} s", code="timeout")


async def pieces_of(response: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the body of a response that ``download`` returned, as it was sent. Raises TransientFailure if it is cut."""
    try:
        async for piece in response.aiter_raw():
            yield piece
    except _BELOW_HTTP as error:
        raise _failure(error, response.request.url.host) from error


def _session(
    policy: OutboundPolicy,
    context: ssl.SSLContext,
    resolver: AbstractResolver,
    max_connections: int,
    *,
    plain_http: bool,
) -> aiohttp.ClientSession:
    guard = Guard(policy, resolver, plain_http=plain_http)
    connector = aiohttp.TCPConnector(
        ssl=context,
        resolver=guard,
        socket_factory=guard.open_socket,
        use_dns_cache=False,  # one look-up per connection: the checked address is dialled
        limit=max_connections,
        keepalive_timeout=_KEEP_ALIVE,
    )
    keep_status_of_invalid_responses(connector)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        skip_auto_headers=("content-type", "user-agent"),
    )


def _failure(error: BaseException, host: str) -> ConnectorError:
    """Return the connector error for a failure below HTTP.

    The cause decides, because the exception of httpx is too general: the transport reports a server that hangs up as
    ConnectTimeout.
    """
    cause = error if isinstance(error, aiohttp.ClientError) else (error.__cause__ or error)
    match cause:
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return ConfigurationRejected(
                f"{host or 'the URL'} cannot be called: the URL is not valid"
            )
        case aiohttp.ClientConnectorDNSError():
            return _before_sending(f"the name {host} could not be resolved", "dns")
        case aiohttp.ClientConnectorCertificateError():
            return _before_sending(f"the certificate of {host} is not trusted", "certificate")
        case aiohttp.ClientSSLError():
            return _before_sending(f"no encrypted connection to {host} is possible", "tls")
        case aiohttp.ClientConnectorError():
            return _before_sending(f"{host} refused the connection or is not reachable", "connect")
        case aiohttp.ConnectionTimeoutError():
            return _before_sending(f"no connection to {host} in time", "connect_timeout")
        case httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return ConfigurationRejected(
                f"{host or 'the URL'} cannot be called: the URL is not valid"
            )
        case _:
            return TransientFailure(f"the connection to {host} was lost", code="connection_lost")


def _before_sending(message: str, code: str) -> TransientFailure:
    return TransientFailure(f"{message}; retried automatically", ambiguous=False, code=code)
