"""Requests and responses of a call: what may be used of them, whether they are httpx's own or those of the direct path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import httpx


class Request(Protocol):
    """A request that is about to be sent."""

    @property
    def method(self) -> str:
        """The method, in upper case."""

    @property
    def url(self) -> httpx.URL:
        """The URL, with its parameters."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers: ``{name: value}``."""

    @property
    def content(self) -> bytes:
        """The whole body."""

    @property
    def extensions(self) -> Mapping[str, Any]:
        """Facts that are not sent: ``{name: fact}``."""


class Response(Protocol):
    """A response that was read."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers: ``{name: value}``. Look them up in lower case."""

    @property
    def content(self) -> bytes:
        """The whole body, decompressed."""

    @property
    def text(self) -> str:
        """The body as text."""

    @property
    def request(self) -> Request:
        """The request. Raises RuntimeError if it is not known."""

    @property
    def extensions(self) -> Mapping[str, Any]:
        """Facts that were not sent: ``{name: fact}``."""


@dataclass(frozen=True, slots=True)
class DirectRequest:
    """A request of the direct path."""

    method: str
    url: httpx.URL
    headers: Mapping[str, str]
    content: bytes
    extensions: Mapping[str, Any]


@dataclass(frozen=True)
class DirectResponse:
    """A response of the direct path."""

    status_code: int
    raw_headers: Sequence[tuple[bytes, bytes]]
    content: bytes
    request: DirectRequest
    extensions: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """The headers by name, in lower case. Several values of a name are joined by a comma."""
        found: dict[str, str] = {}
        for raw, value in self.raw_headers:
            name, text = _text(raw).lower(), _text(value)
            found[name] = f"{found[name]}, {text}" if name in found else text
        return found

    @property
    def text(self) -> str:
        """The body as text, by the charset of its content type."""
        kind = {"content-type": self.headers.get("content-type", "")}
        return httpx.Response(self.status_code, headers=kind, content=self.content).text


def _text(raw: bytes) -> str:
    """Decode a part of a header. RFC 9110 leaves bytes that are not ASCII to the receiver."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
