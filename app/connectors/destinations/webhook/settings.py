"""Settings of a webhook: the URL, the signature, and the size of messages."""

from __future__ import annotations

import base64
import binascii
import functools
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from app.connectors.base import ConnectorSettings
from app.connectors.urls import checked_callable
from app.core.described import about

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix, not a secret
SECRET_BYTES = 32
OVERLAP = timedelta(hours=24)  # after a rotation the old secret still signs
MAX_ROWS = 10_000

_OWN_HEADERS = frozenset(
    {"content-type", "content-length", "host", "connection", "transfer-encoding"}
    | {"expect", "trailer", "upgrade"}  # each changes how the connection is used
)
_RESERVED_EXTRAS = frozenset({"type", "timestamp", "data"})


@functools.lru_cache(maxsize=256)
def checked_url(url: str) -> str:
    """Return the URL if it is valid. Raises ValueError with the fix."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("must be a full URL such as https://hooks.example.com/audiences")
    if "@" in parts.netloc:
        raise ValueError("must not contain a user name or password; use the headers setting")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("must be written in ASCII, percent-encoded where needed")
    return checked_callable(url)


def same_server(url: str, other: str) -> bool:
    """Return whether two URLs have one scheme, host and port. Raises ValueError for an invalid port."""
    return _server(url) == _server(other)


@functools.lru_cache(maxsize=256)
def _server(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return ``{name: value}`` of allowed headers. Raises ValueError with the name of a header that is not allowed."""
    for name, value in headers.items():
        lower = name.lower().replace("_", "-")  # many receivers read both as one name
        if lower in _OWN_HEADERS or lower.startswith("webhook-"):
            raise ValueError(f"the header {name} is set by the service")
        if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"{name!r} is not a header name")
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"the header {name} must contain printable ASCII only")
    return dict(headers)


def signing_key(secret: str) -> bytes:
    """Return the bytes of a secret: ``whsec_`` and the base64 of 24 to 64 bytes. Raises ValueError otherwise."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError(
            "must be whsec_ and the base64 of 24 to 64 random bytes; leave it out to generate one"
        )
    return key


def _checked_secret(secret: SecretStr) -> SecretStr:
    signing_key(secret.get_secret_value())
    return secret


Url = Annotated[str, Field(max_length=2048), AfterValidator(checked_url)]
Headers = Annotated[dict[str, str], Field(max_length=32), AfterValidator(checked_headers)]
Secret = Annotated[SecretStr, AfterValidator(_checked_secret)]
Rows = Annotated[int, Field(ge=0, le=MAX_ROWS)]  # 0 and 1: one by one
Method = Literal["POST", "PUT", "PATCH"]


class WebhookSettings(ConnectorSettings):
    """One receiver. ``previous_secret`` also signs until it expires."""

    where_to: ClassVar[Sequence[str]] = ("url",)
    sent_there: ClassVar[Sequence[str] | None] = ("headers",)  # the secrets only sign
    write_only: ClassVar[Sequence[str]] = ("headers",)
    hidden_queries: ClassVar[Sequence[str]] = ("url",)

    url: Annotated[
        Url,
        about(
            "Address that receives the messages, at most 2048 characters. Values in its query are shown as `<hidden>`.",
            "https://hooks.example.com/audiences",
        ),
    ]
    secret: Annotated[
        Secret,
        about(
            "Secret that signs the messages: `whsec_` and the base64 of 24 to 64 bytes. Without one, or with null, the service "
            "generates it, and shows it once.",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwqKxNn7fBd0Y=",
        ),
    ]
    previous_secret: Annotated[
        Secret | None,
        about(
            "The secret before the last change. It signs, too, until it expires.",
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDZ0Lb6rW1G3M=",
        ),
    ] = None
    previous_secret_expires_at: Annotated[
        AwareDatetime | None,
        about(
            "Time at which the previous secret expires: 24 hours after the change.",
            "2026-02-01T12:00:00+00:00",
        ),
    ] = None
    method: Annotated[Method, about("HTTP method of the messages.", "POST")] = "POST"
    headers: Annotated[
        Headers,
        about(
            "Further headers, at most 32, for example an authorization. Their values are never shown.",
            {"Authorization": "Bearer c2VjcmV0"},
        ),
    ] = Field(default_factory=dict)
    batch_size: Annotated[
        Rows, about("Number of changes in one message, up to 10000. 0 and 1: one by one.", 100)
    ] = 100
    form: Annotated[
        Literal["batch", "single"],
        about("`batch`: a message lists its changes. `single`: a message is one change.", "batch"),
    ] = "batch"

    def keys_at(self, moment: datetime) -> list[bytes]:
        """Return the keys that sign at this time, the current key first."""
        keys = [signing_key(self.secret.get_secret_value())]
        expires = self.previous_secret_expires_at
        if self.previous_secret is not None and (expires is None or moment < expires):
            keys.append(signing_key(self.previous_secret.get_secret_value()))
        return keys


class WebhookConnectionSettings(BaseModel):
    """``extras`` are merged into every message."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    extras: dict[str, Any] = Field(default_factory=dict)

    def model_post_init(self, context: Any) -> None:
        """Check the names of extras. Raises ValueError for a name that the message already uses."""
        taken = sorted(_RESERVED_EXTRAS & self.extras.keys())
        if taken:
            raise ValueError(
                f"extras must not contain {', '.join(taken)}: the message already has it"
            )


def new_secret() -> str:
    """Generate a signing secret."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def complete(
    settings: Mapping[str, Any], previous: Mapping[str, Any] | None, now: datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Complete settings with a secret.

    Without the key ``secret``, the stored secret stays. Null, or no stored secret, generates one. A replaced secret stays
    valid for 24 hours as ``previous_secret``.

    Returns:
        Two dictionaries ``{setting: value}``: the settings to store, and the generated secret to show once.
    """
    done = dict(settings)
    shown: dict[str, Any] = {}
    old = (previous or {}).get("secret")
    if "secret" not in done and old is not None:
        done["secret"] = old
    if done.get("secret") is None:
        done["secret"] = shown["secret"] = new_secret()
    if old is not None and done["secret"] != old:
        done["previous_secret"] = old
        done["previous_secret_expires_at"] = (now + OVERLAP).isoformat()
    return done, shown
