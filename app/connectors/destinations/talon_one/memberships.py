"""Sends changes of membership, and searches for the wrong rows if a refusal does not name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.connectors.base import Refusal
from app.connectors.destinations.talon_one.client import TalonOneClient, TalonOneRefusal
from app.connectors.errors import ListGone

# https://docs.talon.one/integration-api#tag/Audiences/operation/updateCustomerProfilesAudiences
CALL_ROWS = 1_000
_PATH = "/v2/customer_audiences"
_MOST_SEARCHES = 64  # after that, every row is wrong, or none is


@dataclass(frozen=True, slots=True)
class Row:
    """One action for Talon.One, and the index of its change in the call."""

    index: int
    content: Mapping[str, Any]


@dataclass(slots=True)
class Memberships:
    """Sends rows. ``rejected`` holds the refused changes by index."""

    client: TalonOneClient
    rejected: dict[int, Refusal] = field(default_factory=dict)
    _calls: int = 0
    _passed: bool = False

    async def send(self, rows: Sequence[Row]) -> None:
        """Send all rows, 1,000 per request. Raises a ConnectorError if a refusal concerns no single row."""
        for start in range(0, len(rows), CALL_ROWS):
            self._calls, self._passed = 0, False
            await self._part(rows[start : start + CALL_ROWS])

    async def _part(self, part: Sequence[Row]) -> None:
        try:
            await self._post(part)
        except TalonOneRefusal as error:
            if error.http_status != 400:
                raise
            named = error.rows()
            if named and max(named) < len(part):
                for number, fault in named.items():
                    self._reject(part[number], fault.message, fault.pointer)
                rest = [row for number, row in enumerate(part) if number not in named]
                if rest:
                    await self._post(rest)
                return
            await self._search(part, error)

    async def _search(self, part: Sequence[Row], error: TalonOneRefusal) -> None:
        """Halve until single rows are left. If no part is accepted, the rows are not the cause."""
        found: list[tuple[Row, TalonOneRefusal]] = []
        await self._halve(part, error, found)
        if not self._passed:
            raise error
        for row, refusal in found:
            self._reject(row, refusal.message, None)

    async def _halve(
        self,
        part: Sequence[Row],
        error: TalonOneRefusal,
        found: list[tuple[Row, TalonOneRefusal]],
    ) -> None:
        if len(part) == 1:
            found.append((part[0], error))
            return
        middle = len(part) // 2
        for half in (part[:middle], part[middle:]):
            if self._calls >= _MOST_SEARCHES:
                raise error
            try:
                await self._post(half)
            except TalonOneRefusal as refusal:
                if refusal.http_status != 400:
                    raise
                await self._halve(half, refusal, found)
            else:
                self._passed = True

    async def _post(self, rows: Sequence[Row]) -> None:
        self._calls += 1
        try:
            await self.client.send("POST", _PATH, {"data": [row.content for row in rows]})
        except TalonOneRefusal as error:
            if error.http_status != 404:
                raise
            raise ListGone(
                error.message, http_status=404, vendor_request_id=error.vendor_request_id
            ) from error

    def _reject(self, row: Row, message: str, pointer: str | None) -> None:
        self.rejected.setdefault(row.index, Refusal("rejected_by_talon_one", message, pointer))
