"""Settings of a Braze workspace and of one audience in it."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Sequence
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from app.connectors.base import ConnectorSettings
from app.connectors.phone_country import PhoneCountry
from app.core.described import about

DEFAULT_ROWS = 50  # valid under every contract
MOST_ROWS = 75  # https://www.braze.com/docs/api/endpoints/user_data/post_user_track/
# https://www.braze.com/docs/api/endpoints/subscription_groups/post_update_user_subscription_group_status_v2/
GROUP_ROWS = 50

#: Instance → REST endpoint. Instances are added, so any `rest.*` host of Braze is accepted.
ENDPOINTS = {
    **{f"US-0{n}": f"https://rest.iad-0{n}.braze.com" for n in range(1, 9)},
    "US-09": "https://rest.us-09.braze.com",
    "US-10": "https://rest.us-10.braze.com",
    "EU-01": "https://rest.fra-01.braze.eu",
    "EU-02": "https://rest.fra-02.braze.eu",
    "AU-01": "https://rest.au-01.braze.com",
    "ID-01": "https://rest.id-01.braze.com",
    "JP-01": "https://rest.jp-01.braze.com",
}
_BRAZE_HOST = re.compile(r"rest\.[a-z0-9.-]+\.braze\.(com|eu)")
_DASHBOARD = re.compile(r"dashboard-(\d\d)\.braze\.(com|eu)")
_OWN_FIELDS = frozenset(
    {
        "country",
        "current_location",
        "date_of_first_session",
        "date_of_last_session",
        "dob",
        "email",
        "email_subscribe",
        "external_id",
        "first_name",
        "gender",
        "home_city",
        "image_url",
        "language",
        "last_name",
        "phone",
        "push_subscribe",
        "time_zone",
        "user_alias",
        "braze_id",
        "subscription_groups",
    }
)


def checked_endpoint(url: str) -> str:
    """Return the REST endpoint without a trailing slash. Raises ValueError with the fix."""
    text = url.strip().rstrip("/")
    parts = urlsplit(text)
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError(
            "must be the full URL with https://, such as https://rest.iad-01.braze.com"
        )
    dashboard = _DASHBOARD.fullmatch(host)
    if dashboard:
        raise ValueError(
            f"{host} is the dashboard; the REST endpoint of that instance is {_rest_of(dashboard[1], dashboard[2])}"
        )
    if parts.path or parts.query or "@" in parts.netloc:
        raise ValueError(
            "must be the endpoint alone, without a path: https://rest.iad-01.braze.com"
        )
    if _BRAZE_HOST.fullmatch(host):
        if parts.scheme != "https" or parts.port not in (None, 443):
            raise ValueError("must begin with https:// and have no port")
    elif not _is_address(host):
        raise ValueError(
            "must be a REST endpoint of Braze such as https://rest.iad-01.braze.com or https://rest.fra-01.braze.eu; "
            "the dashboard shows yours under APIs and Identifiers"
        )
    return text


def _rest_of(number: str, domain: str) -> str:
    known = ENDPOINTS.get(f"{'EU' if domain == 'eu' else 'US'}-{number}")
    return known or f"shown under APIs and Identifiers (instance {number})"


def _is_address(host: str) -> bool:
    """Return whether a host is an address (the sandbox). The outbound guard decides whether it may be called."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def checked_attribute(name: str) -> str:
    """Return the name of a custom attribute. Raises ValueError if it is not allowed."""
    if not re.fullmatch(r"[A-Za-z0-9_]{1,255}", name):
        raise ValueError("may contain letters, digits and _ only, at most 255")
    if name.lower() in _OWN_FIELDS:
        raise ValueError(f"{name} is a field of the profile itself; choose another name")
    return name


AttributeName = Annotated[str, AfterValidator(checked_attribute)]
Rows = Annotated[int, Field(ge=1, le=MOST_ROWS)]


class BrazeSettings(ConnectorSettings):
    """One workspace. The key needs ``users.track``, and ``subscription.status.set`` for a subscription group."""

    where_to: ClassVar[Sequence[str]] = ("rest_endpoint",)

    api_key: Annotated[
        SecretStr,
        Field(min_length=1),
        about(
            "REST API key with `users.track`, and `subscription.status.set` for subscription groups.",
            "8f14e45f-ceea-467f-a0e6-5d2b1c3e4f60",
        ),
    ]
    rest_endpoint: Annotated[
        str,
        AfterValidator(checked_endpoint),
        about("REST endpoint of the workspace's instance.", "https://rest.fra-01.braze.eu"),
    ]
    app_id: Annotated[
        str | None,
        Field(max_length=100),
        about(
            "Id of the app to which events belong. By default none.",
            "b8d2f0a1-5c3e-4f76-9a08-7e6d5c4b3a21",
        ),
    ] = None


class BrazeConnectionSettings(BaseModel):
    """One audience. ``segment_id`` is the id of a subscription group: no API puts users into a Braze segment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    phone_country: PhoneCountry | None = None
    segment_id: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{8,64}$")] | None = None
    attribute_name: AttributeName | None = None
    batch_size: Rows | None = None


def attribute_for(audience_key: str) -> str:
    """Return the default name of the attribute."""
    return ("audience_" + _word(audience_key))[:255]


def attribute_for_arm(name: str, arm: str) -> str:
    """Return the attribute of one arm. A hash separates arms that differ only in characters that are not allowed."""
    part = _word(arm)[:100]
    if part != arm:
        part += "_" + hashlib.md5(arm.encode(), usedforsecurity=False).hexdigest()[:6]
    return f"{name[: 254 - len(part)]}_{part}"


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", text)
