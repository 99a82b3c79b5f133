"""Pages by key: what a client asks for, where a page begins, and the cursors that say so.

A cursor is opaque to clients. It names a position between entries by the sort key of its neighbour, so that entries
which come or go elsewhere neither repeat nor skip one.
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
    """The beginning of a listing, or the place just after or before the entry with this sort key."""

    side: Side = "start"
    key: tuple[str, ...] = ()

    def encode(self) -> str:
        """The cursor's text."""
        text = json.dumps([_LETTERS[self.side], *self.key], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode()


START = Position()


@dataclass(frozen=True, slots=True)
class PageRequest:
    """How many entries, and from where."""

    count: int = DEFAULT_COUNT
    cursor: str | None = None

    def position(self, width: int = 1) -> Position:
        """Where the page begins; ``width`` is the number of values in the listing's sort key. Invalid: unreadable."""
        if not self.cursor:
            return START
        fault = Invalid("the cursor cannot be read", field="pagination.cursor")
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
    """Entries with the cursors of this page and its neighbours."""

    entries: Sequence[T]
    current: str
    next: str | None = None
    previous: str | None = None
    total: int | None = None

    def map(self, function: Callable[[T], S]) -> Page[S]:
        """The same page of something else."""
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
    """Cut a page out of what a query found.

    ``found`` holds up to ``request.count + 1`` entries walking away from the position: in the listing's order after
    a position, in the opposite order before one.
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
