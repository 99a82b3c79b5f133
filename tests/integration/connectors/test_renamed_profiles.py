"""Calls that rename each other's profiles at Klaviyo: the members whose profiles are gone are sent again at once.

Here every member is written by a call of its own, and all calls of a sync are made at once.
"""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from app.connectors.destinations.klaviyo import additions, progress, removals
from app.connectors.destinations.klaviyo.connector import KlaviyoConnector
from app.services.platform.platform import Platform
from tests.integration.connectors.test_takeovers import (
    CASES,
    HISTORIES,
    Case,
    history,
    known,
    one,
    play,
)

KIND = {
    "another call has the number that the profile had": Case(
        [[one("a", "x"), one("b", "y", phone=1)]], [known(None, "a", 1)]
    ),
    "the call with the number comes first": Case(
        [[one("b", "x", phone=1), one("a", "y")]], [known(None, "a", 1)]
    ),
    "three calls": Case(
        [[one("a", "x"), one("b", "y", phone=1), one("c", "z", phone=2)]],
        [known("x", None, 1), known(None, "b", 2)],
    ),
    "one is on the list, and the other enters": Case(
        [[one("a", "x")], [one("a", "x"), one("b", "y", phone=1)]], [known("x", None, 1)]
    ),
    "a user writes a number into the profile, and another enters with it": Case(
        [[one("a", "x")], [one("a", "x"), one("b", "y", phone=1)]],
        written={1: {"x": known(None, None, 1)}},
    ),
    "a user writes an id into the profile, and another enters with it": Case(
        [[one("a", "x", id="-")], [one("a", "x", id="-"), one("b", "y")]],
        written={1: {"x": known(None, "b")}},
    ),
    "one leaves, and another enters with the number that a user wrote": Case(
        [[one("a", "x")], [one("b", "y", phone=1)]], written={1: {"x": known(None, None, 1)}}
    ),
    "an update and an entry": Case(
        [[one("a", "x", id="-")], [one("a", "x"), one("b", "y", phone=1)]],
        written={1: {"x": known(None, None, 1)}},
    ),
    "two activations": Case(
        [[one("a", "x")]], [known(None, "a", 1)], others=[[one("b", "y", phone=1)]]
    ),
    "two activations, and one has it already": Case(
        [[one("a", "x")]],
        others=[[], [one("b", "y", phone=1)]],
        written={1: {"x": known(None, None, 1)}},
    ),
    "two activations have the one, and one the other": Case(
        [[one("a", "x")], [one("a", "x"), one("b", "y", phone=1)]],
        others=[[one("a", "x")]],
        written={1: {"x": known(None, None, 1)}},
    ),
    "an address is taken over, and the profile has a number": Case(
        [[one("a", "x")], [one("b", "x"), one("c", "y", phone=1)]],
        written={1: {"x": known(None, None, 1)}},
    ),
}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each member has a call of its own, and Klaviyo shows at once what it did."""

    def one_row(*_: object) -> int:
        return 1

    monkeypatch.setattr(KlaviyoConnector, "rows_per_call", one_row)
    monkeypatch.setattr(removals, "SEARCHABLE_AFTER", timedelta(0))
    monkeypatch.setattr(progress, "FIRST_WAIT", 0.0)


@pytest.mark.walk
async def test_everyone_is_on_the_list(platform: Platform) -> None:
    """By single calls; by jobs in ``make histories``."""
    await play(platform, list(KIND.values()), at_once=True)


@pytest.mark.chaos
@pytest.mark.parametrize("few", [10, 0], ids=["single calls", "jobs"])
async def test_identifiers_change_hands(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(additions, "FEW", few)
    await play(platform, list(CASES.values()), at_once=True)


@pytest.mark.chaos
@pytest.mark.parametrize("few", [10, 0], ids=["single calls", "jobs"])
@pytest.mark.parametrize("case", KIND.values(), ids=list(KIND))
async def test_each_case_alone(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, case: Case, few: int
) -> None:
    monkeypatch.setattr(additions, "FEW", few)
    await play(platform, [case], at_once=True)


@pytest.mark.chaos
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("few", [10, 0], ids=["single calls", "jobs"])
@pytest.mark.parametrize("first", range(0, HISTORIES, 10))
async def test_random_histories(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, first: int, few: int
) -> None:
    monkeypatch.setattr(additions, "FEW", few)
    found = [history(Random(number), 25) for number in range(first, first + 10)]
    await play(platform, found, at_once=True)
