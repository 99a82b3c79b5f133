"""Errors of Google Cloud Storage as connector errors. See https://cloud.google.com/storage/docs/json_api/v1/status-codes."""

from __future__ import annotations

from typing import Any

import httpx
import orjson

from app.connectors.answers import printable, said, secrets_of
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    Throttled,
    TransientFailure,
)
from app.connectors.object_stores.failures import Denied, Kept, named_failure, other_failure

# Parts of refusals to replace or delete an object: the role Storage Object Creator may only create objects, and nobody may
# replace what a retention policy or a hold keeps. See https://cloud.google.com/storage/docs/performing-resumable-uploads and
# https://cloud.google.com/storage/docs/bucket-lock.
_KEPT = ("storage.objects.delete", "cannot be deleted, overwritten")
_LIMITS = ("rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded")


def failure(response: httpx.Response, where: str, verb: str = "write") -> ConnectorError:
    """Return the error for a response of Google that is no success. A redirect names its target. ``verb``: what it may not do."""
    reason, words = _said(response)
    status = response.status_code
    kind: type[ConnectorError]
    if status == 401:
        kind, meaning = AuthenticationRejected, "the service account's token was refused"
    elif status == 429 or (status == 403 and reason in _LIMITS):
        kind, meaning = Throttled, "it is limiting requests; retried automatically"
    elif status == 403 and any(part in response.text for part in _KEPT):
        kind, meaning = Kept, f"the service account may not replace or delete a file there{words}"
    elif status == 403:
        kind, meaning = Denied, f"the service account may not {verb} there{words}"
    elif status == 404:
        kind, meaning = ConfigurationRejected, "the bucket does not exist"
    elif status in (409, 410, 412):
        kind, meaning = TransientFailure, "the upload was interrupted; retried automatically"
    else:
        return other_failure(response, where)
    return named_failure(kind, meaning, reason or f"HTTP_{status}", response, where)


def ended_upload(response: httpx.Response, where: str) -> ConnectorError:
    """Return the error for a response to a part of an upload: 404 says that Google does not know the upload any more."""
    if response.status_code != 404:
        return failure(response, where)
    words = "it does not know the upload any more; retried automatically"
    return named_failure(TransientFailure, words, "HTTP_404", response, where)


def sent_elsewhere(response: httpx.Response, where: str) -> ConnectorError:
    """Return the error for an upload that Google, or what pretends to be it, wants to have at another host."""
    target = said(response.headers.get("location", "").partition("?")[0], 200, response)
    words = f"it sends the upload to {target}; uploads to another host are not made"
    return named_failure(ConfigurationRejected, words, "redirected", response, where)


def _said(response: httpx.Response) -> tuple[str, str]:
    """Return reason and words of a response: ``{"error": {"message", "errors": [{"reason"}]}}``."""
    try:
        error: Any = orjson.loads(response.content)["error"]
        reason = str(error["errors"][0]["reason"])
        words = printable(str(error["message"]), 200, secrets_of(response))
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return "", ""
    return reason, f": {words}" if words else ""
