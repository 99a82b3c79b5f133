"""Names of fields, fields that became empty, and how null is written for them."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.sent_fields import (
    SentField,
    emptied,
    is_empty,
    names_sent,
    path_of,
    pointer,
    with_nulls,
    without_blanks,
)


@pytest.mark.parametrize("path", [("a",), ("a", "b.c"), ("a/b", "~1", ""), ("traits", "é \"x'")])
def test_a_name_leads_back_to_its_path(path: tuple[str, ...]) -> None:
    assert path_of(pointer(path)) == path


def test_zero_and_false_are_values() -> None:
    given: list[Any] = [None, "", [], {}, 0, 0.0, False, " ", [None]]
    assert [value for value in given if is_empty(value)] == [None, "", [], {}]


TIER = SentField(("properties", "tier"), ("tier",))
OPEN = SentField(("properties",), ("",), each=True)


@pytest.mark.parametrize(
    ("fields", "before", "values", "cleared"),
    [
        ([TIER], ["/properties/tier"], {"properties": {}}, [("properties", "tier")]),
        ([TIER], ["/properties/tier"], {}, [("properties", "tier")]),
        ([TIER], ["/properties/tier"], {"properties": {"tier": None}}, [("properties", "tier")]),
        ([TIER], [], {}, []),  # never sent with a value
        ([TIER], ["/properties/tier"], {"properties": {"tier": 0}}, []),
        ([TIER], ["/properties/tier"], {"properties": {"tier": False}}, []),
        ([TIER], ["/properties/tier"], {"properties": {"tier": ""}}, []),  # the empty text is sent
        ([TIER], ["/properties/level"], {}, []),  # no longer a field
        ([OPEN], ["/properties/level"], {"properties": {"tier": 1}}, [("properties", "level")]),
        ([TIER], ["/properties/tier"], {"properties": "text"}, []),
    ],
)
def test_what_was_sent_and_is_absent_now_is_cleared(
    fields: list[SentField], before: list[str], values: dict[str, Any], cleared: list[Any]
) -> None:
    assert list(emptied(fields, before, values)) == cleared


def test_null_is_written_into_copies() -> None:
    given = {"properties": {"a": 1, "address": {"zip": 2}}}
    paths = [("properties", "address", "city"), ("title",), ("location", "city")]
    assert with_nulls(given, paths) == {
        "properties": {"a": 1, "address": {"zip": 2, "city": None}},
        "title": None,
        "location": {"city": None},
    }
    assert given == {"properties": {"a": 1, "address": {"zip": 2}}}


def test_empty_texts_of_templates_are_absent() -> None:
    given = {"a": "", "b": {"c": "", "d": " "}, "e": 0}
    assert without_blanks(given, [("a",), ("b", "c"), ("b", "d"), ("e",), ("f", "g")]) == {
        "b": {"d": " "},
        "e": 0,
    }
    assert given["a"] == ""


def test_the_names_of_what_was_sent_are_sorted() -> None:
    values = {"properties": {"tier": "x", "b": [], "a": False}, "title": "t"}
    fields = [SentField(("title",), ("t",), computed=True), OPEN, TIER]
    assert names_sent(fields, values) == ["/properties/a", "/properties/tier", "/title"]
