"""Settings of a Talon.One deployment and of one audience in it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from app.connectors.base import ConnectorSettings
from app.core.described import about


def checked_base_url(url: str) -> str:
    """Return the address of the deployment without a trailing slash. Raises ValueError with the fix."""
    text = url.strip().rstrip("/")
    parts = urlsplit(text)
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError(
            "must be the full URL with https://, such as https://mycompany.europe-west1.talon.one"
        )
    if parts.path or parts.query or "@" in parts.netloc:
        raise ValueError(
            "must be the deployment alone, without a path: https://mycompany.europe-west1.talon.one"
        )
    if host in ("integration.talon.one", "app.talon.one"):
        raise ValueError(f"{host} is shared by all; enter the address of your own deployment")
    if host.endswith(".talon.one"):
        if parts.scheme != "https":
            raise ValueError("must begin with https://")
    elif not _is_address(host):
        raise ValueError("must be a deployment of Talon.One, which ends in .talon.one")
    return text


def _is_address(host: str) -> bool:
    """Return whether a host is an address (the sandbox). The outbound guard decides whether it may be called."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def _without_prefix(prefix: str, other: str) -> AfterValidator:
    """Accept a key with its prefix, as pasted from examples."""

    def strip(secret: SecretStr) -> SecretStr:
        key = secret.get_secret_value().strip().removeprefix(f"{prefix} ").strip()
        if key.startswith(f"{other} "):
            raise ValueError(
                f"this is the other kind of key ({other}); a key of the kind {prefix} is needed"
            )
        if not key or not key.isascii() or " " in key:
            raise ValueError("must be a key as Talon.One shows it, without blanks")
        return SecretStr(key)

    return AfterValidator(strip)


class TalonOneSettings(ConnectorSettings):
    """One deployment. The optional management key lists audiences and reads members."""

    where_to: ClassVar[Sequence[str]] = ("base_url",)

    base_url: Annotated[
        str,
        AfterValidator(checked_base_url),
        about("Address of the deployment.", "https://yourcompany.europe-west1.talon.one"),
    ]
    api_key: Annotated[
        SecretStr,
        _without_prefix("ApiKey-v1", "ManagementKey-v1"),
        about(
            "Integration API key, without the word `ApiKey-v1`.",
            "7d793037a0760186574b0282f2f435e7d793037a0760186574b0282f2f435e7a",
        ),
    ]
    management_key: Annotated[
        Annotated[SecretStr, _without_prefix("ManagementKey-v1", "ApiKey-v1")] | None,
        about(
            "Management API key, without the word `ManagementKey-v1`. It lists audiences and reads members.",
            "2f435e7d793037a0760186574b0282f2f435e7a7d793037a0760186574b0282f",
        ),
    ] = None


class TalonOneConnectionSettings(BaseModel):
    """One audience: an existing audience. Without one, an audience is created."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    audience_id: Annotated[int, Field(gt=0)] | None = None
