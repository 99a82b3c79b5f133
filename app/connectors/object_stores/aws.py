"""Keys of AWS, signatures of requests (SigV4), and roles that are assumed.

The library of AWS makes the signature only; the outbound client makes the calls, so that the address guard sees each of them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import httpx

from app.connectors.answers import said
from app.connectors.errors import AuthenticationRejected, ConfigurationRejected, Throttled
from app.connectors.object_stores.failures import other_failure
from app.core import clock

_ROLE_SECONDS = 3600
_EARLY = timedelta(minutes=5)  # keys are replaced so long before they end
_SESSION = "audience-activations"
# Codes of STS, with the status 400, for too many requests: https://repost.aws/knowledge-center/iam-sts-throttling-error
_LIMITS = ("Throttling", "ThrottlingException", "RequestLimitExceeded")


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs requests. ``token`` belongs to keys that end."""

    access_key: str
    secret_key: str
    token: str | None = None


class FixedKeys:
    """The keys of a user."""

    def __init__(self, access_key: str, secret_key: str) -> None:
        self._keys = Keys(access_key, secret_key)

    async def current(self) -> Keys:
        """Return the keys."""
        return self._keys


class RoleKeys:
    """The keys of a role, which the service assumes under its own identity, with the external id of the workspace.

    See https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        role_arn: str,
        external_id: str,
        region: str,
        endpoint: str | None = None,
    ) -> None:
        self._http = http
        self._body = {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": role_arn,
            "RoleSessionName": _SESSION,
            "ExternalId": external_id,
            "DurationSeconds": str(_ROLE_SECONDS),
        }
        self._external_id = external_id
        self._region = region
        self._endpoint = endpoint or f"https://sts.{region}.{domain_of(region)}/"
        self._keys: Keys | None = None
        self._end: datetime | None = None

    async def current(self) -> Keys:
        """Return keys that are valid for five minutes at least. Raises AuthenticationRejected if the role is refused."""
        if self._keys is None or self._end is None or clock.now() >= self._end - _EARLY:
            self._keys = await self._assumed()
            self._end = clock.now() + timedelta(seconds=_ROLE_SECONDS)
        return self._keys

    async def _assumed(self) -> Keys:
        own = await asyncio.to_thread(_own_keys)
        body = urlencode(self._body).encode()
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        signed = signed_headers("POST", self._endpoint, headers, own, self._region, body=body)
        response = await self._http.post(self._endpoint, content=body, headers=signed)
        code = tag(response, "Code") or f"HTTP {response.status_code}"
        if code in _LIMITS:
            words = "AWS STS is limiting requests; retried automatically"
            raise Throttled(words, http_status=response.status_code, code=code)
        if response.status_code in (400, 401, 403):
            raise AuthenticationRejected(
                f"the role cannot be assumed ({said(code, 64, response)}); its trust policy must name the identity of this "
                f"service and require the external id {self._external_id}",
                http_status=response.status_code,
                code=code,
            )
        if response.status_code != 200:
            raise other_failure(response, "AWS STS")
        keys = [tag(response, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
        if not all(keys):
            raise other_failure(response, "AWS STS")
        return Keys(*keys)  # type: ignore[arg-type]  # checked: none is missing


def domain_of(region: str) -> str:
    """Return the domain of the endpoints of a region."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def bucket_url(bucket: str, region: str, endpoint_url: str | None) -> str:
    """Return the URL of a bucket: by name at Amazon, by path at other stores and if the certificate does not fit the name."""
    if endpoint_url:
        return f"{endpoint_url.rstrip('/')}/{bucket}"
    if "." in bucket:
        return f"https://s3.{region}.{domain_of(region)}/{bucket}"
    return f"https://{bucket}.s3.{region}.{domain_of(region)}"


def _own_keys() -> Keys:
    """Read the identity of the service as the tools of AWS do: environment, shared files, instance or container."""
    from botocore.session import Session  # 100 ms, needed for roles only

    found = Session().get_credentials()
    if found is None:
        raise ConfigurationRejected(
            "this service has no AWS identity of its own that could assume a role; ask its operator, or use a key"
        )
    frozen = found.get_frozen_credentials()
    return Keys(frozen.access_key, frozen.secret_key, frozen.token)


def signed_headers(
    method: str,
    url: str,
    headers: Mapping[str, str],
    keys: Keys,
    region: str,
    *,
    body: bytes | None = None,
    sha256: str | None = None,
) -> dict[str, str]:
    """Return headers ``{name: value}`` with a signature of SigV4: for S3 if ``sha256`` of the body is given, otherwise for STS."""
    from botocore.auth import S3SigV4Auth, SigV4Auth  # 100 ms, needed for S3 only
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    held = Credentials(keys.access_key, keys.secret_key, keys.token)
    if sha256 is None:
        SigV4Auth(held, "sts", region).add_auth(request)
    else:
        signer: Any = S3SigV4Auth(held, "s3", region)
        signer.payload = _payload(sha256)
        signer.add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def _payload(sha256: str) -> Callable[[Any], str]:
    """Return what the signer asks for the checksum of a body: the body is streamed and was read before."""
    return lambda _request: sha256


def tag(response: httpx.Response, name: str) -> str | None:
    """Return the text of the first XML element of this name in a response, or None."""
    return text_of(name, response.text)


def text_of(name: str, xml: str) -> str | None:
    """Return the text of the first element of this name, or None."""
    match = re.search(rf"<{name}>([^<]*)</{name}>", xml)
    return unescape(match[1]) if match else None
