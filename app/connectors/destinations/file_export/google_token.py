"""Access tokens of a Google service account: a signed JWT is exchanged for a token.

See https://developers.google.com/identity/protocols/oauth2/service-account#httprest.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from app.connectors.answers import raise_for_answer
from app.connectors.errors import AuthenticationRejected, ConfigurationRejected

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
LIFETIME = timedelta(hours=1)


async def fetch_token(
    http: httpx.AsyncClient, service_account_json: str, now: datetime
) -> tuple[str, datetime]:
    """Fetch a token. Returns it with its expiry. Raises AuthenticationRejected if Google refuses the key."""
    key = json.loads(service_account_json)
    body = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": signed_statement(key, now),
    }
    response = await http.post(key.get("token_uri") or TOKEN_URL, data=body)
    if response.status_code in (400, 401, 403):
        raise AuthenticationRejected(
            "Google refused the service account: the key is wrong, deleted or disabled",
            http_status=response.status_code,
        )
    raise_for_answer(response, partner="Google")
    answer = orjson.loads(response.content)
    return answer["access_token"], now + timedelta(seconds=int(answer.get("expires_in", 3600)))


def signed_statement(key: dict[str, Any], now: datetime) -> str:
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
        "scope": SCOPE,
        "aud": key.get("token_uri") or TOKEN_URL,
        "iat": issued,
        "exp": issued + int(LIFETIME.total_seconds()),
    }
    signed = b".".join(_encoded(orjson.dumps(part)) for part in (head, claims))
    signature = private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return (signed + b"." + _encoded(signature)).decode()


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
