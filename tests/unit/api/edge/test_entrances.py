"""The entrance of an API process: places, turns, and who is refused."""

from __future__ import annotations

import asyncio
import time

import pytest

from app.api.edge.entrances import Entrance
from app.core.errors import Unavailable


class Visitors:
    """Callers at one entrance, and the order in which they came in."""

    def __init__(self, entrance: Entrance) -> None:
        self.entrance = entrance
        self.inside: list[str] = []

    async def visit(self, caller: str) -> None:
        await self.entrance.enter(caller)
        self.inside.append(caller)

    async def all(self, callers: str) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.visit(caller)) for caller in callers]
        await asyncio.sleep(0)
        return tasks

    async def leave(self) -> None:
        self.entrance.leave()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def refused(tasks: list[asyncio.Task[None]]) -> list[int]:
    """The seconds after which the refused callers are to come back."""
    ended = [task for task in tasks if task.done() and task.exception()]
    errors = [task.exception() for task in ended]
    assert all(isinstance(error, Unavailable) for error in errors)
    return [int(error.headers["Retry-After"]) for error in errors if isinstance(error, Unavailable)]


async def test_callers_wait_in_turn() -> None:
    visitors = Visitors(Entrance(1, 10, 60))
    tasks = await visitors.all("aaaab")
    assert visitors.inside == ["a"]
    for _ in range(4):
        await visitors.leave()
    assert visitors.inside == ["a", "a", "b", "a", "a"]
    await visitors.leave()
    assert await refused(tasks) == []
    await visitors.visit("c")
    assert (await refused(await visitors.all("c"))) == []


async def test_too_many_are_refused_and_come_back_at_different_times() -> None:
    visitors = Visitors(Entrance(2, 4, 60))
    tasks = await visitors.all("aa" + "a" * 6 + "bb")
    assert len(visitors.inside) == 2
    assert sorted(await refused(tasks)) == [
        1,
        2,
        2,
        3,
    ]  # 3 of a, which may fill three quarters, and 1 of b
    for _ in range(6):
        await visitors.leave()
    assert visitors.inside == list("aa" + "abaa")
    assert len(await refused(await visitors.all("cccc"))) == 0


async def test_none_waits_for_longer_than_its_patience() -> None:
    visitors = Visitors(Entrance(1, 4, 0.01))
    await visitors.visit("a")
    with pytest.raises(Unavailable):
        await visitors.visit("a")
    visitors.entrance.leave()
    await visitors.visit("b")
    assert visitors.inside == ["a", "b"]


@pytest.mark.parametrize("got_its_place", [False, True])
async def test_a_cancelled_request_keeps_no_place(got_its_place: bool) -> None:
    visitors = Visitors(Entrance(1, 4, 60))
    first, second = (await visitors.all("ab"))[:2]
    if got_its_place:
        visitors.entrance.leave()
    second.cancel()
    await asyncio.wait([first, second])
    if not got_its_place:
        visitors.entrance.leave()
    await asyncio.wait_for(visitors.visit("c"), 1)
    assert visitors.inside == ["a", "c"]


async def test_a_request_that_is_cancelled_when_its_patience_ends_makes_no_place() -> None:
    visitors = Visitors(Entrance(1, 4, 0.01))
    _, second = await visitors.all("ab")
    asyncio.get_running_loop().call_later(0.011, second.cancel)
    time.sleep(0.03)  # noqa: ASYNC251  both are due when the loop goes on
    await asyncio.wait([second])
    with pytest.raises(Unavailable):
        await visitors.visit("c")
    assert visitors.inside == ["a"]
