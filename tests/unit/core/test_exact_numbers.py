"""Numbers of JSON texts keep every digit."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.exact_numbers import ExactNumber, json_default, loads_exact


@pytest.mark.parametrize(
    "text",
    [
        "0.12345678901234567890",
        "12.50",
        "-1234567890123456.78",
        "99999999999999999999999",
        "9007199254740993",
        "[100.00,1]",
        '{"a":{"b":18446744073709551616}}',
        '"1.50"',
    ],
)
def test_texts_are_written_again_as_they_were(text: str) -> None:
    assert orjson.dumps(loads_exact(text), default=json_default).decode() == text


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**64 - 1))
def test_ordinary_numbers_are_what_they_are_to_orjson(number: float) -> None:
    text = orjson.dumps([number, "0.1234567890123456789"]).decode()
    read = loads_exact(text)[0]
    assert read == number
    assert type(read) is type(number)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_decimals_keep_their_value(number: Decimal) -> None:
    read = loads_exact(format(number, "f"))
    assert Decimal(orjson.dumps(read, default=json_default).decode()) == number


def test_copies_keep_the_digits() -> None:
    number = ExactNumber("0.12345678901234567890")
    for other in (copy.deepcopy(number), pickle.loads(pickle.dumps(number))):
        assert other.text == number.text
    assert number == 0.12345678901234567890
    assert str(number) == number.text
