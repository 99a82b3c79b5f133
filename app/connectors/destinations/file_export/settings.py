"""Settings of the file destinations. Options of a file are defaults for their connections."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from app.connectors.base import ConnectorSettings
from app.connectors.destinations.file_export.google_token import TOKEN_URL
from app.connectors.destinations.file_export.options import (
    FileOptions,
    checked_file_prefix,
    checked_prefix,
)
from app.connectors.urls import checked_callable

Bucket = Annotated[
    str, Field(min_length=3, max_length=222, pattern=r"^[a-z0-9][a-z0-9._-]*[a-z0-9]$")
]


class _FileSettings(ConnectorSettings):
    """The options of a file: each unset, or the default of all connections."""

    format: Literal["csv", "parquet"] | None = None
    contents: Literal["delta", "snapshot"] | None = None
    delimiter: Literal[",", "|", "\t", ";", ":"] | None = None
    compression: Literal["zstd", "snappy", "gzip", "none"] | None = None
    filename_prefix: Annotated[str, AfterValidator(checked_file_prefix)] | None = None
    prefix: Annotated[str, AfterValidator(checked_prefix)] | None = None
    empty_delta: Literal["file", "skip"] | None = None
    formula_guard: bool | None = None
    byte_order_mark: bool | None = None

    def options(self, connection_settings: Mapping[str, Any]) -> FileOptions:
        """Return the options of one connection's files. pydantic raises ValidationError if they contradict each other."""
        defaults = {
            name: getattr(self, name)
            for name in FileOptions.model_fields
            if getattr(self, name) is not None
        }
        return FileOptions.model_validate({**defaults, **connection_settings})

    @model_validator(mode="after")
    def _options_fit(self) -> _FileSettings:
        self.options({})
        return self


class DownloadSettings(_FileSettings):
    """Files that the service stores for download."""

    retention_days: int = Field(default=7, ge=1, le=365)


class S3Settings(_FileSettings):
    """A bucket of Amazon S3 or a compatible store, written with a key or a role.

    ``external_id`` is set by the service when it assumes the role; a stored one of a user is not used.
    """

    where_to: ClassVar[Sequence[str]] = ("endpoint_url",)
    own_identity: ClassVar[str | None] = "role_arn"

    bucket: Bucket
    region: str | None = Field(default=None, pattern=r"^[a-z0-9-]{1,40}$")
    access_key_id: str | None = Field(default=None, max_length=200)
    secret_access_key: SecretStr | None = None
    role_arn: str | None = Field(default=None, pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")
    external_id: SecretStr | None = None
    endpoint_url: str | None = Field(default=None, pattern=r"^https?://[^/@\s]+/?$")

    @model_validator(mode="after")
    def _has_credentials(self) -> S3Settings:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key must be set together")
        if self.access_key_id is None and self.role_arn is None:
            raise ValueError("set access_key_id and secret_access_key, or role_arn")
        return self


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


class GCSSettings(_FileSettings):
    """A bucket of Google Cloud Storage. An emulator at ``endpoint_url`` needs no key."""

    where_to: ClassVar[Sequence[str]] = ("endpoint_url",)

    bucket: Bucket
    service_account_json: Annotated[SecretStr, AfterValidator(checked_service_account)] | None = (
        None
    )
    endpoint_url: str | None = Field(default=None, pattern=r"^https?://[^/@\s]+/?$")

    @model_validator(mode="after")
    def _has_credentials(self) -> GCSSettings:
        if self.service_account_json is None and self.endpoint_url is None:
            raise ValueError("set service_account_json")
        return self
