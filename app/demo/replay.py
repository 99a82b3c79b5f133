"""The replay: computes, delivers and compares the audiences of each day, in parallel."""

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
    """One activation of an audience, and the keeper of its list."""

    keeper: Keeper
    activation_id: str
    audience_key: str

    def held(self) -> set[str]:
        """Return the ids of the households on the list."""
        return self.keeper.held(self.activation_id, self.audience_key)


@dataclass(frozen=True, slots=True)
class Activated:
    """An audience in the service, with its activations, the main one first."""

    audience: DemoAudience
    id: str
    targets: Sequence[Target]


@dataclass(frozen=True, slots=True)
class Row:
    """The result of one audience on one day. The counts are those of the main destination's sync."""

    day: date
    audience: str
    members: int
    entered: int
    exited: int
    delivered: int
    seconds: float
    differences: Sequence[str]


async def set_up(api: Api, destinations: Sequence[tuple[Keeper, str]]) -> list[Activated]:
    """Create the four audiences, and activate each at each destination."""
    activated = []
    for audience in AUDIENCES:
        created = await api.add_audience(audience.name, audience.query)
        targets = []
        for keeper, destination_id in destinations:
            activation_id = await api.activate(
                created["id"],
                destination_id,
                f"{audience.name} → {keeper.name}",
                keeper.connection(created["key"]),
            )
            targets.append(Target(keeper, activation_id, created["key"]))
        activated.append(Activated(audience, created["id"], targets))
    return activated


async def replay_day(
    api: Api, activated: Sequence[Activated], truth: Truth, day: date, done: Callable[[], None]
) -> list[Row]:
    """Replay one day of all audiences in parallel. Calls ``done`` after each audience."""

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
        await target.keeper.fetch(api, subject.id, sync)
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
