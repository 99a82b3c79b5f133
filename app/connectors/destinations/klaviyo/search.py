"""Searches for profiles by an identifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from app.connectors.base import Delivery, Identifier
from app.connectors.destinations.klaviyo import payloads
from app.connectors.destinations.klaviyo.client import PAGE, KlaviyoClient

URL_BYTES = 7_000  # of a search's encoded filter


class ProfileSearch:
    """The search for profiles of an account. It may show a profile only some minutes after it was written."""

    def __init__(self, client: KlaviyoClient) -> None:
        self._client = client

    async def by(self, field: str, values: Sequence[str]) -> list[dict[str, Any]]:
        """Return the profiles ``{"id", "attributes"}`` that have one of the values. ``chunks`` says how many values fit."""
        parameters = {
            "filter": payloads.any_of(field, values),
            "fields[profile]": ",".join(payloads.IDENTITY),
            "page[size]": str(PAGE),
        }
        found: list[dict[str, Any]] = []
        async for page in self._client.pages("/api/profiles", parameters):
            found += page
        return found


def key_of(delivery: Delivery) -> Identifier | None:
    """Return the identifier under which a member was sent; None without any."""
    identity = payloads.identity(delivery)
    name = payloads.key_name(delivery, identity)
    return None if name is None else (name, identity[name])


def chunks(values: Sequence[str]) -> list[list[str]]:
    """Split values into chunks of at most one page that fit into a URL."""
    found: list[list[str]] = []
    size = 0
    for value in dict.fromkeys(values):
        length = len(quote(value)) + 7
        if not found or len(found[-1]) >= PAGE or size + length > URL_BYTES:
            found.append([])
            size = 0
        found[-1].append(value)
        size += length
    return found
