"""Removes members from a list by Klaviyo's ids. Unknown ids are searched for. Profiles stay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from app.connectors.base import Call, Delivery, Pending, Receipts, Refusal
from app.connectors.destinations.klaviyo import payloads
from app.connectors.destinations.klaviyo.client import (
    KlaviyoClient,
    KlaviyoNotFound,
    list_path,
    unknown_ids,
    unknown_list,
)
from app.connectors.destinations.klaviyo.other_identifiers import OtherIdentifiers
from app.connectors.destinations.klaviyo.progress import Progress
from app.connectors.destinations.klaviyo.search import ProfileSearch, chunks, key_of
from app.connectors.errors import Throttled

CALL_ROWS = 1_000  # https://developers.klaviyo.com/en/reference/remove_profiles_from_list
_TRIES = 2  # removals of an id that Klaviyo does not know: the search may have it again
#: So long after it was sent, a member that no search finds is not at Klaviyo. Before, the search may be behind.
SEARCHABLE_AFTER = timedelta(minutes=10)


class Removals:
    """One call with members who exit."""

    def __init__(
        self, client: KlaviyoClient, call: Call, deliveries: Sequence[Delivery], list_id: str
    ) -> None:
        self._client = client
        self._call = call
        self._deliveries = deliveries
        self._list_id = list_id
        self._search = ProfileSearch(client)

    async def go_on(self, progress: Progress) -> Receipts | Pending:
        """Remove the next 1,000 members; at the end, look again for those that Klaviyo may not show yet."""
        await self._note_shared_ids(progress)
        part = self._part(progress)
        others = OtherIdentifiers(self._search, self._call, self._deliveries)
        try:
            await self._find(progress, part, others)
            missing = self._missing(progress, part)
            late = [index for index in missing if self._may_appear(index)]
            gone = [index for index in missing if index not in set(late)]
            elsewhere = await others.find(progress, gone)
        except Throttled as error:
            if not progress.searched:
                raise
            return progress.throttled(error)  # the ids found so far are kept
        if await self._remove(progress, part, elsewhere):
            return progress.pending(0)
        return self._next(progress, part, late)

    async def _note_shared_ids(self, progress: Progress) -> None:
        """Note the ids that several members have: such a profile was renamed for another member, so keys are searched for."""
        rows = self._call.place_rows
        if progress.ids_asked or rows is None:
            return
        known = [one.partner_id for one in self._deliveries if one.partner_id]
        progress.stale += await rows.shared_ids(known)
        progress.ids_asked = True

    def _part(self, progress: Progress) -> list[int]:
        """Return the next members by index: first each once, then those that were not found and may appear."""
        if progress.next < len(self._deliveries):
            return list(range(progress.next, min(progress.next + CALL_ROWS, len(self._deliveries))))
        return progress.late[: min(CALL_ROWS, progress.round)]

    def _next(self, progress: Progress, part: list[int], late: list[int]) -> Receipts | Pending:
        progress.searched, progress.found, progress.hits = 0, [], []
        if progress.next < len(self._deliveries):
            progress.next += len(part)
            progress.late += late
            progress.round = 0
        else:
            progress.late = [*progress.late[len(part) :], *late]
            progress.round -= len(part)
        if progress.next < len(self._deliveries) or progress.round:
            return progress.pending(0)
        if progress.late:
            progress.round = len(progress.late)
            return progress.waiting()
        return progress.receipts(self._skipped())

    async def _find(
        self, progress: Progress, part: Sequence[int], others: OtherIdentifiers
    ) -> None:
        for field, values in self._searches(progress, part)[progress.searched :]:
            sought = {payloads.folded(field, value) for value in values}
            further = []  # found by an address that is not the profile's main one
            for entry in await self._search.by(field, values):
                value = (entry.get("attributes") or {}).get(field)
                if value and payloads.folded(field, value) in sought:
                    progress.found.append(str(entry["id"]))
                    progress.hits.append(payloads.folded(field, value))
                else:
                    further.append(entry)
            progress.found += await others.of_nobody_else(further)
            progress.searched += 1

    def _searches(self, progress: Progress, part: Sequence[int]) -> list[tuple[str, list[str]]]:
        """Return the values to search for, by field. A profile that Klaviyo does not know is on no list."""
        wanted: dict[str, list[str]] = {}
        for index in part:
            delivery = self._deliveries[index]
            key = None if self._known_id(progress, index) else key_of(delivery)
            if key is not None:
                wanted.setdefault(key[0], []).append(key[1])
        return [(field, chunk) for field, values in wanted.items() for chunk in chunks(values)]

    def _missing(self, progress: Progress, part: Sequence[int]) -> list[int]:
        """Return the members of a part whose key no profile has."""
        hits, missing = set(progress.hits), []
        for index in part:
            delivery = self._deliveries[index]
            key = None if self._known_id(progress, index) else key_of(delivery)
            if key is not None and payloads.folded(*key) not in hits:
                missing.append(index)
        return missing

    def _may_appear(self, index: int) -> bool:
        """Return whether a member was sent so recently that Klaviyo's search may not show it yet."""
        sent_at = self._deliveries[index].sent_at
        return sent_at is not None and self._call.attempted_at - sent_at < SEARCHABLE_AFTER

    async def _remove(
        self, progress: Progress, part: Sequence[int], elsewhere: Sequence[str]
    ) -> bool:
        """Remove profiles. Returns True if Klaviyo does not know some: then members with these ids are searched for."""
        rows = (self._known_id(progress, index) for index in part)
        known = [partner_id for partner_id in rows if partner_id]
        named = dict.fromkeys([*known, *progress.found, *elsewhere])
        ids = [one for one in named if progress.gone.count(one) < _TRIES]
        for first in range(0, len(ids), CALL_ROWS):
            stale = await self._remove_ids(ids[first : first + CALL_ROWS])
            if stale:
                progress.stale += stale
                progress.gone += stale
                progress.searched, progress.found, progress.hits = 0, [], []
                return True
        return False

    async def _remove_ids(self, ids: Sequence[str]) -> list[str]:
        """Remove up to 1,000 profiles. Returns the ids that Klaviyo does not know: then none was removed."""
        path = list_path(self._list_id, "/relationships/profiles")
        try:
            await self._client.send("DELETE", path, payloads.members(ids), expected=(204,))
        except KlaviyoNotFound as error:
            unknown = unknown_ids(error.faults, ids)
            if not unknown:
                raise unknown_list(self._list_id, error) from error
            return list(unknown)
        return []

    def _known_id(self, progress: Progress, index: int) -> str | None:
        partner_id = self._deliveries[index].partner_id
        return None if partner_id in progress.stale else partner_id

    def _skipped(self) -> dict[int, Refusal]:
        return {
            index: payloads.NO_IDENTIFIER
            for index, delivery in enumerate(self._deliveries)
            if not delivery.partner_id and key_of(delivery) is None
        }
