"""Calls of Braze's REST API, and the errors of its responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson

from app.connectors.answers import (
    LONGEST_WAIT,
    error_for_answer,
    printable,
    request_id_of,
    retry_after,
    said,
    secrets_of,
    unconfirmed,
)
from app.connectors.destinations.braze.settings import BrazeSettings
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    PayloadRejected,
    Throttled,
    TransientFailure,
)
from app.connectors.http import send_request
from app.connectors.messages import Response

TRACK = "/users/track"
SET_STATUS = "/v2/subscription/status/set"
GET_STATUS = "/subscription/status/get"
_CONFIRMS = {TRACK: ("success", "queued")}  # messages of other calls: success only


@dataclass(frozen=True, slots=True)
class NamedError:
    """One entry of ``errors`` that points to an object."""

    array: str
    index: int
    message: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a success says: the wrong objects, words about none of them, and the number of objects that were taken.

    ``taken`` is None if Braze does not count, for example in maintenance.
    """

    named: Sequence[NamedError] = ()
    other: str = ""
    taken: int | None = None


class BrazeRefusal(PayloadRejected):
    """400 or 422: the whole body was refused. ``named`` holds the wrong objects, if Braze names them."""

    named: Sequence[NamedError] = ()


class BrazeTooMany(BrazeRefusal):
    """The body has more objects or bytes than this contract allows."""


class BrazeClient:
    """The API of one workspace."""

    def __init__(self, settings: BrazeSettings, http: httpx.AsyncClient) -> None:
        self._base = settings.rest_endpoint
        self._http = http
        self._headers = {"authorization": f"Bearer {settings.api_key.get_secret_value()}"}

    async def post(
        self, path: str, body: bytes, attempted_at: datetime, array: str = "attributes"
    ) -> Accepted:
        """Send a body. Returns what Braze accepted of ``array``. Raises a ConnectorError if it refused all."""
        headers = {**self._headers, "content-type": "application/json"}
        response = await send_request(
            self._http, "POST", self._base + path, content=body, headers=headers
        )
        return _understood(response, attempted_at, array, _CONFIRMS.get(path, ("success",)))

    async def get(self, path: str, attempted_at: datetime) -> None:
        """Send a GET. Raises a ConnectorError unless it succeeds."""
        response = await send_request(self._http, "GET", self._base + path, headers=self._headers)
        _understood(response, attempted_at, "")


def _understood(
    response: Response,
    attempted_at: datetime,
    array: str,
    confirms: Sequence[str] = ("success",),
) -> Accepted:
    if not 200 <= response.status_code < 300:
        raise failure(response, attempted_at)
    content = _content(response)
    message = str(content.get("message")).strip().lower()
    if message not in confirms:
        raise unconfirmed(
            response, "Braze", "check that rest_endpoint is not the address of the dashboard"
        )
    named = named_errors(response)
    taken = _count(content.get(f"{array}_processed")) if message == "success" else None
    return Accepted(named, _other_errors(response, content, array), taken)


def _count(value: Any) -> int | None:
    """Return a count of objects, None if there is none. A count in an unexpected form confirms no object."""
    if value is None:
        return None
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def failure(response: Response, attempted_at: datetime) -> ConnectorError:
    """Return the error for an unsuccessful response."""
    status = response.status_code
    facts: dict[str, Any] = {
        "http_status": status,
        "vendor_request_id": request_id_of(response),
    }
    words = said(str(_content(response).get("message") or ""), 200, response)
    reason = f' ("{words}")' if words else ""
    match status:
        case 401:
            return AuthenticationRejected(
                f"Braze refused the key{reason}; check that it has the permission users.track",
                **facts,
            )
        case 403:
            return AuthenticationRejected(
                f"Braze refused access{reason}: inactive account, plan, or a list of allowed addresses",
                **facts,
            )
        case 404:
            return ConfigurationRejected(
                f"Braze does not know the key there{reason}; check that rest_endpoint belongs to the region of your instance",
                **facts,
            )
        case 413:
            return BrazeTooMany("Braze accepts fewer bytes per request", **facts)
        case 400 | 422:
            return _refusal(response, words, facts)
        case 429:
            return Throttled(
                "Braze is limiting requests (HTTP 429); retried automatically",
                retry_after=_wait(response, attempted_at),
                **facts,
            )
        case _:
            pass
    return error_for_answer(response, partner="Braze") or TransientFailure("Braze failed", **facts)


def _refusal(response: Response, words: str, facts: dict[str, Any]) -> BrazeRefusal:
    too_many = "max input length exceeded" in words.lower()
    kind = BrazeTooMany if too_many else BrazeRefusal
    error = kind(f"Braze refused the request: {words or f'HTTP {response.status_code}'}", **facts)
    error.named = named_errors(response)
    return error


def named_errors(response: Response) -> list[NamedError]:
    """Return the entries of ``errors`` that name an object."""
    entries, secrets = _content(response).get("errors"), secrets_of(response)
    return [
        NamedError(
            str(entry.get("input_array")),
            entry["index"],
            printable(str(entry.get("type")), 300, secrets),
        )
        for entry in (entries if isinstance(entries, list) else [])
        if _names_object(entry)
    ]


def _names_object(entry: Any) -> bool:
    index = entry.get("index") if isinstance(entry, dict) else None
    return isinstance(index, int) and not isinstance(index, bool)


def _other_errors(response: Response, content: dict[str, Any], array: str) -> str:
    """Return the words of errors that name no object of ``array``; empty if there are none."""
    entries = content.get("errors") or []
    others = [
        str(entry.get("type") or entry) if isinstance(entry, dict) else str(entry)
        for entry in (entries if isinstance(entries, list) else [entries])
        if not (_names_object(entry) and entry.get("input_array") in (array, None))
    ]
    return said("; ".join(others), 300, response) or ("an error without words" if others else "")


def _content(response: Response) -> dict[str, Any]:
    try:
        content = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def _wait(response: Response, attempted_at: datetime) -> timedelta | None:
    """Return Retry-After, or the time until the end of the window, which Braze reports in seconds since 1970."""
    asked = retry_after(response)
    if asked is not None:
        return asked
    reset = response.headers.get("x-ratelimit-reset", "")
    if not reset.isdecimal():
        return None
    wait = datetime.fromtimestamp(int(reset), UTC) - attempted_at
    return min(max(wait, timedelta(seconds=1)), LONGEST_WAIT)
