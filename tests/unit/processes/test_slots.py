"""Slots: their number, and turns that are fair between owners."""

from __future__ import annotations

import asyncio

from app.processes import FairSlots


async def test_no_more_than_there_are() -> None:
    slots, held, most = FairSlots(2), 0, 0

    async def work(owner: str) -> None:
        nonlocal held, most
        async with slots.slot(owner):
            held += 1
            most = max(most, held)
            await asyncio.sleep(0)
            held -= 1

    await asyncio.gather(*[work(str(n % 3)) for n in range(20)])
    assert most == 2


async def test_an_owner_with_many_does_not_keep_another_waiting() -> None:
    slots, order = FairSlots(1), []

    async def work(owner: str) -> None:
        async with slots.slot(owner):
            order.append(owner)
            await asyncio.sleep(0)

    first = [asyncio.create_task(work("many")) for _ in range(20)]
    await asyncio.sleep(0)
    second = [asyncio.create_task(work("one")), asyncio.create_task(work("two"))]
    await asyncio.gather(*first, *second)
    assert order.index("one") <= 4
    assert order.index("two") <= 4


async def test_of_several_no_owner_has_all_once_another_has_asked() -> None:
    slots, running = FairSlots(2), []
    gate = asyncio.Event()

    async def work(owner: str) -> None:
        async with slots.slot(owner):
            running.append(owner)
            await gate.wait()

    alone = [asyncio.create_task(work("many")) for _ in range(2)]
    await asyncio.sleep(0)
    assert running == ["many", "many"], "nobody else has asked"
    gate.set()
    await asyncio.gather(*alone)
    async with slots.slot("other"):
        pass
    gate.clear()
    running.clear()
    many = [asyncio.create_task(work("many")) for _ in range(5)]
    await asyncio.sleep(0)
    assert running == ["many"]
    other = asyncio.create_task(work("other"))
    await asyncio.sleep(0)
    assert running == ["many", "other"], "without waiting"
    gate.set()
    await asyncio.gather(*many, other)
    assert running.count("many") == 5


async def test_a_cancelled_wait_leaves_its_turn() -> None:
    slots = FairSlots(1)

    async def work(owner: str) -> str:
        async with slots.slot(owner):
            return owner

    async with slots.slot("first"):
        waiting = [asyncio.create_task(work(owner)) for owner in "aab"]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
    done = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert done[1:] == ["a", "b"]
    async with slots.slot("last"):
        pass


async def test_a_slot_given_at_the_moment_of_the_cancellation_is_passed_on() -> None:
    slots = FairSlots(1)
    holder = slots.slot("holder")
    await holder.__aenter__()
    task = asyncio.create_task(slots.slot("next").__aenter__())
    await asyncio.sleep(0)
    await holder.__aexit__(None, None, None)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(5), slots.slot("last"):
        pass
