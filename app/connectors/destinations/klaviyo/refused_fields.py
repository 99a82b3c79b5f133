"""Fields that Klaviyo refuses: the member is sent without them, unless it is the key.

A phone number can have the form of E.164 and still be refused, for example because nobody can have it. Klaviyo then refuses the
whole profile, and the whole import job (https://developers.klaviyo.com/en/docs/use_klaviyos_bulk_profile_import_api).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from app.connectors.base import Refusal
from app.connectors.destinations.klaviyo.client import DUPLICATE, KlaviyoRefusal
from app.connectors.destinations.klaviyo.payloads import IDENTITY, Profile, field_parts
from app.connectors.destinations.klaviyo.progress import Progress

#: ``/data/attributes/phone_number`` of one profile, ``/data/attributes/profiles/data/7/attributes/phone_number`` of an import.
_POINTER = re.compile(r"/data(?:/attributes/profiles/data/\d+)?/attributes/([^/]+(?:/[^/]+)?)")


def leave_out(progress: Progress, profile: Profile, said: Refusal) -> Profile | None:
    """Return the profile without the field that a refusal points to, with a note; None if it points to none that can be left out."""
    field = refused_field(profile, said.pointer)
    if field is None:
        return None
    progress.left_out.setdefault(str(profile.index), []).append(field)
    rest = profile.without((field,))
    code = "identifier_left_out" if field in IDENTITY else "field_left_out"
    words = f"{'.'.join(field_parts(field))} was left out: {said.message}"
    progress.note(profile.index, Refusal(code, words, said.pointer), rest.identity)
    return rest


def refused_field(profile: Profile, pointer: str | None) -> str | None:
    """Return the field of a profile to which a pointer leads, as ``Profile.without`` takes it; None for the key and all properties."""
    match = _POINTER.match(pointer or "")
    if match is None:
        return None
    name, *part = field_parts(match[1])
    value = profile.attributes.get(name)
    if part and isinstance(value, Mapping):
        return match[1] if part[0] in value else None
    known = value is not None and name not in (profile.key, "properties")
    return name if known else None


def remaining(progress: Progress, profiles: Iterable[Profile]) -> list[Profile]:
    """Return profiles without the fields that were left out before."""
    return [profile.without(progress.left_out.get(str(profile.index), ())) for profile in profiles]


def is_duplicate(error: KlaviyoRefusal) -> bool:
    """Return whether another profile has one of the identifiers."""
    return any(fault.code == DUPLICATE for fault in error.faults)


def names_a_field(error: KlaviyoRefusal) -> bool:
    """Return whether a refusal points to a field of the one profile that was sent."""
    return any((fault.pointer or "").startswith("/data/attributes") for fault in error.faults)


def words_of(error: KlaviyoRefusal) -> Refusal:
    """Return the first fault of a refusal."""
    if not error.faults:
        return Refusal("refused", error.message)
    fault = error.faults[0]
    return Refusal(fault.code, fault.detail, fault.pointer)


def said_of(error: KlaviyoRefusal) -> tuple[str, str, str | None]:
    """Return code, message and pointer of the first fault of a refusal."""
    words = words_of(error)
    return words.code, words.message, words.pointer
