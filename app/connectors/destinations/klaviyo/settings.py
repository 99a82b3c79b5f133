"""Settings of a Klaviyo account and of one audience in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, SecretStr

from app.connectors.base import ConnectorSettings
from app.connectors.phone_country import PhoneCountry
from app.core.described import about

BASE_URL = "https://a.klaviyo.com"
_LIST_ID = re.compile(r"[A-Za-z0-9]{6}")


def _checked_key(secret: SecretStr) -> SecretStr:
    key = secret.get_secret_value()
    if re.fullmatch(r"[A-Za-z0-9]{6}", key):
        raise ValueError(
            "this is the public key (site id); a private key is needed, it begins with pk_"
        )
    if not key.startswith("pk_") or not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError(
            "must be a private key, which begins with pk_; create one with read and write access to Lists and Profiles"
        )
    return secret


def checked_list_id(list_id: str) -> str:
    """Return a valid list id, unchanged because case matters. Raises ValueError otherwise."""
    if not _LIST_ID.fullmatch(list_id):
        raise ValueError(
            "must be exactly 6 letters and digits, upper and lower case as in the list's URL in Klaviyo"
        )
    return list_id


def checked_base_url(url: str) -> str:
    """Return the address of the API without a trailing slash. Raises ValueError if it is not valid."""
    if not re.fullmatch(r"https?://[^/@\s]+/?", url):
        raise ValueError("must be an address such as https://a.klaviyo.com")
    return url.rstrip("/")


ListId = Annotated[str, AfterValidator(checked_list_id)]


class KlaviyoSettings(ConnectorSettings):
    """One account. ``base_url`` is for the sandbox."""

    where_to: ClassVar[Sequence[str]] = ("base_url",)

    api_key: Annotated[
        SecretStr,
        AfterValidator(_checked_key),
        about(
            "Private key with read and write access to Lists and Profiles. It begins with `pk_`.",
            "pk_6f1d2c3b4a5968778695a4b3c2d1e0f9a8",
        ),
    ]
    base_url: Annotated[
        str,
        AfterValidator(checked_base_url),
        about("Address of the API. Only for tests with an emulator.", BASE_URL),
    ] = BASE_URL


class KlaviyoConnectionSettings(BaseModel):
    """One audience: an existing list. Without one, a list is created."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    phone_country: PhoneCountry | None = None
    list_id: ListId | None = Field(default=None, validation_alias=AliasChoices("list_id", "listId"))
