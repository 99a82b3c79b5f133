"""Where in a mapping the compiler stands, and what it may leave out there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol

from app.mapping.errors import MappingFailed
from app.mapping.values import without_absent

Evaluate = Callable[[Any], Any]
"""A compiled part of a mapping: the payload in, a value or `ABSENT` out."""


@dataclass(frozen=True, slots=True)
class Place:
    """One part of a mapping.

    `location`     the keys leading there, each with a `/` before it
    `depth`        how many levels down it is
    `keep_absent`  a directive above can tell an absent member from none, so they stay
    `loose`        the payload at hand may itself hold absent members
    """

    location: str = ""
    depth: int = 0
    keep_absent: bool = False
    loose: bool = False

    def at(self, *names: str | int) -> Place:
        """Go down to a member."""
        location = "".join([self.location, *(f"/{name}" for name in names)])
        return replace(self, location=location, depth=self.depth + len(names))

    def keeping_absent(self) -> Place:
        """The same place with absent members left for a directive to see."""
        return replace(self, keep_absent=True)

    def dropping_absent(self) -> Place:
        """The same place with a cleaned result."""
        return replace(self, keep_absent=False)

    def with_payload(self, *, loose: bool) -> Place:
        """The same place run on another payload."""
        return replace(self, loose=loose)

    def cleaned(self, evaluate: Evaluate) -> Evaluate:
        """Drop the absent members of what `evaluate` gives, unless they are to stay."""
        return evaluate if self.keep_absent else lambda payload: without_absent(evaluate(payload))

    def failing(self, reason: str) -> Evaluate:
        """A part that is only found wrong when it is run."""

        def fail(payload: Any) -> NoReturn:
            raise MappingFailed(self.location, reason)

        return fail


class Compile(Protocol):
    """Compiles one part of a mapping; handed to the directives, which hold further parts."""

    def __call__(self, node: Any, place: Place, /) -> Evaluate: ...
