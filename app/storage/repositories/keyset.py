"""Walking a listing by its sort key: the one place where a position becomes a condition and an order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from app.core.clock import from_wire
from app.core.errors import Invalid
from app.core.pagination import Position

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
    """The query from a position on in the order of ``columns``; before one, in the opposite order.

    ``values`` are the position's key as the columns' own types; empty at the start.
    """
    if position.side != "start":
        place = tuple_(*columns)
        onward = (position.side == "after") != descending
        query = query.where(place > tuple(values) if onward else place < tuple(values))
    backward = (position.side == "before") != descending
    order = [column.desc() if backward else column.asc() for column in columns]
    return query.order_by(*order).limit(limit)


def moment_text(moment: datetime) -> str:
    """A timestamp as it stands in a sort key, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment_of(text: str) -> datetime:
    """The inverse; Invalid where it is no timestamp."""
    try:
        return from_wire(text)
    except ValueError:
        raise Invalid("the cursor cannot be read", field="pagination.cursor") from None
