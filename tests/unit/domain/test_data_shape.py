"""Names of columns that are not taken."""

from __future__ import annotations

import pytest

from app.domain.data_shape import MAX_NAME, name_fault


@pytest.mark.parametrize("name", ["a", "E-Mail", "größe", "a\tb", "../x", "n" * MAX_NAME])
def test_usual_and_odd_names_are_taken(name: str) -> None:
    assert name_fault(name) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a\0b", r"Column a\0b has a NUL character in its name."),
        ("n" * 1001, "Column nnnnnnnnnnnnnnnnnnnnnnnnnnnnnn… has a name of 1,001 characters"),
    ],
)
def test_names_that_cannot_be_stored_or_shown_are_named(name: str, words: str) -> None:
    assert words in (name_fault(name) or "")
