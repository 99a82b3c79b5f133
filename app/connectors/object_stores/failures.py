"""Errors that all object stores share."""

from __future__ import annotations

import httpx

from app.connectors.answers import error_for_answer, request_id_of, said
from app.connectors.errors import (
    AuthenticationRejected,
    ConnectorError,
    PayloadRejected,
    Unconfirmed,
)

# Statuses with which an attempt may blame single changes; a file has no single changes.
_ABOUT_ROWS = (400, 413, 422)


class Denied(AuthenticationRejected):
    """The store refused an operation because the key has no permission for it."""


class Kept(Denied):
    """The store has an object of this name, and the key may not replace or delete it."""


def other_failure(response: httpx.Response, where: str) -> ConnectorError:
    """Return the error for a failed request that has no meaning of its own for a store."""
    error = error_for_answer(response, partner=where)
    if error is None:
        return unconfirmed_write(response, where)
    if isinstance(error, PayloadRejected) and error.http_status in _ABOUT_ROWS:
        error.http_status = None
    return error


def unconfirmed_write(response: httpx.Response, where: str, what: str = "") -> Unconfirmed:
    """Return the error for a success that does not confirm that the file was stored."""
    return Unconfirmed(
        f"{where} responded with HTTP {response.status_code}, but {what or 'the response confirms nothing'}",
        http_status=response.status_code,
        vendor_request_id=request_id_of(response),
        code="unconfirmed",
    )


def named_failure(
    kind: type[ConnectorError], words: str, code: str, response: httpx.Response, where: str
) -> ConnectorError:
    """Return an error for a code of the store, whose meaning is known."""
    return kind(
        f"{where}: {words}",
        http_status=response.status_code if response.status_code not in _ABOUT_ROWS else None,
        vendor_request_id=request_id_of(response),
        code=said(code, 64, response),
    )
