"""Messages are full sentences that name their field, and suggest what is meant."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.core.sentences import sentence, validation_words
from app.core.suggestions import did_you_mean, listed


@pytest.mark.parametrize(
    ("message", "field", "expected"),
    [
        ("must be text", "name", '"name" must be text.'),
        ('"name" is required', "name", '"name" is required.'),
        ('"name": must be text', "name", '"name" must be text.'),
        ("/a/b must be text", "/a/b", '"/a/b" must be text.'),
        ('"a.b": only with X', "a.b", '"a.b": only with X.'),
        ("the body is too large", None, "The body is too large."),
        ("displayName is for warehouses", "displayName", '"displayName" is for warehouses.'),
        ("Line 2 is not SQL", "definition.query", "Line 2 is not SQL."),
        ("Did you mean email?", None, "Did you mean email?"),
        ("random() differs", None, "random() differs."),
        ("", None, ""),
    ],
)
def test_a_message_becomes_a_sentence(message: str, field: str | None, expected: str) -> None:
    assert sentence(message, field) == expected


class Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    name: str = Field(min_length=1, max_length=3)
    kind: Literal["upload", "postgres", False] = "upload"
    count: int = Field(1, ge=1, le=9)
    tags: list[str] = Field([], max_length=1)
    inner: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "is required"),
        ({"name": 3}, "must be text, not a number"),
        ({"name": None}, "must be text, not null"),
        ({"name": ""}, "must have at least 1 character"),
        ({"name": "abcd"}, "must have at most 3 characters"),
        ({"name": "a", "kind": "uplod"}, 'must be one of upload, postgres, false, not "uplod". Did you mean upload?'),
        ({"name": "a", "count": 0}, "must be 1 or more"),
        ({"name": "a", "count": 10}, "must be 9 or less"),
        ({"name": "a", "count": "1"}, "must be a whole number, not text"),
        ({"name": "a", "count": 1.5}, "must be a whole number, not a number"),
        ({"name": "a", "tags": ["a", "b"]}, "must have at most 1 entry"),
        ({"name": "a", "inner": []}, "must be an object, not a list"),
        ({"name": "a", "nam": 1}, "is not a field here. Did you mean name? The fields are name, kind, count, tags, inner."),
    ],
)  # fmt: skip
def test_a_fault_of_pydantic_is_said_in_own_words(body: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError) as found:
        Body.model_validate(body)
    (fault,) = found.value.errors()
    assert validation_words(fault, list(Body.model_fields)) == expected


def test_suggestions() -> None:
    assert did_you_mean("Emial", ["id", "email"]) == " Did you mean email?"
    assert did_you_mean("x", ["id", "email"]) == ""
    assert did_you_mean("USERS", ["Users"]) == " Did you mean Users?"
    assert listed([str(one) for one in range(22)]).endswith("19 and 2 more")
