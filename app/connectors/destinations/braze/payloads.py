"""Bodies of Braze's calls. Pure functions."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.connectors.base import Call, Delivery, Refusal
from app.connectors.destinations.braze import standard_fields
from app.connectors.destinations.braze.settings import (
    GROUP_ROWS,
    attribute_for,
    attribute_for_arm,
)
from app.connectors.identity import identity_of
from app.core.clock import to_wire
from app.core.exact_numbers import json_default
from app.domain.changes import ChangeKind
from app.domain.sent_fields import with_nulls

IDENTITY = ("external_id", "user_alias", "braze_id", "email", "phone")
WEAK = ("email", "phone")  # fields of the user if a stronger identifier is present
EXISTING_ONLY = "_update_existing_only"
GROUPS = "subscription_groups"
RESERVED = (*IDENTITY, EXISTING_ONLY)  # not for properties: both are keys of one object
PROFILE_FIELDS = (
    "first_name",
    "last_name",
    "country",
    "home_city",
    "gender",
    "image_url",
    "dob",
    "language",
    "time_zone",
)
_GROUP_ARRAYS = {"external_id": "external_ids", "email": "emails", "phone": "phones"}


@dataclass(frozen=True, slots=True)
class Row:
    """One object for Braze, and the index of its change in the call."""

    index: int
    content: Mapping[str, Any]


def identity(delivery: Delivery) -> dict[str, Any]:
    """Return ``{field: value}`` with the one identifier of the user: the key, or the first that is present."""
    found = identity_of(delivery, IDENTITY)
    name = delivery.key_type if delivery.key_type in found else next(iter(found), None)
    if name is None:
        return {}
    if name == "user_alias":
        label, colon, alias = found[name].partition(":")
        return {"user_alias": {"alias_name": alias, "alias_label": label}} if colon else {}
    return {name: found[name]}


def attributes(
    call: Call, deliveries: Sequence[Delivery]
) -> tuple[list[Row], dict[int, Refusal], dict[int, Refusal]]:
    """Return the objects of ``attributes``, refusals by index, and notes on fields that were left out by index.

    Only changes are written: each may be billed.
    """
    name = attribute_name(call)
    rows, skipped, notes = [], {}, {}
    for index, delivery in enumerate(deliveries):
        who = identity(delivery)
        if not who:
            skipped[index] = NO_IDENTIFIER
            continue
        if delivery.kind is ChangeKind.EXITED:
            gone = call.constants.get("attribute_value_on_exit", False) in (None, "null")
            value = None if gone else False
            state = _group_state(call, who, delivery.kind)
            rows.append(Row(index, {**who, name: value, **state, EXISTING_ONLY: True}))
            continue
        profile, left_out = _in_braze_form(_profile(delivery, (*_leading(who), name)))
        content = {**who, **profile}
        if left_out:
            notes[index] = Refusal("field_left_out", "; ".join(left_out))
        if delivery.kind is ChangeKind.ENTERED:
            content |= {name: True, **_group_state(call, who, delivery.kind)}
        if len(content) == len(who):
            continue  # nothing to update
        if delivery.fields.get(EXISTING_ONLY) or "user_alias" in who:
            # With an alias, Braze creates no profile unless this is set.
            content[EXISTING_ONLY] = bool(delivery.fields.get(EXISTING_ONLY))
        rows.append(Row(index, content))
    return rows, skipped, notes


def _group_state(call: Call, who: Mapping[str, Any], kind: ChangeKind) -> dict[str, Any]:
    """Return the field that sets the state of the connection's subscription group together with the attribute; empty without one.

    For some minutes the group's own operation does not know a user whom ``/users/track`` creates, and ignores the user:
    https://www.braze.com/docs/api/endpoints/subscription_groups/post_update_user_subscription_group_status_v2/
    """
    group = call.connection_settings.get("segment_id")
    if not group or next(iter(who)) not in _GROUP_ARRAYS:
        return {}
    return {GROUPS: [{"subscription_group_id": str(group), "subscription_state": _state(kind)}]}


def _state(kind: ChangeKind | None) -> str:
    return "unsubscribed" if kind is ChangeKind.EXITED else "subscribed"


def _in_braze_form(profile: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the fields with standard ones in Braze's form, and why others of them are left out."""
    written, left_out = {}, []
    for name, value in profile.items():
        form = standard_fields.in_form(name, value)
        if form is None and value is not None:
            left_out.append(f"{name} was left out: {standard_fields.EXPECTED[name]}")
        else:
            written[name] = form
    return written, left_out


def data_points(rows: Iterable[Row]) -> int:
    """Return the data points that Braze may bill for ``attributes``: one per written value, changed or not; none for a group's state."""
    return sum(len(row.content.keys() - {*RESERVED, GROUPS}) for row in rows)


NO_IDENTIFIER = Refusal("no_identifier", "none of external_id, user_alias, braze_id, email, phone")


def attribute_name(call: Call) -> str:
    """Return the custom attribute that marks members of the audience, or of one arm."""
    return attribute_at(call.constants, call.connection_settings, call.audience.key, call.arm)


def attribute_at(
    constants: Mapping[str, Any], settings: Mapping[str, Any], audience_key: str, arm: str | None
) -> str:
    """Return the attribute by the constants of a mapping and the settings of a connection."""
    name = str(
        constants.get("attribute_name")
        or settings.get("attribute_name")
        or attribute_for(audience_key)
    )
    return attribute_for_arm(name, arm) if arm else name


def _leading(who: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names that would find another user or control the call.

    Next to a stronger identifier, Braze reads an e-mail or a phone as a field of the user.
    """
    weaker = IDENTITY[IDENTITY.index(next(iter(who))) + 1 :]
    return tuple(name for name in RESERVED if name not in weaker or name not in WEAK)


def _profile(delivery: Delivery, without: Container[str]) -> dict[str, Any]:
    """Return the written fields of a member, null for those to clear. Names in ``without`` never come from its properties."""
    cleared = [
        path for path in delivery.cleared if path[0] in ("custom_attributes", *PROFILE_FIELDS)
    ]
    fields = with_nulls(delivery.fields, cleared)
    custom = fields.get("custom_attributes")
    given = custom if isinstance(custom, Mapping) else {}
    content = {name: value for name, value in given.items() if name not in without}
    content.update(
        {
            name: fields[name]
            for name in PROFILE_FIELDS
            if fields.get(name) is not None or (name,) in cleared
        }
    )
    return content


def events(
    call: Call, deliveries: Sequence[Delivery], app_id: str | None
) -> tuple[list[Row], dict[int, Refusal]]:
    """Return the objects of ``events`` with the time of the plan, and refusals by index."""
    rows, skipped = [], {}
    for index, delivery in enumerate(deliveries):
        who = identity(delivery)
        if not who:
            skipped[index] = NO_IDENTIFIER
            continue
        default = "Audience Exited" if delivery.kind is ChangeKind.EXITED else "Audience Entered"
        content = {
            **who,
            "name": str(delivery.fields.get("name") or default),
            "time": to_wire(call.planned_at),
            "properties": dict(delivery.fields.get("properties") or {}),
        }
        if app_id:
            content["app_id"] = app_id
        if delivery.kind is ChangeKind.EXITED:
            content[EXISTING_ONLY] = True
        rows.append(Row(index, content))
    return rows, skipped


def track(array: str, rows: Iterable[Row]) -> bytes:
    """Return the body of ``/users/track``."""
    return _dumps({array: [row.content for row in rows]})


def subscriptions(
    group_id: str,
    kind: ChangeKind | None,
    deliveries: Sequence[Delivery],
    without: Container[int],
) -> tuple[list[bytes], dict[int, Refusal]]:
    """Return the bodies of ``/v2/subscription/status/set``, and refusals by index.

    ``without`` holds the indexes that Braze has already refused.
    """
    entries: list[tuple[str, str]] = []
    skipped = {}
    for index, delivery in enumerate(deliveries):
        if index in without:
            continue
        who = identity(delivery)
        array = _GROUP_ARRAYS.get(next(iter(who), ""))
        if array is None:
            words = "a subscription group accepts external_id, email or phone only"
            skipped[index] = Refusal("no_group_identifier", words) if who else NO_IDENTIFIER
        else:
            entries.append((array, str(next(iter(who.values())))))
    parts = [entries[first : first + GROUP_ROWS] for first in range(0, len(entries), GROUP_ROWS)]
    return [_group_body(group_id, _state(kind), part) for part in parts], skipped


def _group_body(group_id: str, state: str, entries: Sequence[tuple[str, str]]) -> bytes:
    """Return one body. E-mails and phones need separate objects."""
    arrays: dict[str, list[str]] = {}
    for array, value in entries:
        arrays.setdefault(array, []).append(value)
    groups = [
        {"subscription_group_id": group_id, "subscription_state": state, array: values}
        for array, values in arrays.items()
    ]
    return _dumps({"subscription_groups": groups})


def _dumps(value: Any) -> bytes:
    return orjson.dumps(value, default=json_default, option=orjson.OPT_NON_STR_KEYS)
