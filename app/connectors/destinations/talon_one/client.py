"""Calls of Talon.One's Integration and Management APIs, and the errors of their responses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from app.connectors.answers import (
    error_for_answer,
    printable,
    request_id_of,
    retry_after,
    secrets_of,
    unconfirmed,
)
from app.connectors.bodies import unread
from app.connectors.destinations.talon_one.settings import TalonOneSettings
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    PayloadRejected,
    TransientFailure,
)
from app.connectors.http import send_request
from app.connectors.messages import Response
from app.core.exact_numbers import json_default

_CONFIRMED = (200, 204)
_CREATED = (200, 201)  # an audience
_DATA_POINTER = re.compile(r"/?data/(\d+)(?:/|$)")


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of an error response."""

    message: str
    pointer: str | None


class TalonOneRefusal(PayloadRejected):
    """400 and other refusals, with the named faults."""

    def __init__(
        self, message: str, faults: Sequence[Fault], status: int, request_id: str | None
    ) -> None:
        super().__init__(message, http_status=status, vendor_request_id=request_id)
        self.faults = faults

    def rows(self) -> dict[int, Fault]:
        """Return faults by row of ``data``; empty unless every fault points to a row."""
        named: dict[int, Fault] = {}
        for fault in self.faults:
            match = _DATA_POINTER.match(fault.pointer or "")
            if match is None:
                return {}
            named.setdefault(int(match[1]), fault)
        return named


class TalonOneExists(TalonOneRefusal):
    """409 when an audience is created: its integration id exists."""


class TalonOneClient:
    """The APIs of one deployment. Each call raises a ConnectorError unless it succeeds."""

    def __init__(self, settings: TalonOneSettings, http: httpx.AsyncClient) -> None:
        self._base = settings.base_url
        self._http = http
        self._integration = f"ApiKey-v1 {settings.api_key.get_secret_value()}"
        key = settings.management_key
        self._management = f"ManagementKey-v1 {key.get_secret_value()}" if key else None

    @property
    def has_management_key(self) -> bool:
        """Return whether audiences can be listed and read."""
        return self._management is not None

    async def send(self, method: str, path: str, content: Any) -> dict[str, Any]:
        """Send a JSON body to the Integration API. Returns the fields of ``response`` as parsed; empty without a body."""
        headers = {"authorization": self._integration, "content-type": "application/json"}
        body = orjson.dumps(content, default=json_default)
        response = await send_request(
            self._http, method, self._base + path, content=body, headers=headers
        )
        confirmed = _CREATED if path == "/v2/audiences" else _CONFIRMED
        return _understood(response, _conflict_is_busy(method, path), confirmed)

    async def ping(self) -> int:
        """Check the integration key with an undocumented endpoint. Returns the HTTP status."""
        headers = {"authorization": self._integration}
        response = await send_request(
            self._http, "GET", f"{self._base}/v2/authping", headers=headers
        )
        return response.status_code

    async def manage(self, path: str) -> dict[str, Any]:
        """Send a GET to the Management API. Returns the fields of ``response`` as parsed.

        Raises ConfigurationRejected if there is no management key.
        """
        if self._management is None:
            raise ConfigurationRejected(
                "this needs a management key: the integration key cannot list or read anything",
                code="no_management_key",
            )
        headers = {"authorization": self._management}
        response = await send_request(self._http, "GET", self._base + path, headers=headers)
        return _understood(response, False)


def _conflict_is_busy(method: str, path: str) -> bool:
    """Return whether 409 means too many requests (a profile's update), and not that an audience exists."""
    return method == "PUT" and path.startswith("/v2/customer_profiles")


def _understood(
    response: Response, conflict_is_busy: bool, confirmed: Sequence[int] = _CONFIRMED
) -> dict[str, Any]:
    if not 200 <= response.status_code < 300:
        raise failure(response, conflict_is_busy)
    if response.status_code == 204:
        return {}  # a response without a body
    content = _content(response)
    if unread(response) is not None or content is None or response.status_code not in confirmed:
        raise unconfirmed(response, "Talon.One", "check that base_url is your deployment")
    return content


def failure(response: Response, conflict_is_busy: bool) -> ConnectorError:
    """Return the error for an unsuccessful response."""
    status = response.status_code
    request_id = request_id_of(response)
    message, faults = _faults(response)
    said = f": {message}" if message else ""
    if status == 401:
        return AuthenticationRejected(
            f"Talon.One refused the key{said}; it is wrong, expired or deleted, or a management key instead of an "
            "integration key",
            http_status=status,
            vendor_request_id=request_id,
        )
    if status == 403:
        return AuthenticationRejected(
            f"the Talon.One key may not call this endpoint{said}",
            http_status=status,
            vendor_request_id=request_id,
        )
    if status == 409 and conflict_is_busy:
        return TransientFailure(
            "Talon.One is busy with this profile (HTTP 409); retried automatically",
            ambiguous=False,
            retry_after=retry_after(response),
            http_status=status,
            vendor_request_id=request_id,
        )
    if not 400 <= status < 500 or status in (408, 410, 425, 429):
        return error_for_answer(response, partner="Talon.One") or TransientFailure("failed")
    words = {404: "the audience is not known in this deployment"}.get(status, f"HTTP {status}")
    kind = TalonOneExists if status == 409 else TalonOneRefusal
    return kind(f"Talon.One refused the request, {words}{said}", faults, status, request_id)


def _content(response: Response) -> dict[str, Any] | None:
    """Return the fields of a JSON object, empty without a body; None for other content."""
    try:
        content = orjson.loads(response.content or b"{}")
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _faults(response: Response) -> tuple[str, list[Fault]]:
    content = _content(response)
    if content is None:
        return "", []
    entries, secrets = content.get("errors"), secrets_of(response)
    faults = [
        Fault(
            printable(str(entry.get("details") or entry.get("title") or "refused"), 300, secrets),
            _pointer(entry.get("source")),
        )
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict)
    ]
    return printable(str(content.get("message") or ""), 200, secrets), faults


def _pointer(source: Any) -> str | None:
    found = source.get("pointer") if isinstance(source, dict) else None
    return found if isinstance(found, str) else None
