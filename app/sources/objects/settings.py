"""The settings of a file that a dataset is read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic.alias_generators import to_camel

from app.connectors.object_stores.google_token import checked_service_account
from app.connectors.urls import checked_callable, query_secrets, with_hidden_query
from app.domain.file_formats import FileFormat, format_of
from app.domain.file_options import misplaced_option, read_charset, read_delimiter
from app.sources.objects.names import Address, read_address


def _address(url: str) -> str:
    read_address(url)
    return url


def _header(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if not value.isascii() or not value.isprintable():
        raise ValueError("must be ASCII without line breaks, such as Bearer …")
    return secret


def _delimiter(text: str) -> str:
    read_delimiter(text)
    return text


def _charset(name: str) -> str:
    read_charset(name)
    return name


FileUrl = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_address)]
MaxAge = Annotated[int, Field(ge=1, le=8760)]
Region = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
KeyId = Annotated[str, Field(min_length=1, max_length=200)]
SecretKey = Annotated[SecretStr, Field(min_length=1, max_length=1024)]
RoleArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$", max_length=2048)]
ServiceAccount = Annotated[SecretStr, AfterValidator(checked_service_account)]
Authorization = Annotated[SecretStr, Field(min_length=1, max_length=8192), AfterValidator(_header)]
Endpoint = Annotated[
    str,
    Field(pattern=r"^https?://[^/@?#\s]+/?$", max_length=2048),
    AfterValidator(checked_callable),
]
Delimiter = Annotated[str, Field(min_length=1, max_length=20), AfterValidator(_delimiter)]
Charset = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_charset)]

#: The fields that hold secrets.
SECRETS = ("secret_access_key", "service_account_json", "authorization")
_ONLY_FOR: Mapping[str, Sequence[str]] = {
    "region": ("s3",),
    "access_key_id": ("s3",),
    "secret_access_key": ("s3",),
    "role_arn": ("s3",),
    "endpoint_url": ("s3", "gs"),
    "service_account_json": ("gs",),
    "authorization": ("https",),
}


class ObjectSource(BaseModel):
    """A file, or a pattern of which the newest file is read, and how it is read. ``url`` may hold a secret in its parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: FileUrl
    format: FileFormat | None = None
    delimiter: Delimiter | None = None
    charset: Charset | None = None
    max_age_hours: MaxAge | None = None
    allow_breaking: bool = False
    region: Region | None = None
    access_key_id: KeyId | None = None
    secret_access_key: SecretKey | None = None
    role_arn: RoleArn | None = None
    endpoint_url: Endpoint | None = None
    service_account_json: ServiceAccount | None = None
    authorization: Authorization | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        scheme = self.address.scheme
        for name, schemes in _ONLY_FOR.items():
            if getattr(self, name) is not None and scheme not in schemes:
                fits = " and ".join(f"{one}://" for one in schemes)
                raise ValueError(
                    f"{to_camel(name)} is for {fits} only; leave it out, or set it to null"
                )
        if self.file_format is None:
            raise ValueError(
                "format is required, because the name of the file ends with no known format: csv, ndjson or parquet"
            )
        misplaced = misplaced_option(self.file_format, self.delimiter, self.charset)
        if misplaced is not None:
            raise ValueError(f"{misplaced.field} {misplaced.message}, or set it to null")
        self._check_credentials(scheme)
        return self

    def _check_credentials(self, scheme: str) -> None:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("accessKeyId and secretAccessKey must be set together")
        if scheme == "s3" and (self.access_key_id is None) == (self.role_arn is None):
            raise ValueError(
                "set accessKeyId and secretAccessKey, or roleArn; the files of a public bucket are read by their https:// address"
            )
        if scheme == "gs" and self.service_account_json is None and self.endpoint_url is None:
            raise ValueError(
                "set serviceAccountJson; the files of a public bucket are read by their https:// address"
            )

    @classmethod
    def from_stored(cls, fields: Mapping[str, Any]) -> ObjectSource:
        """Create a source from stored fields without validating them again."""
        hidden = {name: SecretStr(fields[name]) for name in SECRETS if fields.get(name) is not None}
        return cls.model_construct(**{**fields, **hidden})

    def plain(self) -> dict[str, Any]:
        """Return ``{field: value}`` with the secrets in plain text, to encrypt them."""
        shown = {name: getattr(self, name) for name in SECRETS}
        return {
            **self.model_dump(),
            **{name: value and value.get_secret_value() for name, value in shown.items()},
        }

    @property
    def address(self) -> Address:
        """Where the file is."""
        return read_address(self.url)

    @property
    def file_format(self) -> FileFormat | None:
        """The format: the given one, or that of the name's ending."""
        return self.format or format_of(self.address.name)

    @property
    def target(self) -> tuple[str, str]:
        """What decides where the secrets are sent: a change requires them to be entered again."""
        address = self.address
        return address.scheme, address.place if address.scheme == "https" else (
            self.endpoint_url or ""
        )

    @property
    def secrets(self) -> Sequence[str]:
        """The secrets in plain text, with the values of the URL's parameters."""
        values = [value for name, value in self.plain().items() if name in SECRETS and value]
        if self.address.scheme == "https":
            values += query_secrets(self.url)
        return list(dict.fromkeys(values))

    @property
    def shown_url(self) -> str:
        """The URL; the values of its parameters are masked."""
        return with_hidden_query(self.url) if self.address.scheme == "https" else self.url
