"""The emulated partners of the demo: settings, how to create a list, and the household of a list's member."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.sandbox import braze, klaviyo, talon_one
from app.sandbox.service import Service

Connected = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Partner:
    """One partner. ``connect`` creates a list for an audience's key, and returns its id and ``connectionSettings``."""

    slug: str
    emulator: str
    settings: Callable[[str], dict[str, Any]]
    connect: Callable[[Service, str], Connected]
    household: Callable[[dict[str, Any]], str]


def _klaviyo_list(service: Service, key: str) -> Connected:
    assert isinstance(service, klaviyo.KlaviyoEmulator)  # noqa: S101 - created by the sandbox
    created = service.account.new_list(key)
    return created.id, {"list_id": created.id}


def _braze_attribute(service: Service, key: str) -> Connected:
    return f"demo_{key}", {"attribute_name": f"demo_{key}"}


def _talon_audience(service: Service, key: str) -> Connected:
    assert isinstance(service, talon_one.TalonOneEmulator)  # noqa: S101 - created by the sandbox
    created = service.new_audience(key, key)
    return str(created.id), {"audience_id": created.id}


def _household_of_address(member: dict[str, Any]) -> str:
    address: str = member["email"]
    return address.removeprefix("household-").partition("@")[0]


PARTNERS = (
    Partner(
        slug="klaviyo",
        emulator="klaviyo",
        settings=lambda url: {"api_key": klaviyo.DEFAULT_KEY, "base_url": url},
        connect=_klaviyo_list,
        household=_household_of_address,
    ),
    Partner(
        slug="braze",
        emulator="braze",
        settings=lambda url: {"api_key": braze.DEFAULT_KEY, "rest_endpoint": url},
        connect=_braze_attribute,
        household=lambda member: str(member["external_id"]),
    ),
    Partner(
        slug="talon-one",
        emulator="talon_one",
        settings=lambda url: {"api_key": talon_one.DEFAULT_KEY, "base_url": url},
        connect=_talon_audience,
        household=lambda member: str(member["id"]),
    ),
)
