"""Errors of pyarrow's file systems as connector errors. Their types are general, so the code in the text decides."""

from __future__ import annotations

from collections.abc import Sequence

from app.connectors.answers import printable
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    Throttled,
    TransientFailure,
)
from app.core.disk_reserve import is_full

_CREDENTIALS = {
    "ACCESS_DENIED": "the key may not write there",
    "INVALID_ACCESS_KEY_ID": "the access key does not exist",
    "INVALIDACCESSKEYID": "the access key does not exist",
    "SIGNATURE_DOES_NOT_MATCH": "the secret access key is wrong",
    "SIGNATUREDOESNOTMATCH": "the secret access key is wrong",
    "INVALID_SIGNATURE": "the secret access key is wrong",
    "EXPIRED_TOKEN": "the session has expired",
    "PERMISSION_DENIED": "the service account may not write there",
    "UNAUTHENTICATED": "the service account's token was refused",
    "FORBIDDEN": "the key may not write there",
}
_CONFIGURATION = {
    "NO_SUCH_BUCKET": "the bucket does not exist",
    "NOSUCHBUCKET": "the bucket does not exist",
    "BUCKET DOES NOT EXIST": "the bucket does not exist",
    "NOT_FOUND": "the bucket does not exist",
    "PERMANENTREDIRECT": "the bucket is in another region",
    "INVALIDBUCKETNAME": "the bucket's name is not valid",
}
_SLOW_DOWN = ("SLOW_DOWN", "SLOWDOWN", "TOO MANY REQUESTS", "RESOURCE_EXHAUSTED", "HTTP STATUS 429")


def as_connector_error(
    error: BaseException, where: str, secrets: Sequence[str] = ()
) -> ConnectorError:
    """Return the connector error for a failed write. ``where`` names the store; ``secrets`` (forms) are masked."""
    if isinstance(error, OSError) and is_full(error):
        return ConfigurationRejected(
            "the disk for export files is full; an operator must free space", code="disk_full"
        )
    text = str(error).upper()
    for word, meaning in _CREDENTIALS.items():
        if word in text:
            return AuthenticationRejected(f"{where}: {meaning}", code=word)
    for word, meaning in _CONFIGURATION.items():
        if word in text:
            return ConfigurationRejected(f"{where}: {meaning}", code=word)
    if isinstance(error, FileNotFoundError):
        return ConfigurationRejected(f"{where}: the bucket does not exist", code="NOT_FOUND")
    if any(word in text for word in _SLOW_DOWN):
        return Throttled(f"{where} is limiting requests; retried automatically")
    words = printable(str(error), 200, secrets)
    return TransientFailure(f"{where} failed: {words}", ambiguous=True)
