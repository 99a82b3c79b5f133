"""Access tokens of a Google service account: a signed JWT is exchanged for a token.

See https://developers.google.com/identity/protocols/oauth2/service-account#httprest.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import SecretStr

from app.connectors.answers import raise_for_answer, unconfirmed
from app.connectors.errors import AuthenticationRejected, ConfigurationRejected, TransientFailure
from app.connectors.urls import checked_callable
from app.core import clock

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
WRITING = "https://www.googleapis.com/auth/devstorage.read_write"
READING = "https://www.googleapis.com/auth/devstorage.read_only"
LIFETIME = timedelta(hours=1)
EARLY = timedelta(minutes=5)
# Errors of Google's own, with any status: https://github.com/googleapis/google-auth-library-python/pull/368
_PASSING = ("internal_failure", "server_error", "temporarily_unavailable")


class ServiceAccountTokens:
    """Tokens of a service account, fetched again before they end: a large upload can take longer than an hour."""

    def __init__(
        self, http: httpx.AsyncClient, service_account_json: str, scope: str = WRITING
    ) -> None:
        self._http = http
        self._scope = scope
        self._key = service_account_json
        self._token = ""
        self._ends: datetime | None = None

    async def current(self) -> str:
        """Return a token that is valid for five minutes at least. Raises AuthenticationRejected if Google refuses the key."""
        if self._ends is None or clock.now() >= self._ends - EARLY:
            self._token, self._ends = await fetch_token(
                self._http, self._key, clock.now(), self._scope
            )
        return self._token


class NoTokens:
    """For an emulator without accounts."""

    async def current(self) -> None:
        """Return None."""


async def fetch_token(
    http: httpx.AsyncClient, service_account_json: str, now: datetime, scope: str = WRITING
) -> tuple[str, datetime]:
    """Fetch a token. Returns it with its expiry.

    Raises AuthenticationRejected if Google refuses the key, and TransientFailure if it could not make a token.
    """
    key = json.loads(service_account_json)
    body = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": signed_statement(key, now, scope),
    }
    response = await http.post(key.get("token_uri") or TOKEN_URL, data=body)
    if _error_of(response) in _PASSING:
        raise TransientFailure(
            "Google could not make a token; retried automatically",
            http_status=response.status_code,
        )
    if response.status_code in (400, 401, 403):
        raise AuthenticationRejected(
            "Google refused the service account: the key is wrong, deleted or disabled",
            http_status=response.status_code,
        )
    raise_for_answer(response, partner="Google")
    try:
        answer = orjson.loads(response.content)
        token, seconds = answer["access_token"], int(answer.get("expires_in", 3600))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise unconfirmed(response, "Google") from None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise unconfirmed(response, "Google")
    return token, now + timedelta(seconds=seconds)


def _error_of(response: httpx.Response) -> str | None:
    """Return the code of an OAuth error: ``{"error": "invalid_grant"}``."""
    try:
        found = orjson.loads(response.content)["error"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None


def checked_service_account(secret: SecretStr) -> SecretStr:
    """Return the key file of a Google service account. Raises ValueError if it is not one."""
    try:
        key = json.loads(secret.get_secret_value())
    except ValueError:
        key = None
    if not isinstance(key, dict):
        raise ValueError("must be the JSON key file of a service account")
    if key.get("type") != "service_account":
        raise ValueError("must be the key of a service account: its type is not service_account")
    missing = [
        name for name in ("client_email", "private_key") if not isinstance(key.get(name), str)
    ]
    if missing:
        raise ValueError(f"the service account's key has no {' and no '.join(missing)}")
    token_uri = key.get("token_uri")
    if token_uri is not None and not (isinstance(token_uri, str) and _is_address(token_uri)):
        raise ValueError("the service account's token_uri must be a URL such as " + TOKEN_URL)
    return secret


def _is_address(url: str) -> bool:
    parts = urlsplit(url)
    try:
        return (
            parts.scheme in ("https", "http")
            and "@" not in parts.netloc
            and bool(checked_callable(url))
        )
    except ValueError:
        return False


def signed_statement(key: dict[str, Any], now: datetime, scope: str) -> str:
    """Return the JSON Web Token (RS256) of the request. Raises ConfigurationRejected if the key is not an RSA key."""
    try:
        private = serialization.load_pem_private_key(key["private_key"].encode(), password=None)
    except (ValueError, TypeError) as error:
        raise ConfigurationRejected("the service account's private key cannot be read") from error
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ConfigurationRejected("the service account's private key is not an RSA key")
    issued = int(now.timestamp())
    head = {"alg": "RS256", "typ": "JWT", "kid": key.get("private_key_id", "")}
    claims = {
        "iss": key["client_email"],
        "scope": scope,
        "aud": key.get("token_uri") or TOKEN_URL,
        "iat": issued,
        "exp": issued + int(LIFETIME.total_seconds()),
    }
    signed = b".".join(_encoded(orjson.dumps(part)) for part in (head, claims))
    signature = private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return (signed + b"." + _encoded(signature)).decode()


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
