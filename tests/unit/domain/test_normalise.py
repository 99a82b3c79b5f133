"""Normalisers: examples, and agreement of Python and SQL on any text."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.normalise import BLANKS, Normaliser, normalise, normalise_sql

HOWS: list[Normaliser] = ["email", "phone", "text"]
TRICKY = st.text(
    st.sampled_from("aZ@.+0123456789-()[]/ İΣÄßé\u00a0\u200b'\"\\%")
    | st.sampled_from(BLANKS)
    | st.characters(codec="utf-8", exclude_characters="\0"),
    max_size=25,
)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@pytest.mark.parametrize(
    ("value", "how", "expected"),
    [
        (" Ann@Example.COM\u00a0", "email", "ann@example.com"),
        ("", "email", None),
        (" \t", "text", None),
        (" A b ", "text", "A b"),
        ("+49 (170) 123-45.67", "phone", "+491701234567"),
        ("0049170", "phone", None),
        ("+0123456789", "phone", None),
        ("+1234567890123456", "phone", None),
        ("call me", "phone", None),
        (None, "phone", None),
    ],
)
def test_examples(value: str | None, how: Normaliser, expected: str | None) -> None:
    assert normalise(value, how) == expected


@given(values=st.lists(TRICKY, min_size=1, max_size=50))
@settings(max_examples=60, deadline=None)
def test_sql_agrees(connection: duckdb.DuckDBPyConnection, values: list[str]) -> None:
    shown = ", ".join(normalise_sql("v", how) for how in HOWS)
    rows = connection.execute(f"SELECT {shown} FROM unnest($v) AS t(v)", {"v": values}).fetchall()
    assert rows == [tuple(normalise(value, how) for how in HOWS) for value in values]


@given(value=TRICKY, how=st.sampled_from(HOWS))
def test_a_second_time_changes_nothing(value: str, how: Normaliser) -> None:
    once = normalise(value, how)
    assert normalise(once, how) == once
