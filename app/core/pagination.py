"""Keyset pagination: the page that a client asks for, and the cursors between pages.

A cursor is opaque to clients. It holds the sort key of the entry before or after it, so inserted or deleted entries
do not make a walk repeat or skip others.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from app.core.errors import Invalid

T = TypeVar("T")
S = TypeVar("S")

DEFAULT_COUNT = 200
Side = Literal["start", "after", "before"]
_SIDES: dict[str, Side] = {"s": "start", "a": "after", "b": "before"}
_LETTERS = {side: letter for letter, side in _SIDES.items()}
_MAX_CURSOR = 4096


@dataclass(frozen=True, slots=True)
class Position:
    """The start of a listing, or the position just after or before the entry with this sort key."""

    side: Side = "start"
    key: tuple[str, ...] = ()

    def encode(self) -> str:
        """Return the text of the cursor."""
        text = json.dumps([_LETTERS[self.side], *self.key], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode()


START = Position()
UNREADABLE = (
    "The cursor cannot be read. Send `next` or `previous` of a page of this list, unchanged."
)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Number of entries, and the cursor to start from."""

    count: int = DEFAULT_COUNT
    cursor: str | None = None

    def position(self, width: int = 1) -> Position:
        """Decode the cursor.

        ``width`` is the number of values in the sort key of the listing. Raises Invalid if the cursor is
        malformed.
        """
        if not self.cursor:
            return START
        fault = Invalid(UNREADABLE, field="pagination.cursor")
        if len(self.cursor) > _MAX_CURSOR:
            raise fault
        try:
            parts = json.loads(base64.b64decode(self.cursor, altchars=b"-_", validate=True))
        except (binascii.Error, ValueError, RecursionError):
            raise fault from None
        if not isinstance(parts, list) or not parts or not _all_plain_text(parts):
            raise fault
        side = _SIDES.get(parts[0])
        if side is None or len(parts) - 1 != (0 if side == "start" else width):
            raise fault
        return Position(side, tuple(parts[1:]))


def _all_plain_text(parts: list[object]) -> bool:
    return all(isinstance(part, str) and _is_storable(part) for part in parts)


def _is_storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Entries, and the cursors of this page, the next and the previous one."""

    entries: Sequence[T]
    current: str
    next: str | None = None
    previous: str | None = None
    total: int | None = None

    def map(self, function: Callable[[T], S]) -> Page[S]:
        """Return a page of ``function(entry)`` for each entry, with equal cursors."""
        return Page(
            [function(entry) for entry in self.entries],
            self.current,
            self.next,
            self.previous,
            self.total,
        )


def make_page(
    found: Sequence[T],
    *,
    request: PageRequest,
    position: Position,
    key: Callable[[T], tuple[str, ...]],
    total: int | None = None,
) -> Page[T]:
    """Build a page from the result of a query.

    ``found`` holds up to ``request.count + 1`` entries, nearest to the position first: in the order of the listing
    after a position, in the opposite order before one.
    """
    more = len(found) > request.count
    entries = list(found[: request.count])
    if position.side == "before":
        entries.reverse()
        follower: Position | None = Position("after", key(entries[-1])) if entries else START
        leader = Position("before", key(entries[0])) if more else None
    else:
        follower = Position("after", key(entries[-1])) if more else None
        leader = (
            None if position.side == "start" else Position("before", _first(entries, key, position))
        )
    return Page(
        entries,
        current=position.encode(),
        next=follower.encode() if follower else None,
        previous=leader.encode() if leader else None,
        total=total,
    )


def _first(
    entries: Sequence[T], key: Callable[[T], tuple[str, ...]], position: Position
) -> tuple[str, ...]:
    return key(entries[0]) if entries else position.key
