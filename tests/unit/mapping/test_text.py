from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.exact_numbers import ExactNumber
from app.mapping.json_text import encode
from app.mapping.replacement import upper_characters
from app.mapping.text import in_units, number_text, paired, units


class TestNumberText:
    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_reads_back_as_the_same_double(self, number: float) -> None:
        assert float(number_text(number)) == number

    @given(st.floats(min_value=1e-6, max_value=1e20))
    def test_is_written_in_full_in_the_ordinary_range(self, number: float) -> None:
        assert "e" not in number_text(number)
        assert not number_text(number).endswith((".0", "."))

    @pytest.mark.parametrize(
        ("number", "text"),
        [
            (999999999999999900000.0, "999999999999999900000"),
            (1e21, "1e+21"),
            (0.000001, "0.000001"),
            (9.99e-7, "9.99e-7"),
            (1e20, "100000000000000000000"),
            (123e-20, "1.23e-18"),
            (math.inf, "Infinity"),
            (-(10**400), "-1" + "0" * 400),
            (2**53 + 1, "9007199254740993"),
            (ExactNumber("0.12345678901234567890"), "0.12345678901234567890"),
        ],
    )
    def test_follows_the_table(self, number: float, text: str) -> None:
        assert number_text(number) == text


class TestUnits:
    @given(st.text())
    def test_cut_into_units_and_put_together_again(self, text: str) -> None:
        assert len(in_units(text)) == units(text) == len(text.encode("utf-16-le")) // 2
        assert paired(in_units(text)) == text

    @given(st.text())
    def test_upper_case_by_character_keeps_the_length(self, text: str) -> None:
        assert len(upper_characters(text)) == len(text)


class TestEncode:
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
            lambda parts: (
                st.lists(parts, max_size=4) | st.dictionaries(st.text(), parts, max_size=4)
            ),
            max_leaves=12,
        )
    )
    def test_is_json_that_reads_back_the_same(self, value: object) -> None:
        assert json.loads(encode(value)) == value
