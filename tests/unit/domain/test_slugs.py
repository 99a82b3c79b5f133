"""Slugs are visible on the wire: these results must not change."""

from __future__ import annotations

import pytest

from app.domain.slugs import slug_of


class TestSlugOf:
    @pytest.mark.parametrize(
        ("name", "slug"),
        [
            ("Buyers of Shoes", "buyers-of-shoes"),
            ("  R&D -- (old) ", "r-d-old"),
            ("It's 10,000", "it-s-10-000"),
            ("A&amp;B", "a-amp-b"),
            ("Crème brûlée", "creme-brulee"),
            ("Größe Ø łódź", "groe-odz"),
            ("½ price ™", "12-price-tm"),
            ("VIP 客户", "vip"),
            ("客户", "space"),
            ("Клиенты", "space"),
            ("", "space"),
            ("x" * 62 + " yy", "x" * 62),
            ("x" * 70, "x" * 63),
        ],
    )
    def test_is_that_of_the_keys_in_use(self, name: str, slug: str) -> None:
        assert slug_of(name, separator="-", limit=63, fallback="space") == slug

    def test_uses_the_separator(self) -> None:
        assert slug_of("a - b!", separator="_", limit=100, fallback="audience") == "a_b"
