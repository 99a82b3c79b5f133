"""Changes as they would be sent, in the report of a dry run or a test send: each value with its name, and what is not sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.console.words import as_json


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A change: its profile and key, the values that are sent, and those that are not, with the reason in words."""

    profile_id: str
    key: str
    key_type: str
    values: Sequence[tuple[str, str]]
    not_sent: Sequence[Mapping[str, str]]


def shown_change(change: Mapping[str, Any]) -> ShownChange:
    """Return a change of a report: ``{profileId, key, keyType, identifiers, traits, fields, notSent}``."""
    return ShownChange(
        str(change.get("profileId", "")),
        str(change["key"]),
        str(change["keyType"]),
        list(_values(change)),
        change.get("notSent") or (),
    )


def _values(change: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and text of identifiers, fields and properties, each value once under its name."""
    known: set[tuple[str, str]] = set()
    for part in ("identifiers", "fields", "traits"):
        for name, text in _flat(change.get(part) or {}):
            same = name.rpartition(".")[2], text
            if same not in known:
                known.add(same)
                yield name, text


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            for below, text in _flat(value):
                yield f"{name}.{below}", text
        elif isinstance(value, list) and all(isinstance(one, str) for one in value):
            yield name, "; ".join(value)
        elif value is not None:
            yield name, value if isinstance(value, str) else as_json(value)
