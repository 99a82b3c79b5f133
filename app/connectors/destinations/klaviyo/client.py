"""Calls of Klaviyo's API, and the errors of its responses."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import orjson

from app.connectors.answers import (
    error_for_answer,
    printable,
    request_id_of,
    retry_after,
    secrets_of,
)
from app.connectors.destinations.klaviyo.settings import KlaviyoSettings
from app.connectors.errors import (
    AuthenticationRejected,
    ConnectorError,
    ListGone,
    PayloadRejected,
    TransientFailure,
    Unconfirmed,
)
from app.connectors.http import send_request
from app.connectors.messages import Response
from app.core.url_paths import path_part

REVISION = "2026-07-15"
_ABOUT_CONTENT = (400, 404, 409, 413, 422)  # statuses that may concern a list or single profiles
PAGE = 100  # https://developers.klaviyo.com/en/reference/get_profiles
LIST_PAGE = 10  # https://developers.klaviyo.com/en/reference/get_lists
SCOPES = "lists:read, lists:write, profiles:read and profiles:write"
_MEDIA_TYPE = "application/vnd.api+json"


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of an error response."""

    code: str
    detail: str
    pointer: str | None
    meta: Mapping[str, Any]


class KlaviyoRefusal(PayloadRejected):
    """A refusal with named faults, which the caller may handle."""

    def __init__(
        self, message: str, faults: Sequence[Fault], status: int, request_id: str | None
    ) -> None:
        super().__init__(
            message,
            http_status=status,
            vendor_request_id=request_id,
            code=faults[0].code if faults else None,
        )
        self.faults = faults


class KlaviyoNotFound(KlaviyoRefusal):
    """404: this account has no such list or job."""


class KlaviyoTooLarge(KlaviyoRefusal):
    """413: the body is too large."""


class KlaviyoUnconfirmed(Unconfirmed):
    """A success response of an unexpected form: it confirms nothing, and the request may have been applied."""

    def __init__(self, words: str, status: int | None = None) -> None:
        super().__init__(
            f"Klaviyo's response confirms nothing: {words}", http_status=status, code="unconfirmed"
        )


class KlaviyoClient:
    """The API of one account. Each call raises a ConnectorError unless it succeeds."""

    def __init__(self, settings: KlaviyoSettings, http: httpx.AsyncClient) -> None:
        self._base = settings.base_url
        self._http = http
        self._headers = {
            "authorization": f"Klaviyo-API-Key {settings.api_key.get_secret_value()}",
            "revision": REVISION,
            "accept": _MEDIA_TYPE,
        }

    async def get(self, path: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Send a GET. Returns the fields of ``data`` and ``links``, as parsed from the response.

        Raises KlaviyoUnconfirmed for a success other than 200, such as 206, and for a body that is not JSON.
        """
        query = "?" + urlencode(parameters, safe=",[]()") if parameters else ""
        return await self._call("GET", path + query, None, (200,))

    async def send(
        self, method: str, path: str, body: bytes, expected: Sequence[int] = ()
    ) -> dict[str, Any]:
        """Send a JSON body. Returns the parsed fields of ``data``; empty if the response has no body.

        Raises KlaviyoUnconfirmed for a success with a status that is not ``expected`` (empty: any), or without JSON.
        """
        return await self._call(method, path, body, expected)

    async def pages(
        self, path: str, parameters: Mapping[str, str]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield the ``data`` of each page: resources ``{"id", "attributes"}``.

        Only the cursor of the link to the next page is used, because the link could name another host.
        Raises KlaviyoUnconfirmed for a page of another form, and for pages that lead back.
        """
        cursor: str | None = None
        passed: set[str] = set()
        while True:
            entries, cursor = await self.page(path, parameters, cursor)
            yield entries
            if cursor is None:
                return
            if cursor in passed:
                raise KlaviyoUnconfirmed("its pages lead back to a page that was read")
            passed.add(cursor)

    async def page(
        self, path: str, parameters: Mapping[str, str], cursor: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return the resources ``{"id", "attributes"}`` of one page, and the cursor of the next page (None at the end).

        Raises KlaviyoUnconfirmed unless ``data`` is a list of resources with an id.
        """
        more = {"page[cursor]": cursor} if cursor else {}
        answer = await self.get(path, {**parameters, **more})
        entries, links = answer.get("data"), answer.get("links")
        if not isinstance(entries, list) or not all(_is_resource(entry) for entry in entries):
            raise KlaviyoUnconfirmed("it has no list of resources")
        following = links.get("next") if isinstance(links, dict) else None
        if not isinstance(following, str):
            return entries, None
        return entries, parse_qs(urlsplit(following).query).get("page[cursor]", [None])[0]

    async def _call(
        self, method: str, path: str, body: bytes | None, expected: Sequence[int] = ()
    ) -> dict[str, Any]:
        headers = self._headers if body is None else {**self._headers, "content-type": _MEDIA_TYPE}
        response = await send_request(
            self._http, method, self._base + path, content=body or b"", headers=headers
        )
        if not 200 <= response.status_code < 300:
            raise failure(response)
        if expected and response.status_code not in expected:
            raise KlaviyoUnconfirmed(
                f"HTTP {response.status_code} was not expected", response.status_code
            )
        if not response.content:
            return {}
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise KlaviyoUnconfirmed("it is not JSON", response.status_code) from error
        return answer if isinstance(answer, dict) else {}


def _is_resource(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and is_text(entry.get("id"))
        and isinstance(entry.get("attributes", {}), dict)
    )


def is_text(value: Any) -> bool:
    """Return whether a value of a response is a text that is not empty."""
    return isinstance(value, str) and bool(value)


def data_of(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the resource ``{"id", "attributes"}`` of a response. Raises KlaviyoUnconfirmed for another form."""
    data = answer.get("data")
    if not isinstance(data, dict) or not _is_resource(data):
        raise KlaviyoUnconfirmed("it has no resource with an id")
    return data


def failure(response: Response) -> ConnectorError:
    """Return the error for an unsuccessful response."""
    status = response.status_code
    request_id = request_id_of(response)
    if status in (401, 403):
        return _credentials(response, status, request_id)
    if status not in _ABOUT_CONTENT:
        return error_for_answer(response, partner="Klaviyo") or TransientFailure("Klaviyo failed")
    faults = faults_of(response)
    words = printable("; ".join(fault.detail for fault in faults), 300) or f"HTTP {status}"
    kind = {404: KlaviyoNotFound, 413: KlaviyoTooLarge}.get(status, KlaviyoRefusal)
    return kind(f"Klaviyo refused the request: {words}", faults, status, request_id)


def _credentials(response: Response, status: int, request_id: str | None) -> ConnectorError:
    if status == 403 and "json" not in response.headers.get("content-type", ""):
        # A challenge of the network in front of Klaviyo: it says nothing about the key.
        return TransientFailure(
            "Klaviyo's network asked for a browser (HTTP 403, no JSON); retried automatically",
            ambiguous=False,
            retry_after=retry_after(response),
            http_status=status,
            vendor_request_id=request_id,
        )
    if status == 401:
        message = "the Klaviyo key is invalid or revoked; create one with read and write access to Lists and Profiles"
    else:
        detail = printable("; ".join(fault.detail for fault in faults_of(response)), 200)
        message = f"the Klaviyo key lacks a scope; it needs {SCOPES}" + (
            f" ({detail})" if detail else ""
        )
    return AuthenticationRejected(message, http_status=status, vendor_request_id=request_id)


def faults_of(response: Response) -> list[Fault]:
    """Return the entries of a JSON:API error response; none for other content."""
    try:
        content = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return []
    found = content.get("errors") if isinstance(content, dict) else None
    secrets = secrets_of(response)
    faults = []
    for entry in found if isinstance(found, list) else []:
        if isinstance(entry, dict):
            source = entry.get("source")
            meta = entry.get("meta")
            faults.append(
                Fault(
                    code=str(entry.get("code") or "error"),
                    detail=printable(
                        str(entry.get("detail") or entry.get("title") or "refused"), 300, secrets
                    ),
                    pointer=_pointer(source),
                    meta=meta if isinstance(meta, dict) else {},
                )
            )
    return faults


def _pointer(source: Any) -> str | None:
    pointer = source.get("pointer") if isinstance(source, dict) else None
    return pointer if isinstance(pointer, str) else None


DUPLICATE = "duplicate_profile"  # the code of a fault: another profile has one of the identifiers
_PROFILE_POINTER = re.compile(r"/data/attributes/profiles/data/(\d+)(?:/|$)")
_MEMBER_POINTER = re.compile(r"/data/(\d+)(?:/|$)")


def profile_faults(faults: Sequence[Fault], count: int) -> dict[int, Fault]:
    """Return faults keyed by the position of their profile, of ``count`` profiles.

    Empty unless every fault points to a profile of the body: one index outside means that none can be trusted.
    """
    return _named(_PROFILE_POINTER, faults, count)


def unknown_ids(faults: Sequence[Fault], ids: Sequence[str]) -> dict[str, str]:
    """Return ``{id: words}`` of the profiles that Klaviyo does not know, by a fault's pointer or the id in its words.

    Some pointers lead to ``/data/`` only: https://community.klaviyo.com/developer-group-64/unexpected-404-when-using-create-or-update-profiles-endpoint-11971
    Empty unless every fault names a profile: otherwise it is about the list.
    """
    by_pointer = _named(_MEMBER_POINTER, faults, len(ids))
    if by_pointer:
        return {ids[number]: fault.detail for number, fault in by_pointer.items()}
    named = [next((one for one in ids if one in fault.detail), None) for fault in faults]
    if None in named:
        return {}
    return {one: fault.detail for one, fault in zip(named, faults, strict=True) if one is not None}


def _named(pointer: re.Pattern[str], faults: Sequence[Fault], count: int) -> dict[int, Fault]:
    named: dict[int, Fault] = {}
    for fault in faults:
        match = pointer.match(fault.pointer or "")
        if match is None or int(match[1]) >= count:
            return {}
        named.setdefault(int(match[1]), fault)
    return named


def list_path(list_id: str, rest: str = "") -> str:
    """Return the path of a list."""
    return f"/api/lists/{path_part(list_id)}{rest}"


def unknown_list(list_id: str | None, error: KlaviyoNotFound) -> ListGone:
    """Return the error for an unknown list. It is retried, because a 404 can have other causes."""
    return ListGone(
        f"Klaviyo has no list {list_id} in this account; check upper and lower case",
        http_status=error.http_status,
        vendor_request_id=error.vendor_request_id,
        code="list_not_found",
    )
