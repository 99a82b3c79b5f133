from __future__ import annotations

from typing import Any

import pytest

from app.mapping import plain_path


class TestPlainPath:
    @pytest.mark.parametrize(
        ("value", "pieces"),
        [
            ({"@path": "$.userId"}, ("userId",)),
            ({"@path": "$.traits['email address']"}, ("traits", "email address")),
            ({"@path": "traits.phones[0]"}, ("traits", "phones", "0")),
            ({"@path": "$.a", "_metadata": {"label": "A"}}, ("a",)),
            ({"@path": "$."}, ()),
        ],
    )
    def test_gives_the_keys_of_a_plain_path(self, value: Any, pieces: tuple[str, ...]) -> None:
        assert plain_path(value) == pieces

    @pytest.mark.parametrize(
        "value",
        [
            "$.a",
            None,
            [],
            {},
            {"_metadata": {}},
            {"@path": {"@path": "a"}},
            {"@path": 5},
            {"@path": "a", "k": 1},
            {"@path": "a", "@template": "b"},
            {"@template": "{{a}}"},
            {"@if": {"exists": {"@path": "a"}, "then": {"@path": "a"}}},
        ],
    )
    def test_gives_none_for_anything_more(self, value: Any) -> None:
        assert plain_path(value) is None
