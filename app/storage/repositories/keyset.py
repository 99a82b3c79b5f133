"""Keyset pagination in SQL: turns a position into a condition and an order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from app.core.clock import from_wire
from app.core.errors import Invalid
from app.core.pagination import UNREADABLE, Position

S = TypeVar("S", bound=Select[*tuple[Any, ...]])


def walk(
    query: S,
    columns: Sequence[InstrumentedAttribute[Any]],
    values: Sequence[Any],
    position: Position,
    *,
    limit: int,
    descending: bool = False,
) -> S:
    """Restrict a query to the rows after a position in the order of ``columns``, or before it in reverse order.

    ``values`` is the key of the position, converted to the types of the columns; at the start it is empty.
    """
    if position.side != "start":
        row = tuple_(*columns)
        place = tuple_(*values, types=[column.type for column in columns])
        onward = (position.side == "after") != descending
        query = query.where(row > place if onward else row < place)
    backward = (position.side == "before") != descending
    order = [column.desc() if backward else column.asc() for column in columns]
    return query.order_by(*order).limit(limit)


def moment_text(moment: datetime) -> str:
    """Format a timestamp for a sort key, in microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment_of(text: str) -> datetime:
    """Parse a timestamp of a sort key. Raises Invalid if it is malformed."""
    try:
        return from_wire(text)
    except ValueError:
        raise Invalid(UNREADABLE, field="pagination.cursor") from None
