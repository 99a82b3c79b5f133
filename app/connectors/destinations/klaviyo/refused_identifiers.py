"""Identifiers beside the key that Klaviyo refuses: the member is sent without them.

A phone number can have the form of E.164 and still be refused, for example because nobody can have it. Klaviyo then refuses the
whole profile, and the whole import job (https://developers.klaviyo.com/en/docs/use_klaviyos_bulk_profile_import_api).
"""

from __future__ import annotations

from collections.abc import Iterable

from app.connectors.base import Refusal
from app.connectors.destinations.klaviyo.payloads import IDENTITY, Profile
from app.connectors.destinations.klaviyo.progress import Progress


def leave_out(progress: Progress, profile: Profile, said: Refusal) -> Profile | None:
    """Return the profile without the identifier that a refusal points to, with a note; None if it points to none beside the key."""
    name = refused_identifier(profile, said.pointer)
    if name is None:
        return None
    names = progress.left_out.setdefault(str(profile.index), [])
    names.append(name)
    rest = profile.without((name,))
    note = Refusal("identifier_left_out", f"{name} was left out: {said.message}", said.pointer)
    progress.note(profile.index, note, rest.identity)
    return rest


def refused_identifier(profile: Profile, pointer: str | None) -> str | None:
    """Return the identifier beside the key to which a pointer such as ``/data/attributes/phone_number`` leads."""
    name = (pointer or "").rpartition("/attributes/")[2]
    known = name in IDENTITY and name in profile.attributes and name != profile.key
    return name if known else None


def remaining(progress: Progress, profiles: Iterable[Profile]) -> list[Profile]:
    """Return profiles without the identifiers that were left out before."""
    return [profile.without(progress.left_out.get(str(profile.index), ())) for profile in profiles]
