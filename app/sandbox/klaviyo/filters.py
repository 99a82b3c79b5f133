"""Klaviyo's filters: ``equals(email,"a@example.com"),greater-than(created,2026-01-01T00:00:00Z)``.

Syntax: https://developers.klaviyo.com/en/docs/filtering_
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

MOST_VALUES = 100  # of one condition
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<word>[^\s"'(),\[\]]+)|(?P<sign>[(),\[\]]))""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_EQUAL = ("any", "equals")
_ORDER = ("greater-than", "greater-or-equal", "less-than", "less-or-equal")

#: The fields that can be filtered by, and their operators, by kind of resource.
PROFILE_FILTERS: Mapping[str, Sequence[str]] = {
    "id": _EQUAL,
    "email": _EQUAL,
    "phone_number": _EQUAL,
    "external_id": _EQUAL,
    "_kx": ("equals",),
    "created": ("greater-than", "less-than"),
    "updated": ("greater-than", "less-than"),
}
LIST_FILTERS: Mapping[str, Sequence[str]] = {
    "name": _EQUAL,
    "id": _EQUAL,
    "created": ("greater-than",),
    "updated": ("greater-than",),
}
MEMBER_FILTERS: Mapping[str, Sequence[str]] = {
    "email": _EQUAL,
    "phone_number": _EQUAL,
    "_kx": ("equals",),
    "joined_group_at": _ORDER,
}
JOB_FILTERS: Mapping[str, Sequence[str]] = {"status": _EQUAL}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a filter."""

    operator: str
    field: str
    values: Sequence[str]
    folded: frozenset[str] = frozenset()  # the values as they are compared

    @property
    def names_values(self) -> bool:
        """Whether the condition names the values that are wanted."""
        return self.operator in _EQUAL

    def fits(self, value: Any) -> bool:
        """Check a value of the field. Text that is an e-mail address is compared without regard to case."""
        if value is None:
            return False
        if self.names_values:
            return _folded(self.field, str(value)) in self.folded
        found, limit = _moment(str(value)), _moment(self.values[0])
        compare: dict[str, Callable[[], bool]] = {
            "greater-than": lambda: found > limit,
            "greater-or-equal": lambda: found >= limit,
            "less-than": lambda: found < limit,
            "less-or-equal": lambda: found <= limit,
        }
        return compare[self.operator]()


class FilterError(ValueError):
    """A filter that Klaviyo refuses."""


def conditions(text: str | None, allowed: Mapping[str, Sequence[str]]) -> list[Condition]:
    """Return the conditions of a filter; all of them must hold. Raises FilterError if the filter is not valid."""
    if not text:
        return []
    reader = _Reader(text)
    found = reader.conditions()
    for one in found:
        if one.operator not in allowed.get(one.field, ()):
            raise FilterError(f"{one.operator} is not a valid operator for field {one.field}")
        if len(one.values) > MOST_VALUES:
            raise FilterError(f"At most {MOST_VALUES} values are taken")
        if not one.names_values:
            try:
                _moment(one.values[0])
            except ValueError as error:
                raise FilterError(f"{one.values[0]} is not a valid datetime") from error
    return found


def matching(
    entries: Iterable[Any], wanted: Sequence[Condition], value_of: Callable[[Any, str], Any]
) -> list[Any]:
    """Return the entries for which all conditions hold. ``value_of`` returns the value of a field."""
    return [one for one in entries if all(each.fits(value_of(one, each.field)) for each in wanted)]


def _folded(field: str, value: str) -> str:
    return value.lower() if field == "email" else value


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class _Reader:
    """Reads a filter, token by token."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                raise FilterError(f"The filter is not valid at character {position}")
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind]))
            position = match.end()

    def conditions(self) -> list[Condition]:
        found = self._several()
        if self._tokens:
            raise FilterError("The filter is not valid at its end")
        return found

    def _several(self) -> list[Condition]:
        found = self._one()
        while self._next_is(","):
            self._take(",")
            found += self._one()
        return found

    def _one(self) -> list[Condition]:
        operator = self._word()
        self._take("(")
        if operator == "and":
            found = self._several()
        else:
            field = self._word()
            self._take(",")
            values = self._values()
            folded = frozenset(_folded(field, one) for one in values)
            found = [Condition(operator, field, values, folded)]
        self._take(")")
        return found

    def _values(self) -> list[str]:
        if not self._next_is("["):
            return [self._value()]
        self._take("[")
        found = [self._value()]
        while self._next_is(","):
            self._take(",")
            found.append(self._value())
        self._take("]")
        return found

    def _value(self) -> str:
        kind, text = self._pop()
        if kind == "sign":
            raise FilterError("A value is missing")
        return _ESCAPE.sub(r"\1", text[1:-1]) if kind == "text" else text

    def _word(self) -> str:
        kind, text = self._pop()
        if kind != "word":
            raise FilterError(f"{text} is not an operator or a field")
        return text

    def _take(self, sign: str) -> None:
        if self._pop() != ("sign", sign):
            raise FilterError(f"{sign} is missing")

    def _next_is(self, sign: str) -> bool:
        return bool(self._tokens) and self._tokens[0] == ("sign", sign)

    def _pop(self) -> tuple[str, str]:
        if not self._tokens:
            raise FilterError("The filter ends too early")
        return self._tokens.pop(0)
