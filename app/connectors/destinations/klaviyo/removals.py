"""Removes members from a list by Klaviyo's ids. Unknown ids are searched for. Profiles stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from app.connectors.base import Delivery, Pending, Receipts, Refusal
from app.connectors.destinations.klaviyo import payloads
from app.connectors.destinations.klaviyo.additions import unknown_list
from app.connectors.destinations.klaviyo.client import (
    PAGE,
    KlaviyoClient,
    KlaviyoNotFound,
    list_path,
)
from app.connectors.destinations.klaviyo.progress import Progress
from app.connectors.errors import Throttled
from app.connectors.identity import identity_of

CALL_ROWS = 1_000  # https://developers.klaviyo.com/en/reference/remove_profiles_from_list
URL_BYTES = 7_000  # of a search's encoded filter


class Removals:
    """One call with members who exit."""

    def __init__(self, client: KlaviyoClient, deliveries: Sequence[Delivery], list_id: str) -> None:
        self._client = client
        self._deliveries = deliveries
        self._list_id = list_id

    async def go_on(self, progress: Progress) -> Receipts | Pending:
        """Remove the next 1,000 members."""
        upto = min(progress.next + CALL_ROWS, len(self._deliveries))
        part = self._deliveries[progress.next : upto]
        for field, values in _searches(part)[progress.searched :]:
            try:
                found = await self._search(field, values)
                progress.found += [str(entry["id"]) for entry in found]
                progress.hits += [
                    payloads.folded(field, value)
                    for entry in found
                    if (value := (entry.get("attributes") or {}).get(field))
                ]
            except Throttled as error:
                if not progress.searched:
                    raise
                return progress.throttled(error)  # the ids found so far are kept
            progress.searched += 1
        waiting = await self._look_elsewhere(progress, part)
        if waiting is not None:
            return waiting
        known = [delivery.partner_id for delivery in part if delivery.partner_id]
        ids = list(dict.fromkeys([*known, *progress.found]))
        if ids:
            try:
                await self._client.send(
                    "DELETE",
                    list_path(self._list_id, "/relationships/profiles"),
                    payloads.members(ids),
                    expected=(204,),
                )
            except KlaviyoNotFound as error:
                raise unknown_list(self._list_id, error) from error
        progress.next, progress.searched, progress.found, progress.hits = upto, 0, [], []
        if upto < len(self._deliveries):
            return progress.pending(0)
        return progress.receipts(self._skipped())

    def _skipped(self) -> dict[int, Refusal]:
        return {
            index: Refusal("no_identifier", "no e-mail, external id or phone number")
            for index, delivery in enumerate(self._deliveries)
            if not delivery.partner_id and not identity_of(delivery, payloads.IDENTITY)
        }

    async def _look_elsewhere(self, progress: Progress, part: Sequence[Delivery]) -> Pending | None:
        """Leave members unknown whose key Klaviyo does not know, but who may be there under another identifier.

        The key may have been changed at Klaviyo. The profile is not removed: the identifier may also be another
        member's.
        """
        hits = set(progress.hits)
        owners: dict[tuple[str, str], list[int]] = {}
        for index, delivery in enumerate(part, progress.next):
            field, identity = _key_field(delivery), identity_of(delivery, payloads.IDENTITY)
            if (
                delivery.partner_id
                or field is None
                or payloads.folded(field, identity[field]) in hits
            ):
                continue
            for name, value in identity.items():
                if name != field and str(index) not in progress.unknown:
                    owners.setdefault((name, value), []).append(index)
        for name in payloads.IDENTITY:
            for values in _chunks([value for field, value in owners if field == name]):
                try:
                    found = await self._search(name, values)
                except Throttled as error:
                    return progress.throttled(error)
                there = {
                    payloads.folded(name, (entry.get("attributes") or {}).get(name))
                    for entry in found
                }
                for value in values:
                    if payloads.folded(name, value) in there:
                        words = f"Klaviyo does not know the key, but a profile with the same {name}; its key may have been changed there"
                        for index in owners[name, value]:
                            progress.leave_unknown(index, words)
        return None

    async def _search(self, field: str, values: Sequence[str]) -> list[dict[str, Any]]:
        parameters = {
            "filter": payloads.any_of(field, values),
            "fields[profile]": "email,external_id,phone_number",
            "page[size]": str(PAGE),
        }
        found: list[dict[str, Any]] = []
        async for page in self._client.pages("/api/profiles", parameters):
            found += page
        return found


def _searches(part: Sequence[Delivery]) -> list[tuple[str, list[str]]]:
    """Return the values to search for, by field. A profile that Klaviyo does not know is on no list."""
    wanted: dict[str, list[str]] = {}
    for delivery in part:
        field = _key_field(delivery)
        if not delivery.partner_id and field is not None:
            value = identity_of(delivery, payloads.IDENTITY)[field]
            wanted.setdefault(field, []).append(value)
    return [(field, chunk) for field, values in wanted.items() for chunk in _chunks(values)]


def _key_field(delivery: Delivery) -> str | None:
    """Return the identifier under which a member was sent: the key; None without any."""
    identity = identity_of(delivery, payloads.IDENTITY)
    if delivery.key_type in identity:
        return delivery.key_type
    return next(iter(identity), None)


def _chunks(values: Sequence[str]) -> list[list[str]]:
    """Split values into chunks of at most one page that fit into a URL."""
    chunks: list[list[str]] = []
    size = 0
    for value in dict.fromkeys(values):
        length = len(quote(value)) + 7
        if not chunks or len(chunks[-1]) >= PAGE or size + length > URL_BYTES:
            chunks.append([])
            size = 0
        chunks[-1].append(value)
        size += length
    return chunks
