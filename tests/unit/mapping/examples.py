"""The examples of the mapping language: reading the JSON files, and comparing two values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Example:
    """One mapping, one payload, and the expected result.

    `error` is "validate" or "run"; `locations` begin the faults that validation must give.
    """

    name: str
    mapping: Any
    payload: Any
    result: Any = None
    error: str | None = None
    locations: tuple[str, ...] | None = None


def example_from(name: str, data: dict[str, Any]) -> Example:
    locations = data.get("locations")
    return Example(
        name=f"{name}: {data['fact']}" if "fact" in data else name,
        mapping=data["mapping"],
        payload=data["payload"],
        result=data.get("result"),
        error=data.get("error"),
        locations=None if locations is None else tuple(locations),
    )


def examples_in(folder: str) -> list[Example]:
    return [
        example_from(f"{file.stem} {number}", data)
        for file in sorted((CASES / folder).glob("*.json"))
        for number, data in enumerate(json.loads(file.read_text()))
    ]


def canonical(value: Any) -> str:
    """Write a value as text that is equal exactly for equal JSON: 1 is 1.0, and true is not 1."""
    return json.dumps(_with_plain_numbers(value), sort_keys=True)


def _with_plain_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_plain_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
