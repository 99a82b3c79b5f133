"""Sends changes of membership in parts, and finds the wrong rows if a refusal does not name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.connectors.base import Refusal
from app.connectors.destinations.talon_one.client import TalonOneClient, TalonOneRefusal
from app.connectors.division import DIVISIBLE, Division, Reply
from app.connectors.errors import ListGone

# https://docs.talon.one/integration-api#tag/Audiences/operation/updateCustomerProfilesAudiences
CALL_ROWS = 1_000
_PATH = "/v2/customer_audiences"
REFUSED = "rejected_by_talon_one"


@dataclass(frozen=True, slots=True)
class Row:
    """One action for Talon.One, and the index of its change in the call."""

    index: int
    content: Mapping[str, Any]


def division(client: TalonOneClient, rows: Sequence[Row]) -> Division:
    """Return the division that sends rows, 1,000 per request."""

    async def send(part: Sequence[int]) -> Reply:
        content = {"data": [rows[number].content for number in part]}
        try:
            await client.send("POST", _PATH, content)
        except TalonOneRefusal as error:
            return _refused(error, len(part))
        return Reply()

    return Division(len(rows), CALL_ROWS, send)


def _refused(error: TalonOneRefusal, count: int) -> Reply:
    """Return the reply of a refusal. Raises it if it concerns no row."""
    if error.http_status == 404:
        raise ListGone(
            error.message, http_status=404, vendor_request_id=error.vendor_request_id
        ) from error
    if error.http_status not in DIVISIBLE:
        raise error
    named = error.rows()
    usable = bool(named) and max(named) < count
    refused = {n: Refusal(REFUSED, one.message, one.pointer) for n, one in named.items()}
    return Reply(refused if usable else {}, error, said=said_of(error))


def said_of(error: TalonOneRefusal) -> Refusal:
    """Return the refusal of a row that was refused alone: the first fault, or the whole message."""
    if not error.faults:
        return Refusal(REFUSED, error.message)
    return Refusal(REFUSED, error.faults[0].message, error.faults[0].pointer)
