"""The turn of a run to read users' databases."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from app.services.audiences.source_turns import NoRoom, room_of_run
from app.services.platform.platform import Platform
from app.services.platform.source_slots import SourceSlots


@pytest.fixture
def platform() -> Platform:
    """A platform where two runs read at a time, one of each workspace."""
    return cast(Platform, SimpleNamespace(readings=SourceSlots(2), owner_of=_owner_of))


async def _owner_of(space_id: str) -> str:
    return space_id


async def test_a_run_without_room_asks_again_later(platform: Platform) -> None:
    async with room_of_run(platform, "spa_1", "run_1"):
        with pytest.raises(NoRoom) as refused:
            async with room_of_run(platform, "spa_1", "run_2"):
                pytest.fail("two runs of a space read at once")
    assert 8 <= refused.value.wait.total_seconds() <= 12


async def test_the_wait_grows_with_those_who_wait_up_to_a_minute(platform: Platform) -> None:
    for number in range(200):
        platform.readings.take("spa_1", f"run_{number}")
    with pytest.raises(NoRoom) as refused:
        async with room_of_run(platform, "spa_1", "run_x"):
            pytest.fail("there was no room")
    assert 48 <= refused.value.wait.total_seconds() <= 72


async def test_a_run_that_fails_gives_its_place_back(platform: Platform) -> None:
    with pytest.raises(RuntimeError):
        async with room_of_run(platform, "spa_1", "run_1"):
            raise RuntimeError
    async with room_of_run(platform, "spa_1", "run_2"):
        pass
