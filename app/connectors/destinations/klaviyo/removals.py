"""Removes members from a list by Klaviyo's ids. Unknown ids are searched for. Profiles stay."""

from __future__ import annotations

from collections.abc import Sequence
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
                progress.found += await self._search(field, values)
            except Throttled as error:
                if not progress.searched:
                    raise
                return progress.throttled(error)  # the ids found so far are kept
            progress.searched += 1
        known = [delivery.partner_id for delivery in part if delivery.partner_id]
        ids = list(dict.fromkeys([*known, *progress.found]))
        if ids:
            try:
                await self._client.send(
                    "DELETE",
                    list_path(self._list_id, "/relationships/profiles"),
                    payloads.members(ids),
                )
            except KlaviyoNotFound as error:
                raise unknown_list(self._list_id, error) from error
        progress.next, progress.searched, progress.found = upto, 0, []
        if upto < len(self._deliveries):
            return progress.pending(0)
        return progress.receipts(self._skipped())

    def _skipped(self) -> dict[int, Refusal]:
        return {
            index: Refusal("no_identifier", "no e-mail, external id or phone number")
            for index, delivery in enumerate(self._deliveries)
            if not delivery.partner_id and not identity_of(delivery, payloads.IDENTITY)
        }

    async def _search(self, field: str, values: Sequence[str]) -> list[str]:
        parameters = {
            "filter": payloads.any_of(field, values),
            "fields[profile]": "email,external_id,phone_number",
            "page[size]": str(PAGE),
        }
        found = []
        async for page in self._client.pages("/api/profiles", parameters):
            found += [str(entry["id"]) for entry in page]
        return found


def _searches(part: Sequence[Delivery]) -> list[tuple[str, list[str]]]:
    """Return the values to search for, by field. A profile that Klaviyo does not know is on no list."""
    wanted: dict[str, list[str]] = {}
    for delivery in part:
        identity = identity_of(delivery, payloads.IDENTITY)
        if not delivery.partner_id and identity:
            # The member was sent under the key.
            field = delivery.key_type if delivery.key_type in identity else next(iter(identity))
            wanted.setdefault(field, []).append(identity[field])
    return [(field, chunk) for field, values in wanted.items() for chunk in _chunks(values)]


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
