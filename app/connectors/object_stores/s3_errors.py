"""Errors of S3 as connector errors. See https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html."""

from __future__ import annotations

import httpx

from app.connectors.answers import said
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    Throttled,
    TransientFailure,
)
from app.connectors.object_stores.aws import tag
from app.connectors.object_stores.failures import Denied, named_failure, other_failure

_REGION = "the bucket is in another region"
_MEANINGS: dict[str, tuple[type[ConnectorError], str]] = {
    "AccessDenied": (Denied, "the key may not {verb} there"),
    "InvalidAccessKeyId": (AuthenticationRejected, "the access key does not exist"),
    "SignatureDoesNotMatch": (AuthenticationRejected, "the secret access key is wrong"),
    "ExpiredToken": (AuthenticationRejected, "the session has expired"),
    "InvalidToken": (AuthenticationRejected, "the session's token is not valid"),
    "RequestTimeTooSkewed": (TransientFailure, "the clock of this service differs from the store's"),
    "AllAccessDisabled": (AuthenticationRejected, "access to the bucket is disabled"),
    "AccountProblem": (AuthenticationRejected, "the account of the bucket has a problem"),
    "NoSuchBucket": (ConfigurationRejected, "the bucket does not exist"),
    "InvalidBucketName": (ConfigurationRejected, "the bucket's name is not valid"),
    "NotImplemented": (ConfigurationRejected, "the store does not know an operation that is needed"),
    "QuotaExceeded": (ConfigurationRejected, "the quota of the bucket is used up"),
    "PermanentRedirect": (ConfigurationRejected, _REGION),
    "AuthorizationHeaderMalformed": (ConfigurationRejected, _REGION),
    "IllegalLocationConstraintException": (ConfigurationRejected, _REGION),
    "SlowDown": (Throttled, "it is limiting requests; retried automatically"),
    "TooManyRequests": (Throttled, "it is limiting requests; retried automatically"),
    "RequestLimitExceeded": (Throttled, "it is limiting requests; retried automatically"),
    # Refused with a 4xx, but another try can succeed.
    "RequestTimeout": (TransientFailure, "the upload was too slow; retried automatically"),
    "BadDigest": (TransientFailure, "the bytes were changed on the way; retried automatically"),
    "XAmzContentSHA256Mismatch": (TransientFailure, "the bytes were changed on the way; retried automatically"),
    "IncompleteBody": (TransientFailure, "the upload was cut; retried automatically"),
    "OperationAborted": (TransientFailure, "another operation is running; retried automatically"),
    "NoSuchUpload": (TransientFailure, "the upload was aborted; retried automatically"),
    "InternalError": (TransientFailure, "it failed; retried automatically"),
}  # fmt: skip


def failure(response: httpx.Response, where: str, verb: str = "write") -> ConnectorError:
    """Return the error for a response of S3 that is no success. A redirect names its target. ``verb``: what the key may not do."""
    code = tag(response, "Code") or _code_of_status(response)
    kind, words = _MEANINGS.get(code, (None, ""))
    if kind is None:
        return other_failure(response, where)
    if words == _REGION:
        words += _other_region(response)
    return named_failure(kind, words.replace("{verb}", verb), code, response, where)


def _code_of_status(response: httpx.Response) -> str:
    """Return the code that a response without a body, to a HEAD, stands for."""
    if response.status_code == 403:
        return "AccessDenied"
    if response.status_code == 301 and "x-amz-bucket-region" in response.headers:
        return "PermanentRedirect"
    return ""


def _other_region(response: httpx.Response) -> str:
    """Return what a response says about the region: `` (eu-west-1; redirect to …)``."""
    region = response.headers.get("x-amz-bucket-region") or tag(response, "Region")
    target = response.headers.get("location") or tag(response, "Endpoint")
    parts = [said(region, 40, response)] if region else []
    if target:
        parts.append(f"it redirects to {said(target, 200, response)}; redirects are not followed")
    return f" ({'; '.join(parts)})" if parts else ""
