"""Bodies: strict JSON, bounded before any model sees it."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import BadRequest, Invalid
from app.core.sent_json import MAX_DEPTH, MAX_ITEMS, MAX_TEXT, check_value, parse_json


class TestParseJson:
    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"nul", b"NaN", b'{"a": Infinity}', b"\xff\xfe", b"[" * 9999, b"1" * 5000],
    )
    def test_refuses(self, body: bytes) -> None:
        with pytest.raises(BadRequest):
            parse_json(body)

    def test_keeps_numbers_as_they_are(self) -> None:
        text = b'{"a": 123456789012345678901234567890, "b": 1.0, "c": null}'
        assert parse_json(text) == {"a": 123456789012345678901234567890, "b": 1.0, "c": None}


class TestCheckValue:
    @pytest.mark.parametrize(
        ("value", "field"),
        [
            ({"a": {"b": ["x", "\x00"]}}, "a.b.1"),
            ({"a": "\ud800"}, "a"),
            ({"a\x00": 1}, None),
            ({"a": "x" * (MAX_TEXT + 1)}, "a"),
            ({"a": [0] * (MAX_ITEMS + 1)}, "a"),
            ({"a": float("inf")}, "a"),
            ("\x00", None),
        ],
    )
    def test_names_the_place(self, value: Any, field: str | None) -> None:
        with pytest.raises(Invalid) as refused:
            check_value(value)
        assert refused.value.field == field

    def test_depth(self) -> None:
        def nested(levels: int) -> Any:
            return [nested(levels - 1)] if levels else 1

        check_value(nested(MAX_DEPTH))
        with pytest.raises(Invalid):
            check_value(nested(MAX_DEPTH + 1))

    def test_limits_are_inclusive(self) -> None:
        check_value({"a": ["x" * MAX_TEXT] * 2, "b": [0] * MAX_ITEMS, "c": "\U0001f600"})
