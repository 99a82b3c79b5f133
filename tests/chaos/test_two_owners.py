"""Random histories of two activations at one place: in the end it holds exactly what one of them wants."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies

from app.core.config import Settings
from app.core.errors import Conflict
from app.domain.sync_states import SyncState
from app.queue import Task
from app.services.platform.platform import open_platform
from tests.integration.services.places.owners import IDENTITY, Owner, Owners, owners

MANY = int(os.environ.get("HISTORIES", "200"))
TASKS = {"plan": (Task.PLAN,), "deliver": (Task.DELIVER,), "settle": (Task.SETTLE,)}
#: What is done, by whom, and whom it supplies.
Step = tuple[str, int, str]
STEPS = strategies.lists(
    strategies.tuples(
        strategies.sampled_from(
            ["supply", "supply", "supply", "plan", "plan", "deliver", "settle", "cancel", "resync", "wake"]
        ),
        strategies.integers(0, 1),
        strategies.sampled_from(["", "a", "b", "ab", "abc", "c"]),
    ),
    min_size=6,
    max_size=14,
)  # fmt: skip


class History:
    """One history, at an attribute of its own. Each activation has a member that the other never has."""

    def __init__(self, them: Owners, number: int) -> None:
        self.them = them
        self.attribute = f"history_{number}"
        self.sides = (them.one, them.other)
        self.wanted = ["", ""]

    async def play(self, steps: list[Step]) -> None:
        place = {"attribute_name": self.attribute, "batch_size": 1}
        for number, side in enumerate(self.sides):
            await side.activate(connectionSettings=place, **IDENTITY)
            await self.supply(number, "ab")
        for action, number, names in steps:
            await self.step(action, number, names)
        await self.end()

    async def supply(self, number: int, names: str) -> None:
        self.wanted[number] = names + "xy"[number]
        await self.sides[number].supply(self.wanted[number])

    async def step(self, action: str, number: int, names: str) -> None:
        side = self.sides[number]
        if action == "supply":
            await self.supply(number, names)
        elif action == "wake":
            await self.them.wake()
        elif action == "cancel":
            await self.cancel(side)
        elif action == "resync":
            await self.them.hand.start(side.id, kind="resync") if number == 0 else None
        else:
            await self.them.hand.once(tasks=TASKS[action])

    async def cancel(self, side: Owner) -> None:
        if (await side.newest()).state in (SyncState.NEW, SyncState.PENDING, SyncState.RUNNING):
            await side.cancel()

    async def end(self) -> None:
        """Do all work that is left, compare, and remove the activations."""
        for number in range(2):
            await self.supply(number, self.wanted[number].rstrip("xy"))
        await self.them.all()
        assert self.them.marked(self.attribute) == set("".join(self.wanted))
        held = [await side.held() for side in self.sides]
        assert held == [len(names) for names in self.wanted]
        for side in self.sides:
            await side.remove()
        await self.them.all()


def play(given_settings: Settings, examples: int, number: int) -> None:
    """Play histories on one database."""
    quick = given_settings.model_copy(update={"settle_time": timedelta(milliseconds=20)})
    with asyncio.Runner() as runner:
        platform = runner.run(open_platform(quick))
        context = owners(platform)
        them = runner.run(context.__aenter__())
        numbers = iter(range(1_000_000))

        @seed(number)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(STEPS)
        def histories(steps: list[Step]) -> None:
            runner.run(History(them, next(numbers)).play(steps))

        try:
            histories()
        except Conflict as error:  # pragma: no cover
            raise AssertionError(str(error)) from error
        finally:
            runner.run(context.__aexit__(None, None, None))
            runner.run(platform.close())


@pytest.mark.walk
@pytest.mark.timeout(120)
def test_a_few_histories(settings: Settings) -> None:
    play(settings, 2, 1)


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_many_histories(settings: Settings) -> None:
    play(settings, MANY, 2)
