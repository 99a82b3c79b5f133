"""Locations in a mapping: what the compiler knows about the part that it compiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol

from app.mapping.errors import MappingFailed
from app.mapping.values import without_absent

Evaluate = Callable[[Any], Any]
"""A compiled part of a mapping: takes the payload, returns a value or `ABSENT`."""


@dataclass(frozen=True, slots=True)
class Location:
    """One part of a mapping.

    `path`         the keys that lead to the part, each with a `/` before it
    `depth`        the number of these keys
    `keep_absent`  whether absent members stay, since an enclosing directive treats them differently from none
    `loose`        whether the payload may itself hold absent members
    """

    path: str = ""
    depth: int = 0
    keep_absent: bool = False
    loose: bool = False

    def at(self, *names: str | int) -> Location:
        """Return the location of a member."""
        path = "".join([self.path, *(f"/{name}" for name in names)])
        return replace(self, path=path, depth=self.depth + len(names))

    def keeping_absent(self) -> Location:
        """Return a copy whose absent members stay in the result."""
        return replace(self, keep_absent=True)

    def dropping_absent(self) -> Location:
        """Return a copy whose absent members are removed from the result."""
        return replace(self, keep_absent=False)

    def with_payload(self, *, loose: bool) -> Location:
        """Return a copy that is run on another payload."""
        return replace(self, loose=loose)

    def cleaned(self, evaluate: Evaluate) -> Evaluate:
        """Wrap a compiled part so that absent members are removed from its result, unless they stay here."""
        return evaluate if self.keep_absent else lambda payload: without_absent(evaluate(payload))

    def failing(self, reason: str) -> Evaluate:
        """Return a part that raises MappingFailed each time it is run."""

        def fail(payload: Any) -> NoReturn:
            raise MappingFailed(self.path, reason)

        return fail


class Compile(Protocol):
    """Compiles one part of a mapping. Directives receive it to compile the parts that they hold."""

    def __call__(self, node: Any, location: Location, /) -> Evaluate: ...
