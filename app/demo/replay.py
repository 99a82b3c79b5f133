"""The replay: each day is computed, delivered and compared with the truth, its audiences side by side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from app.demo.api import Api
from app.demo.keepers import Keeper
from app.demo.purchases import AUDIENCES, DemoAudience, Truth, differences, end_of


@dataclass(frozen=True, slots=True)
class Target:
    """One activation of an audience, and who keeps its list."""

    keeper: Keeper
    activation_id: str
    audience_key: str

    def held(self) -> set[str]:
        """Whose household ids are on that list."""
        return self.keeper.held(self.activation_id, self.audience_key)


@dataclass(frozen=True, slots=True)
class Activated:
    """An audience in the service, with its activations; the main one is the first."""

    audience: DemoAudience
    id: str
    targets: Sequence[Target]


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one audience on one day; the counts are those of the main destination's sync."""

    day: date
    audience: str
    members: int
    entered: int
    exited: int
    delivered: int
    seconds: float
    differences: Sequence[str]


async def set_up(api: Api, destinations: Sequence[tuple[Keeper, str]]) -> list[Activated]:
    """The four audiences, each connected to every destination and activated there."""
    activated = []
    for audience in AUDIENCES:
        made = await api.add_audience(audience.name, audience.query)
        targets = []
        for keeper, destination_id in destinations:
            activation_id = await api.activate(
                made["id"],
                destination_id,
                f"{audience.name} → {keeper.name}",
                keeper.connection(made["key"]),
            )
            targets.append(Target(keeper, activation_id, made["key"]))
        activated.append(Activated(audience, made["id"], targets))
    return activated


async def replay_day(
    api: Api, activated: Sequence[Activated], truth: Truth, day: date, done: Callable[[], None]
) -> list[Row]:
    """One day of all audiences; ``done`` is called after each."""

    async def one(subject: Activated) -> Row:
        row = await _replay(api, subject, truth, day)
        done()
        return row

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(subject)) for subject in activated]
    return [task.result() for task in tasks]


async def _replay(api: Api, subject: Activated, truth: Truth, day: date) -> Row:
    started = time.monotonic()
    run = await api.run(subject.id, end_of(day))
    syncs = await asyncio.gather(
        *(
            api.delivered(subject.id, target.activation_id, run["snapshotId"])
            for target in subject.targets
        )
    )
    seconds = time.monotonic() - started
    for target, sync in zip(subject.targets, syncs, strict=True):
        await target.keeper.take_up(api, subject.id, sync)
    expected = await asyncio.to_thread(truth.members, subject.audience, day)
    held = {target.keeper.name: target.held() for target in subject.targets}
    main = syncs[0]
    return Row(
        day=day,
        audience=subject.audience.name,
        members=run["members"],
        entered=main["entered"],
        exited=main["exited"],
        delivered=main["delivered"],
        seconds=seconds,
        differences=differences(held, expected),
    )
