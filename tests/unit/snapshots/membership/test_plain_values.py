"""Plain values are valid: what the bytes alone say never contradicts the full test."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from app.domain.normalise import Normaliser, normalise
from app.snapshots.membership.plain_values import not_plain, plain_emails, plain_phones

_PARTS = ("a", "First.Last", "x+1", "o_k", "é", ".a", "a.", "-b", "a..b", "a--b", "")
_DOMAINS = (
    *(
        "example.com",
        "A-B.co",
        "x.y.info",
        "x..com",
        "-x.com",
        "x-.com",
        "x.c",
        "x.museum",
        "x.c0m",
    ),
    *("ex_ample.com", "a.b1", "localhost", "xn--a.com", "a.com.", "a@b.com", "1.2.3.4", "a+b.com"),
)
_CODES = (
    "1",
    "44",
    "49",
    "55",
    "61",
    "81",
    "86",
    "7",
    "39",
    "358",
    "290",
    "352",
    "998",
    "999",
    "0",
)


def _email(chance: random.Random) -> str:
    letters = list(f"{chance.choice(_PARTS)}{chance.choice(('', '7'))}@{chance.choice(_DOMAINS)}")
    if chance.random() < 0.3:
        letters.insert(chance.randrange(len(letters) + 1), chance.choice("@.-_ é,'\n\x00"))
    return "".join(letters)


def _phone(chance: random.Random) -> str:
    digits = "".join(chance.choices("0123456789", k=chance.randrange(13)))
    letters = list(f"{chance.choice(('+', '+', '+', ''))}{chance.choice(_CODES)}{digits}")
    if chance.random() < 0.2:
        letters[chance.randrange(len(letters))] = chance.choice("+ -0a()٣")
    return "".join(letters)


@pytest.mark.parametrize(("name", "make"), [("email", _email), ("phone", _phone)])
def test_a_plain_value_is_valid_and_stays_as_it_is(
    name: Normaliser, make: Callable[[random.Random], str]
) -> None:
    chance = random.Random(7)
    values = [make(chance) for _ in range(6000)]
    rest = set(not_plain(pa.array(values), name).to_pylist())
    plain = [value for value in values if value not in rest]
    assert len(plain) > 200
    for value in plain:
        assert normalise(value, name) == (value.lower() if name == "email" else value)


@pytest.mark.parametrize("find", [plain_emails, plain_phones])
def test_a_value_is_judged_alone(find: Callable[[pa.StringArray], Any]) -> None:
    chance = random.Random(8)
    values = [make(chance) for _ in range(300) for make in (_email, _phone)]
    together = find(pa.array(values))
    alone = [find(pa.array([value]))[0] for value in values]
    assert np.array_equal(together, alone)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("email", ["Ada.Lovelace@Example.com", "a+b_c@x-y.co.uk", "1@a.io"]),
        ("phone", ["+14155550123", "+447700900123", "+5511987654321", "+819012345678"]),
    ],
)
def test_usual_values_are_plain(name: str, values: list[str]) -> None:
    assert not_plain(pa.array(values), name).to_pylist() == []


def test_a_part_of_an_array_and_one_without_values_can_be_asked() -> None:
    values = pa.array(["x", "a@b.com", None, "", "c@d.org"])
    assert not_plain(values.slice(1, 3), "email").to_pylist() == [""]
    assert not_plain(values.slice(4), "email").to_pylist() == []
    assert not_plain(pa.array([], pa.string()), "phone").to_pylist() == []
    assert not_plain(pa.array([""]), "phone").to_pylist() == [""]
