"""Maps HTTP responses to connector errors.

A destination handles its special cases first and leaves the rest to ``raise_for_answer``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from app.connectors.bodies import unread
from app.connectors.echoes import secrets_sent, shown_url, without_secrets
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    PayloadRejected,
    Redirected,
    Throttled,
    TransientFailure,
    Unconfirmed,
)
from app.connectors.messages import Response
from app.core.redaction import mask_patterns

LONGEST_WAIT = timedelta(hours=1)
_REQUEST_ID_HEADERS = (
    "x-request-id",
    "request-id",
    "x-correlation-id",
    "cf-ray",
    "x-amzn-requestid",
)
_FOR_NOW = (302, 303, 307)
_MAYBE_APPLIED = (302, 303)  # some servers respond so after they have processed a POST
_QUOTED = 300  # characters of a partner's response that a message quotes


def raise_for_answer(response: Response, *, partner: str = "the receiver") -> None:
    """Return for a 2xx; otherwise raise the error for the status.

    ========================  =============================================================
    302, 303, 307             Redirected: never followed, tried again
    other 3xx                 Redirected, permanent: an error if it stays so for ten minutes
    401, 403                  AuthenticationRejected
    410                       ConfigurationRejected: the receiver wants no more messages
    429, 503 + Retry-After    Throttled: refused before processing
    408, 425                  TransientFailure, ambiguous
    5xx                       TransientFailure, ambiguous
    other 4xx                 PayloadRejected: three tries, no member is rejected
    ========================  =============================================================
    """
    error = error_for_answer(response, partner=partner)
    if error is not None:
        raise error


def error_for_answer(
    response: Response, *, partner: str = "the receiver", now: datetime | None = None
) -> ConnectorError | None:
    """Return the error that ``raise_for_answer`` would raise. ``now`` is the base of a Retry-After that is a date."""
    status = response.status_code
    if 200 <= status < 300:
        return None
    wait = retry_after(response, now=now)
    request_id = request_id_of(response)
    if status == 429 or (status == 503 and wait is not None):
        return Throttled(
            f"{partner} is limiting requests (HTTP {status}); retried automatically",
            retry_after=wait,
            http_status=status,
            vendor_request_id=request_id,
        )
    if status >= 500 or status in (408, 425):
        return TransientFailure(
            f"{partner} failed with HTTP {status}{quoted(response)}; retried automatically",
            ambiguous=True,
            retry_after=wait,
            http_status=status,
            vendor_request_id=request_id,
        )
    if status < 400:
        return _redirected(response, partner)
    kind, message = _lasting(status, partner)
    return kind(message + quoted(response), http_status=status, vendor_request_id=request_id)


def _redirected(response: Response, partner: str) -> Redirected:
    status = response.status_code
    target = _target(response)
    where = f" to {target}" if target else " without a target"
    permanent = status not in _FOR_NOW
    what = (
        "update the URL" if permanent else "retried automatically; if it stays so, update the URL"
    )
    error = Redirected(
        f"{partner} returned HTTP {status}, a redirect{where}; redirects are not followed: {what}",
        ambiguous=status in _MAYBE_APPLIED,
        retry_after=retry_after(response),
        http_status=status,
        vendor_request_id=request_id_of(response),
    )
    error.permanent = permanent
    return error


def _target(response: Response) -> str:
    """Return the target of a redirect, with its parameters masked."""
    location = response.headers.get("location", "").strip()
    try:
        shown = shown_url(httpx.URL(location), secrets_of(response))
    except (httpx.InvalidURL, ValueError, UnicodeError):
        shown = location
    return said(shown, 200, response)


def unconfirmed(response: Response, partner: str, advice: str = "") -> Unconfirmed:
    """Return the error for a response with a success status that confirms nothing. It quotes the partner.

    ``advice`` says what to do, if the cause is known.
    """
    why = unread(response)
    if why is None:
        why = "its body is empty" if not response.content else "its body is not the expected one"
    end = f"; {advice}" if advice else ""
    return Unconfirmed(
        f"{partner} responded with HTTP {response.status_code}, but {why}{quoted(response)}, so nothing is confirmed{end}",
        http_status=response.status_code,
        vendor_request_id=request_id_of(response),
        code="unconfirmed",
    )


def _lasting(status: int, partner: str) -> tuple[type[ConnectorError], str]:
    if status in (401, 403):
        return AuthenticationRejected, f"{partner} refused the credentials (HTTP {status})"
    if status == 410:
        return ConfigurationRejected, f"{partner} returned HTTP 410: it wants no more messages"
    return PayloadRejected, f"{partner} refused the request with HTTP {status}"


def retry_after(response: Response, *, now: datetime | None = None) -> timedelta | None:
    """Return the wait of Retry-After (seconds or an HTTP date), at most an hour; None without it."""
    text = response.headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = _seconds_until(text, now or datetime.now(UTC))
    if seconds != seconds:  # "nan" and dates that cannot be read
        return None
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_WAIT.total_seconds()))


def _seconds_until(date: str, now: datetime) -> float:
    moment = moment_of(date)
    return float("nan") if moment is None else (moment - now).total_seconds()


def moment_of(date: str) -> datetime | None:
    """Parse an HTTP date. Returns None if it cannot be read."""
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def request_id_of(response: Response) -> str | None:
    """Return the partner's id of this request, cut to 128 printable characters."""
    for name in _REQUEST_ID_HEADERS:
        value = response.headers.get(name)
        if value:
            return said(value, 128, response)
    return None


def quoted(response: Response) -> str:
    """Return the start of a textual response as `: "…"`, to append to a message; empty for HTML and binary bodies."""
    kind = response.headers.get("content-type", "")
    if "json" not in kind and not kind.startswith("text/plain"):
        return ""
    text = said(response.text, _QUOTED, response)
    return f': "{text}"' if text else ""


def said(text: str, length: int, response: Response) -> str:
    """Return ``printable`` text of a response, without the secrets of the account."""
    return printable(text, length, secrets_of(response))


def secrets_of(response: Response) -> Sequence[str]:
    """Return what ``printable`` must mask in a response. Compute it once if many texts of it are shown."""
    try:
        return secrets_sent(response.request)
    except RuntimeError:  # a response of httpx without a request
        return ()


def printable(text: str, length: int, forms: Sequence[str] = ()) -> str:
    """Clean a partner's text for messages and logs: mask secrets (``forms_of``), remove control characters, cut."""
    begin = mask_patterns(without_secrets(text, forms, length * 2)[0])[: length * 2]
    cleaned = "".join(letter if letter.isprintable() else " " for letter in begin)
    return " ".join(cleaned.split())[:length]
