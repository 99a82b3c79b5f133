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
from app.domain.sent_fields import Path, with_nulls

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
NO_IDENTIFIER = Refusal("no_identifier", "no e-mail, external id or phone number")


@dataclass(frozen=True, slots=True)
class Profile:
    """One member as Klaviyo's resource, and its index in the call."""

    index: int
    attributes: Mapping[str, Any]
    data: bytes
    key: str  # the name of the attribute that carries the key
    #: Fields to clear. An import job cannot do that: https://developers.klaviyo.com/en/docs/use_klaviyos_bulk_profile_import_api
    cleared: Sequence[Path] = ()

    @property
    def has_others(self) -> bool:
        """Whether it has identifiers besides the key."""
        return any(name in self.attributes for name in IDENTITY if name != self.key)

    @property
    def identity_alone(self) -> dict[str, str]:
        """The identifier ``{attribute: value}`` that ``alone`` sends."""
        return {self.key: self.attributes[self.key]}

    def carried(self, attributes: Any) -> dict[str, str] | None:
        """Return the identifiers ``{attribute: value}`` of a profile in Klaviyo's response; None if they were sent.

        A profile that does not have this key says nothing about this member: None too.
        """
        if not isinstance(attributes, Mapping):
            return None
        there = _folded_identity(attributes)
        sent = _folded_identity(self.attributes)
        if there == sent or there.get(self.key) != sent[self.key]:
            return None
        return {**there, **self.identity_alone}

    @property
    def identity(self) -> dict[str, str]:
        """The identifiers ``{attribute: value}``."""
        return {name: self.attributes[name] for name in IDENTITY if name in self.attributes}

    def alone(self) -> Profile:
        """Return the profile with the key as its only identifier; other attributes stay."""
        return self.without([name for name in IDENTITY if name != self.key])

    def without(self, fields: Iterable[str]) -> Profile:
        """Return the profile without some fields: attributes, or parts of one such as ``location/city`` (as in JSON Pointer)."""
        kept = dict(self.attributes)
        for field in fields:
            name, *part = field_parts(field)
            rest = kept.pop(name, None)
            if part and isinstance(rest, Mapping):
                rest = {key: value for key, value in rest.items() if key != part[0]}
                kept |= {name: rest} if rest else {}
        if kept == self.attributes:
            return self
        return Profile(self.index, kept, _resource(kept), self.key, self.cleared)


def profiles_of(deliveries: Sequence[Delivery]) -> tuple[list[Profile], dict[int, Refusal]]:
    """Return the profiles to send, and the refusals of the others, by index."""
    profiles, skipped = [], {}
    for index, delivery in enumerate(deliveries):
        attributes = attributes_of(delivery)
        refusal, key = _refusal(attributes), key_name(delivery, attributes)
        if refusal is None and key is not None:
            data = _resource(attributes)
            if len(data) <= PROFILE_BYTES:
                profiles.append(Profile(index, attributes, data, key, _cleared(delivery)))
                continue
            refusal = Refusal("profile_too_large", "Klaviyo accepts at most 100 KB for one profile")
        skipped[index] = refusal or NO_IDENTIFIER
    return profiles, skipped


def field_parts(field: str) -> list[str]:
    """Return the name of an attribute, and of its part if there is one: ``location/city`` has the parts ``location`` and ``city``."""
    return [part.replace("~1", "/").replace("~0", "~") for part in field.split("/")]


def _resource(attributes: Mapping[str, Any]) -> bytes:
    return _dumps({"type": "profile", "attributes": attributes})


def _cleared(delivery: Delivery) -> list[Path]:
    """Return the fields to clear: standard ones, and properties. What is inside a property is replaced with it."""
    return [
        path
        for path in delivery.cleared
        if (len(path) == 1 and path[0] in TEXT_FIELDS)
        or (len(path) == 2 and (path[0] == "properties" or (path[0] == "location" and path[1] in LOCATION)))
    ]  # fmt: skip


def identity(delivery: Delivery) -> dict[str, str]:
    """Return ``{attribute: value}`` of the identifiers of a member; an external id that is an address goes as e-mail."""
    found = identity_of(delivery, IDENTITY)
    if "email" not in found and "@" in found.get("external_id", ""):
        found["email"] = found.pop("external_id")
    return found


def key_name(delivery: Delivery, found: Mapping[str, Any]) -> str | None:
    """Return which of a member's identifiers carries the key; None without any."""
    if delivery.key_type in IDENTITY and delivery.key_type in found:
        return delivery.key_type
    return next((name for name in IDENTITY if name in found), None)


def folded(name: str, value: Any) -> str:
    """Return an identifier in the form in which Klaviyo's values are compared with those that were sent."""
    return str(value).lower() if name == "email" else str(value)


def _folded_identity(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: folded(name, attributes[name])
        for name in IDENTITY
        if attributes.get(name) and isinstance(attributes[name], str)
    }


def _refusal(attributes: Mapping[str, Any]) -> Refusal | None:
    if not any(name in attributes for name in IDENTITY):
        return NO_IDENTIFIER
    if len(attributes.get("external_id", "")) > EXTERNAL_ID_LENGTH:
        return Refusal("external_id_too_long", "an external id has at most 255 characters")
    return None


def attributes_of(delivery: Delivery) -> dict[str, Any]:
    """Return ``{attribute: value}`` of a profile, without nulls: null does not clear a field in Klaviyo."""
    attributes: dict[str, Any] = dict(identity(delivery))
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
    """Return the body that upserts one profile and clears its emptied fields: by null, or ``unset`` for properties."""
    if not profile.cleared:
        return b'{"data":' + profile.data + b"}"
    standard = [path for path in profile.cleared if path[0] != "properties"]
    unset = [path[1] for path in profile.cleared if path[0] == "properties"]
    attributes = with_nulls(profile.attributes, standard)
    meta = {"meta": {"patch_properties": {"unset": unset}}} if unset else {}
    return _dumps({"data": {"type": "profile", "attributes": attributes, **meta}})


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
