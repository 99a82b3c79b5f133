"""Members whose key Klaviyo does not know: they may be there under another identifier that was sent.

The key may have been changed at Klaviyo. A profile that is found so is removed only if nothing of it belongs to another
member of the list. So is a profile that the search returns for an address that is not its main one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.connectors.base import Call, Delivery, Identifier
from app.connectors.destinations.klaviyo import payloads
from app.connectors.destinations.klaviyo.progress import Progress
from app.connectors.destinations.klaviyo.search import ProfileSearch, chunks, key_of

Carriers = Mapping[Identifier, Sequence[Identifier]]


@dataclass(frozen=True, slots=True)
class _Found:
    """A profile that has an identifier of a member."""

    index: int
    name: str  # of the identifier
    profile_id: str
    identifiers: Sequence[Identifier]  # of the profile


class OtherIdentifiers:
    """The search for the members of one call by identifiers other than their keys."""

    def __init__(self, search: ProfileSearch, call: Call, deliveries: Sequence[Delivery]) -> None:
        self._search = search
        self._call = call
        self._deliveries = deliveries

    async def find(self, progress: Progress, indexes: Sequence[int]) -> list[str]:
        """Return the ids of profiles that belong to some members and to nobody else.

        A member is left unknown if its profile may also be another member's.
        """
        found = await self._profiles(self._owners(indexes))
        rows = self._call.place_rows
        asked = {identifier for one in found for identifier in one.identifiers}
        carriers = await rows.carriers(asked) if rows is not None and found else {}
        ids = []
        for one in found:
            shared, keys = self._others(one, carriers)
            if keys:
                continue  # the profile is another member's, so this member has none
            if rows is None or shared:
                progress.leave_unknown(one.index, _words(one.name))
            else:
                ids.append(one.profile_id)
        return ids

    async def of_nobody_else(self, profiles: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return the ids of profiles ``{"id", "attributes"}`` of which nothing belongs to a member who stays.

        Klaviyo keeps up to five addresses of a person in one profile, and the search may return it for each of them:
        https://help.klaviyo.com/hc/en-us/articles/48274807144475. Its main address may be that of another member.
        """
        rows = self._call.place_rows
        found = {str(one["id"]): _identifiers(one.get("attributes") or {}) for one in profiles}
        if rows is None or not found:
            return list(found)
        carriers = await rows.carriers({one for many in found.values() for one in many})
        leaving = {(delivery.key_type, delivery.key) for delivery in self._deliveries}
        return [
            profile_id
            for profile_id, identifiers in found.items()
            if leaving.issuperset(row for one in identifiers for row in carriers.get(one, ()))
        ]

    def _owners(self, indexes: Sequence[int]) -> dict[Identifier, list[int]]:
        """Return the members by the identifiers that are not their keys."""
        owners: dict[Identifier, list[int]] = {}
        for index in indexes:
            delivery = self._deliveries[index]
            key = key_of(delivery)
            for name, value in payloads.identity(delivery).items():
                if (name, value) != key:
                    owners.setdefault((name, payloads.folded(name, value)), []).append(index)
        return owners

    async def _profiles(self, owners: Mapping[Identifier, Sequence[int]]) -> list[_Found]:
        found = []
        for name in payloads.IDENTITY:
            for values in chunks([value for field, value in owners if field == name]):
                for entry in await self._search.by(name, values):
                    identifiers = _identifiers(entry.get("attributes") or {})
                    mine = [one for one in identifiers if one[0] == name]
                    found += [
                        _Found(index, name, str(entry["id"]), identifiers)
                        for one in mine
                        for index in owners.get(one, ())
                    ]
        return found

    def _others(self, found: _Found, carriers: Carriers) -> tuple[bool, bool]:
        """Return whether other rows carry an identifier of a profile, and whether it is the key of one."""
        delivery = self._deliveries[found.index]
        own = (delivery.key_type, delivery.key)
        others = [
            (identifier, row)
            for identifier in found.identifiers
            for row in carriers.get(identifier, ())
            if row != own
        ]
        return bool(others), any(identifier == row for identifier, row in others)


def _identifiers(attributes: Mapping[str, object]) -> list[Identifier]:
    return [
        (name, payloads.folded(name, attributes[name]))
        for name in payloads.IDENTITY
        if attributes.get(name)
    ]


def _words(name: str) -> str:
    return (
        f"Klaviyo does not know the key, but a profile with the same {name}, which another member has too; "
        "its key may have been changed there"
    )
