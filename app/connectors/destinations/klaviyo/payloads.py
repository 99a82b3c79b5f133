"""Bodies of Klaviyo's calls. Pure functions.

Limits: https://developers.klaviyo.com/en/reference/bulk_import_profiles (100 KB for a profile, 5 MB for a body).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.connectors.base import Delivery, Refusal
from app.connectors.identity import identity_of
from app.core.exact_numbers import json_default

IDENTITY = ("email", "external_id", "phone_number")
TEXT_FIELDS = ("first_name", "last_name", "title", "organization", "image")
LOCATION = (
    "address1",
    "address2",
    "city",
    "country",
    "latitude",
    "longitude",
    "region",
    "zip",
    "timezone",
    "ip",
)
PROFILE_BYTES = 100_000
BODY_BYTES = 4_600_000  # of 5 MB
EXTERNAL_ID_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Profile:
    """One member as Klaviyo's resource, and its index in the call."""

    index: int
    attributes: Mapping[str, Any]
    data: bytes
    key: str  # the name of the attribute that carries the key

    @property
    def has_others(self) -> bool:
        """Whether it has identifiers besides the key."""
        return any(name in self.attributes for name in IDENTITY if name != self.key)

    def alone(self) -> Profile:
        """Return the profile with the key as its only identifier; other attributes stay."""
        kept = {n: v for n, v in self.attributes.items() if n == self.key or n not in IDENTITY}
        return Profile(self.index, kept, _resource(kept), self.key)


def profiles_of(deliveries: Sequence[Delivery]) -> tuple[list[Profile], dict[int, Refusal]]:
    """Return the profiles to send, and the refusals of the others, by index."""
    profiles, skipped = [], {}
    for index, delivery in enumerate(deliveries):
        attributes = attributes_of(delivery)
        refusal = _refusal(attributes)
        if refusal is None:
            data = _resource(attributes)
            if len(data) <= PROFILE_BYTES:
                profiles.append(Profile(index, attributes, data, _key_of(delivery, attributes)))
                continue
            refusal = Refusal("profile_too_large", "Klaviyo accepts at most 100 KB for one profile")
        skipped[index] = refusal
    return profiles, skipped


def _resource(attributes: Mapping[str, Any]) -> bytes:
    return _dumps({"type": "profile", "attributes": attributes})


def _key_of(delivery: Delivery, attributes: Mapping[str, Any]) -> str:
    """Return the attribute that carries the key; an external id that is an address goes as e-mail."""
    if delivery.key_type in IDENTITY and delivery.key_type in attributes:
        return delivery.key_type
    return next(name for name in IDENTITY if name in attributes)


def folded(name: str, value: Any) -> str:
    """Return an identifier in the form in which Klaviyo's values are compared with those that were sent."""
    return str(value).lower() if name == "email" else str(value)


def _refusal(attributes: Mapping[str, Any]) -> Refusal | None:
    if not any(name in attributes for name in IDENTITY):
        return Refusal("no_identifier", "no e-mail, external id or phone number")
    if len(attributes.get("external_id", "")) > EXTERNAL_ID_LENGTH:
        return Refusal("external_id_too_long", "an external id has at most 255 characters")
    return None


def attributes_of(delivery: Delivery) -> dict[str, Any]:
    """Return ``{attribute: value}`` of a profile, without nulls: null does not clear a field in Klaviyo."""
    attributes: dict[str, Any] = dict(identity_of(delivery, IDENTITY))
    if "email" not in attributes and "@" in attributes.get("external_id", ""):
        attributes["email"] = attributes.pop("external_id")
    fields = delivery.fields
    for name in TEXT_FIELDS:
        if fields.get(name) is not None:
            attributes[name] = str(fields[name])
    location = fields.get("location")
    if isinstance(location, Mapping):
        kept = {name: location[name] for name in LOCATION if location.get(name) is not None}
        if kept:
            attributes["location"] = {
                name: value if name in ("latitude", "longitude") else str(value)
                for name, value in kept.items()
            }
    properties = fields.get("properties")
    if isinstance(properties, Mapping) and properties:
        attributes["properties"] = dict(properties)
    return attributes


def cut(profiles: Sequence[Profile], rows: int) -> list[Profile]:
    """Return the first profiles that fit into one import job, at least one."""
    size, taken = 400, 0
    for profile in profiles[:rows]:
        size += len(profile.data) + 1
        if taken and size > BODY_BYTES:
            break
        taken += 1
    return list(profiles[:taken])


def import_job(profiles: Iterable[Profile], list_id: str | None) -> bytes:
    """Return the body that starts an import job. Without a list, the profiles are added to none."""
    relationships = (
        b',"relationships":{"lists":{"data":[' + _dumps({"type": "list", "id": list_id}) + b"]}}"
        if list_id
        else b""
    )
    return (
        b'{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":['
        + b",".join(profile.data for profile in profiles)
        + b"]}}"
        + relationships
        + b"}}"
    )


def single_profile(profile: Profile) -> bytes:
    """Return the body that upserts one profile."""
    return b'{"data":' + profile.data + b"}"


def members(profile_ids: Iterable[str]) -> bytes:
    """Return the body that adds profiles to a list, or removes them from it."""
    return _dumps({"data": [{"type": "profile", "id": profile_id} for profile_id in profile_ids]})


def new_list(name: str) -> bytes:
    """Return the body that creates a list."""
    return _dumps({"data": {"type": "list", "attributes": {"name": name}}})


def any_of(field: str, values: Iterable[str]) -> str:
    """Return a filter for profiles that have one of the values."""
    quoted = ",".join(
        '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values
    )
    return f"any({field},[{quoted}])"


def _dumps(value: Any) -> bytes:
    return orjson.dumps(value, default=json_default, option=orjson.OPT_NON_STR_KEYS)
