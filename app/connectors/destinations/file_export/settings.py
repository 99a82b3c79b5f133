"""Settings of the file destinations. Options of a file are defaults for their connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from app.connectors.base import ConnectorSettings
from app.connectors.destinations.file_export.options import (
    FileOptions,
    checked_file_prefix,
    checked_prefix,
)
from app.connectors.object_stores.google_token import checked_service_account
from app.core.described import about

Bucket = Annotated[
    str, Field(min_length=3, max_length=222, pattern=r"^[a-z0-9][a-z0-9._-]*[a-z0-9]$")
]


#: Generated clients name the values by words: signs are no names.
_SIGNS: dict[str, Any] = {"x-enum-varnames": ["COMMA", "PIPE", "TAB", "SEMICOLON", "COLON"]}
Delimiter = Annotated[Literal[",", "|", "\t", ";", ":"], Field(json_schema_extra=_SIGNS)]


class _FileSettings(ConnectorSettings):
    """The options of a file: each unset, or the default of all connections."""

    format: Annotated[
        Literal["csv", "parquet"] | None, about("Format of the files. By default CSV.", "csv")
    ] = None
    contents: Annotated[
        Literal["delta", "snapshot"] | None,
        about(
            "`delta` (default): the changes, with an action column. `snapshot`: all members, each time.",
            "delta",
        ),
    ] = None
    delimiter: Annotated[
        Delimiter | None, about("Delimiter of CSV files. By default a comma.", ";")
    ] = None
    compression: Annotated[
        Literal["zstd", "snappy", "gzip", "none"] | None,
        about(
            "Of CSV: `none` (default) or `gzip`. Of Parquet: `zstd` (default), `snappy` or `none`.",
            "gzip",
        ),
    ] = None
    filename_prefix: Annotated[
        Annotated[str, AfterValidator(checked_file_prefix)] | None,
        about(
            "Beginning of the names of files: letters, digits, `_` and `-`, at most 100.", "shop_"
        ),
    ] = None
    prefix: Annotated[
        Annotated[str, AfterValidator(checked_prefix)] | None,
        about("Folder inside the bucket, at most 500 characters.", "exports/audiences/"),
    ] = None
    empty_delta: Annotated[
        Literal["file", "skip"] | None,
        about("Without changes: a `file` with a header only (default), or none (`skip`).", "skip"),
    ] = None
    formula_guard: Annotated[
        bool | None,
        about(
            "Whether `'` is put before CSV cells that a spreadsheet would run. By default on for downloads only.",
            True,
        ),
    ] = None
    byte_order_mark: Annotated[
        bool | None,
        about(
            "Whether a CSV file begins with a byte order mark, which some spreadsheets need. By default false.",
            False,
        ),
    ] = None

    def options(self, connection_settings: Mapping[str, Any]) -> FileOptions:
        """Return the options of one connection's files. pydantic raises ValidationError if they contradict each other."""
        defaults = {
            name: getattr(self, name)
            for name in FileOptions.model_fields
            if getattr(self, name) is not None
        }
        return FileOptions.model_validate({**defaults, **connection_settings})

    def unused_settings(self, connection_settings: Mapping[str, Any]) -> Mapping[str, str]:
        """Return the options of a connection that the files of its format or contents do not have."""
        options = self.options(connection_settings)
        return {
            name: reason
            for name, reason in options.unused().items()
            if connection_settings.get(name) is not None
        }

    @model_validator(mode="after")
    def _options_fit(self) -> _FileSettings:
        self.options({})
        return self


class DownloadSettings(_FileSettings):
    """Files that the service stores for download."""

    retention_days: Annotated[
        int, Field(ge=1, le=365), about("Days for which files and links are kept, 1 to 365.", 7)
    ] = 7


class S3Settings(_FileSettings):
    """A bucket of Amazon S3 or a compatible store, written with a key or a role.

    ``external_id`` is set by the service when it assumes the role; a stored one of a user is not used.
    """

    where_to: ClassVar[Sequence[str]] = ("endpoint_url",)
    own_identity: ClassVar[str | None] = "role_arn"

    bucket: Annotated[Bucket, about("Name of the bucket.", "shop-audiences")]
    region: Annotated[
        str | None,
        Field(pattern=r"^[a-z0-9-]{1,40}$"),
        about("Region of the bucket. By default the store's.", "eu-central-1"),
    ] = None
    access_key_id: Annotated[
        str | None,
        Field(max_length=200),
        about("Id of the access key. Needs `secret_access_key`.", "AKIAIOSFODNN7EXAMPLE"),
    ] = None
    secret_access_key: Annotated[
        SecretStr | None,
        about(
            "The access key. It needs `s3:PutObject`.", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
        ),
    ] = None
    role_arn: Annotated[
        str | None,
        Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$"),
        about(
            "AWS role that the service assumes instead of a key, if the operator permits it.",
            "arn:aws:iam::111122223333:role/activations",
        ),
    ] = None
    external_id: Annotated[
        SecretStr | None,
        about(
            "External id that the trust policy of the role must require. The service sets it.",
            "audience-activations-ws_0vK3mPzRkC4eT8wJ1xGbNa",
        ),
    ] = None
    endpoint_url: Annotated[
        str | None,
        Field(pattern=r"^https?://[^/@\s]+/?$"),
        about("Address of a compatible store. By default Amazon S3.", "https://minio.example.com"),
    ] = None

    @model_validator(mode="after")
    def _has_credentials(self) -> S3Settings:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key must be set together")
        if self.access_key_id is None and self.role_arn is None:
            raise ValueError("set access_key_id and secret_access_key, or role_arn")
        return self


class GCSSettings(_FileSettings):
    """A bucket of Google Cloud Storage. An emulator at ``endpoint_url`` needs no key."""

    where_to: ClassVar[Sequence[str]] = ("endpoint_url",)

    bucket: Annotated[Bucket, about("Name of the bucket.", "shop-audiences")]
    service_account_json: Annotated[
        Annotated[SecretStr, AfterValidator(checked_service_account)] | None,
        about(
            "JSON key file of a service account that may write to the bucket, as a text.",
            '{"type": "service_account", "client_email": "writer@shop.iam.gserviceaccount.com", "private_key": "…"}',
        ),
    ] = None
    endpoint_url: Annotated[
        str | None,
        Field(pattern=r"^https?://[^/@\s]+/?$"),
        about("Address of an emulator. By default Google Cloud Storage.", "http://127.0.0.1:4443"),
    ] = None

    @model_validator(mode="after")
    def _has_credentials(self) -> GCSSettings:
        if self.service_account_json is None and self.endpoint_url is None:
            raise ValueError("set service_account_json")
        return self
