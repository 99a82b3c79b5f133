"""The outbound guard: a name is looked up once for each connection, and only its open addresses are dialled."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from app.connectors.addresses import OutboundPolicy

_LOOK_UP_SECONDS = 2.0  # that a save waits for the addresses of a name

# The addresses and port that an entry of the allow list opened by name, for the connection that is being opened in this
# task only. Without this limit, the entry would open its address to all accounts.
opened_by_name: ContextVar[frozenset[tuple[str, int]]] = ContextVar(
    "opened_by_name", default=frozenset()
)


class Guard(AbstractResolver):
    """Checks every address of the resolver, and again when its socket is opened.

    A host that is written as an address skips the resolver, so only the second check covers it.
    """

    def __init__(
        self, policy: OutboundPolicy, resolver: AbstractResolver, *, plain_http: bool
    ) -> None:
        self._policy = policy
        self._resolver = resolver
        self._plain_http = plain_http

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name. Raises OSError if it has none, and AddressRefused if one of them may not be called."""
        try:
            answers = await self._resolver.resolve(host, port, family)
        except UnicodeError as error:  # an invalid label
            raise OSError(None, f"{host} is not a valid name") from error
        if not answers:
            raise OSError(None, f"{host} has no address")
        self._policy.require(
            host, [answer["host"] for answer in answers], port, plain_http=self._plain_http
        )
        is_named = self._policy.opens_name(host, port)
        opened_by_name.set(frozenset((one["host"], port) for one in answers if is_named))
        return answers

    def open_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Open the socket of an address. Raises AddressRefused if it may not be called."""
        family, kind, protocol, _, (address, port, *_) = info
        if (address, port) not in opened_by_name.get():
            self._policy.require(address, [address], port, plain_http=self._plain_http)
        return socket.socket(family=family, type=kind, proto=protocol)

    async def close(self) -> None:
        """Close the resolver."""
        await self._resolver.close()


async def addresses_of(resolver: AbstractResolver, host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name, none if it has no address or there is no answer in time."""
    try:
        async with asyncio.timeout(_LOOK_UP_SECONDS):
            found = await resolver.resolve(host, port, socket.AF_UNSPEC)
    except (OSError, UnicodeError, TimeoutError):
        return ()
    return [answer["host"] for answer in found]
