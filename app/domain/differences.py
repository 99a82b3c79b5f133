"""What differs between two JSON objects: names of their parts, and changes as the audit trail keeps them."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST = 200  # changes of one event
LONGEST = 2000  # characters of a value
ORDER_OF_FIELDS = "destinationMapping.settings"
_MAPPED = f"{ORDER_OF_FIELDS}."
_LEAD = 200  # characters of a long text before its first difference


@dataclass(frozen=True, slots=True)
class Hidden:
    """A secret: compared by its value, and kept as ``shown``, which never contains the value."""

    value: Any = field(repr=False)
    shown: Any = field(default_factory=lambda: {"set": True})


def differing(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    same: Callable[[Any, Any], bool] = operator.eq,
) -> list[str]:
    """Return the names whose values differ; a missing one counts as None. In the order of ``after``, then of ``before``."""
    names = dict.fromkeys([*after, *before])
    return [name for name in names if not same(before.get(name), after.get(name))]


def changes_of(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[list[dict[str, Any]], int]:
    """Return ``[{"field": …, "before": …, "after": …}]``, at most 200, and how many more there are.

    ``field`` is the path of a value, such as ``settings.url``. None before: it was created; None after: it was deleted.
    Values of more than 2,000 characters are cut to the part that differs. If only the order of the mapped fields differs, the
    change has their names in both orders: files have their columns in it.
    """
    old, new = dict(_leaves(before or {})), dict(_leaves(after or {}))
    names = differing(old, new)
    if not names and (order := _order_change(list(old), list(new))):
        return [order], 0
    return [_change(name, old.get(name), new.get(name)) for name in names[:MOST]], len(names[MOST:])


def _order_change(old: list[str], new: list[str]) -> dict[str, Any] | None:
    """Return the change of the order of the mapped fields, by the paths of all parts; None if it is the same."""
    before, after = (
        [path.removeprefix(_MAPPED) for path in paths if path.startswith(_MAPPED)]
        for paths in (old, new)
    )
    return _change(ORDER_OF_FIELDS, before, after) if before != after else None


def _leaves(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each part that is neither None nor an empty object. A directive of a mapping (``@path``) is one value."""
    for name, one in value.items():
        is_directive = isinstance(one, Mapping) and any(str(key).startswith("@") for key in one)
        if isinstance(one, Mapping) and not is_directive:
            yield from _leaves(one, f"{path}{name}.")
        elif one is not None:
            yield f"{path}{name}", one


def _change(name: str, before: Any, after: Any) -> dict[str, Any]:
    old, new = _shown(before), _shown(after)
    texts = [one if isinstance(one, str) else _json(one) for one in (old, new)]
    if max(map(len, texts)) > LONGEST:
        start = max(_first_difference(*texts) - _LEAD, 0)
        old, new = (
            one if len(text) <= LONGEST else _cut(text, start)
            for one, text in zip((old, new), texts, strict=True)
        )
    return {"field": name, "before": old, "after": new}


def _shown(value: Any) -> Any:
    if isinstance(value, Hidden):
        return value.shown
    if isinstance(value, Mapping):
        return {str(key): _shown(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(one) for one in value]
    return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _first_difference(one: str, other: str) -> int:
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))


def _cut(text: str, start: int) -> str:
    """Return at most 2,000 characters from about ``start``, without half a word: an erasure would not find half an address."""
    end = start + LONGEST
    part = text[start:end]
    if start > 0:
        part = part[_first_blank(part) :]
    if end < len(text):
        part = part[: len(part) - _first_blank(part[::-1])]
    return f"{'… ' if start > 0 else ''}{part.strip()} … ({len(text):,} characters)"


def _first_blank(text: str) -> int:
    """Return the index of the first blank, the length of the text without one."""
    return next((index for index, one in enumerate(text) if one.isspace()), len(text))
