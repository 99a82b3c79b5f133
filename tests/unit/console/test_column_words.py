"""Columns in words."""

from __future__ import annotations

from typing import Any

import pytest

from app.console.column_words import converted_to, examples, type_words


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("VARCHAR", "text"),
        ("BIGINT", "whole number"),
        ("UINTEGER", "whole number"),
        ("DECIMAL(18, 2)", "number"),
        ("DOUBLE", "number"),
        ("BOOLEAN", "true or false"),
        ("DATE", "date"),
        ("TIMESTAMP WITH TIME ZONE", "date and time"),
        ("TIMESTAMP_NS", "date and time"),
        ("VARCHAR[]", "list of text"),
        ("STRUCT(city VARCHAR)", "object"),
        ("STRUCT(city VARCHAR)[]", "list of object"),
        ("STRING", "text"),
        ("DATETIME", "date and time"),
        ("GEOMETRY", "geometry"),
    ],
)
def test_a_type_in_words(kind: str, words: str) -> None:
    assert type_words(kind) == words


def test_examples_are_the_first_different_values() -> None:
    rows: list[dict[str, Any]] = [
        {"a": 1},
        {"a": 1, "b": {"c": None}},
        {},
        {"a": True},
        {"a": "x" * 50},
        {"a": "late"},
    ]
    assert examples(rows, "a") == ["1", "true", "x" * 39 + "…"]
    assert examples(rows, "b") == ['{"c": null}']
    assert examples(rows, "none") == []


def test_what_a_conversion_yields() -> None:
    assert converted_to("TRY_CAST(replace(\"a AS b\", ',', '.') AS DECIMAL(18, 2))") == "number"
    assert converted_to("CAST(try_strptime(\"a\", '%d.%m.%Y') AS DATE)") == "date"
