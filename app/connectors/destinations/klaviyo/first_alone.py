"""Members who are written with their key alone before their other identifiers are sent.

Klaviyo finds a profile by any identifier, and gives it the values that differ: a new address beside a known external id
renames the profile of that external id (https://developers.klaviyo.com/en/docs/update_profile_properties_via_api). If another
member has that profile, the other member would be off the list. Once the key has a profile of its own, Klaviyo refuses the
other identifier instead (409).
"""

from __future__ import annotations

from collections.abc import Sequence

from app.connectors.base import Identifier, PlaceRows
from app.connectors.destinations.klaviyo import payloads
from app.connectors.destinations.klaviyo.payloads import Profile


async def find_firsts(rows: PlaceRows | None, profiles: Sequence[Profile]) -> list[int]:
    """Return the indexes of the profiles with an identifier, beside the key, that another row of the place carries."""
    others = {profile.index: _others(profile) for profile in profiles}
    asked = {identifier for found in others.values() for identifier in found}
    if rows is None or not asked:
        return []
    shared = set(await rows.shared(asked))
    return [index for index, found in others.items() if not shared.isdisjoint(found)]


def _others(profile: Profile) -> list[Identifier]:
    return [
        (name, payloads.folded(name, profile.attributes[name]))
        for name in payloads.IDENTITY
        if name in profile.attributes and name != profile.key
    ]
