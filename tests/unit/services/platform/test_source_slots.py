"""The order in which runs read users' databases."""

from __future__ import annotations

import pytest

from app.services.platform import source_slots as readings
from app.services.platform.source_slots import SourceSlots


def test_no_space_has_all_places() -> None:
    places = SourceSlots(3)
    assert [places.take("a", f"a{number}") for number in range(3)] == [True, True, False]
    assert places.take("b", "b0")


def test_a_single_place_is_anybodys() -> None:
    places = SourceSlots(1)
    assert places.take("a", "a0")
    assert not places.take("b", "b0")
    places.give_back("a")
    assert places.take("b", "b0")


def test_who_has_fewer_is_before_who_asks_first() -> None:
    places = SourceSlots(3)
    for run in ("a0", "a1"):
        assert places.take("a", run)
    assert places.take("b", "b0")
    assert not places.take("a", "a2")
    assert not places.take("c", "c0")
    places.give_back("a")
    assert not places.take("a", "a2"), "c has none and waits"
    assert places.take("c", "c0")
    places.give_back("b")
    assert places.take("a", "a2"), "nobody else waits"


def test_the_longest_wait_of_the_space_with_the_fewest_is_called_and_only_once() -> None:
    places = SourceSlots(3)
    for space, run in [("a", "a0"), ("a", "a1"), ("b", "b0")]:
        assert places.take(space, run)
    for space, run in [("a", "a2"), ("c", "c0"), ("c", "c1")]:
        assert not places.take(space, run)
    assert places.call_next() is None
    places.give_back("a")
    called = [places.call_next(), places.call_next()]
    assert [one.run_id for one in called if one] == ["c0", "c1"]
    assert not places.take("a", "a2"), "c was called"


def test_who_does_not_ask_again_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    places = SourceSlots(2)
    assert places.take("a", "a0")
    assert places.take("b", "b0")
    assert not places.take("c", "c0")
    monkeypatch.setattr(readings, "REMEMBERED", 0.0)
    assert not places.take("b", "b1")
    assert places.waiting == 1


@pytest.mark.parametrize("most", [1, 4])
async def test_previews_and_checks_have_places_of_their_own(most: int) -> None:
    places = SourceSlots(most)
    while places.take("a", "a") or places.take("b", "b"):
        pass
    assert not places.short.locked()
