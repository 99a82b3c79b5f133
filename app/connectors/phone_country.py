"""The connection setting that names the country of phone numbers without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

from app.connectors.base import SettingField
from app.domain.phone_numbers import is_region

_NAME = "phone_country"

PHONE_COUNTRY_FIELD = SettingField(
    _NAME,
    "string",
    label="Country of phone numbers",
    description="Two letters (ISO 3166-1), such as DE: for numbers without + of members without a country.",
)


def _checked(value: str) -> str:
    country = value.strip().upper()
    if not is_region(country):
        raise ValueError("must be the two letters of a country (ISO 3166-1), such as DE")
    return country


def phone_country_of(connection_settings: Mapping[str, Any]) -> str | None:
    """Return the country that the settings of a connection name, in capital letters, or None."""
    value = connection_settings.get(_NAME)
    return value.strip().upper() if isinstance(value, str) else None


PhoneCountry = Annotated[str, AfterValidator(_checked)]
