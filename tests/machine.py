"""A state machine of one activation: whatever happens to it, its destination ends as its audience.

Uploads, rollbacks, resyncs, changes of the configuration, faults of the receiver, cancels and crashes come in any order;
the work between them is done by hand, a piece at a time. When all has calmed down the receiver's list is compared with
what the audience wants, worked out from the uploads alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from app.core import clock
from app.core.errors import Conflict
from app.domain.splits import assign
from app.queue import Task
from app.services import reconciling, runs, syncs
from app.services.platform import Platform
from app.storage.models import Activation, Destination, Sync
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.syncs import SyncRepository
from tests.flow import ACTOR, Flow, installation
from tests.stepping import LANE, Hand

T = TypeVar("T")
PEOPLE = 40
ARM, CONTROL = "A", "control"
FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 429, "retry_after": 0},
    {"kind": "cut"},
    {"kind": "cut_before"},
    {"kind": "apply_then_status", "status": 500},
]
#: People by number, as bits: shrinks well, and half of them leave at once now and then. An empty upload is refused.
memberships = st.integers(1, 2**PEOPLE - 1).map(
    lambda bits: frozenset(number for number in range(PEOPLE) if bits >> number & 1)
)


class ActivationMachine(RuleBasedStateMachine):
    """One activation on a webhook. ``runner`` and ``platform`` are set by who makes a class of it."""

    runner: asyncio.Runner
    platform: Platform
    splits = True

    def __init__(self) -> None:
        super().__init__()
        self.stack = AsyncExitStack()
        self.flow: Flow = self.run(self.stack.enter_async_context(installation(self.platform)))
        self.hand = Hand(self.flow)
        self.activation = ""
        self.uploads: list[frozenset[int]] = []
        self.pinned: int | None = None
        self.control: int = 0  # weight, of 10

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it in the machine's loop."""
        return self.runner.run(work)

    @initialize(resync=st.booleans(), members=memberships)
    def begin(self, resync: bool, members: frozenset[int]) -> None:
        """Without a snapshot there is no baseline: the first one enters either way."""
        self.activation = self.run(self.flow.activate(resync=resync, properties=["city"]))
        self.upload(members, "Bern")

    @rule(members=memberships, city=st.sampled_from(["Bern", "Graz"]))
    def upload(self, members: frozenset[int], city: str) -> None:
        """Another membership; it is computed at once, since the model goes by it."""
        rows = [
            {"profile_id": f"p{n}", "email": f"p{n}@example.com", "city": city}
            for n in sorted(members)
        ]
        self.run(self.flow.supply(rows))
        self.run(self.hand.once(tasks=(Task.RECOMPUTE,)))
        self.uploads.append(members)

    @rule(choice=st.integers(0, 10))
    def roll_back(self, choice: int) -> None:
        """Pin the audience to one of its snapshots."""
        self.pinned = choice % len(self.uploads)
        self.run(self._roll_back(self.pinned))

    async def _roll_back(self, index: int) -> None:
        flow = self.flow
        async with self.platform.unit_of_work() as session:
            page = await RunRepository(session).snapshots(
                flow.space_id, flow.audience_id, before=None, limit=1000
            )
            found = sorted(page, key=lambda snapshot: snapshot.version)[index]
            await runs.rollback(
                session,
                flow.space_id,
                flow.audience_id,
                found.id,
                actor=ACTOR,
                now=clock.now(),
            )

    @precondition(lambda self: self.pinned is not None)
    @rule()
    def release(self) -> None:
        """Go on from the newest snapshot."""
        self.pinned = None
        self.run(self._release())

    async def _release(self) -> None:
        async with self.platform.unit_of_work() as session:
            await runs.release(
                session, self.flow.space_id, self.flow.audience_id, actor=ACTOR, now=clock.now()
            )

    @rule(mode=st.sampled_from(["maintain", "append", "remove"]))
    def change_mode(self, mode: str) -> None:
        """Another mode."""
        self.run(self.hand.configure(self.activation, mode=mode))

    @rule(updates=st.booleans())
    def change_updates(self, updates: bool) -> None:
        """Whether changed traits go out."""
        self.run(self.hand.configure(self.activation, updates=updates))

    @precondition(lambda self: self.splits)
    @rule(control=st.integers(0, 5))
    def change_split(self, control: int) -> None:
        """Another control group, or none."""
        self.control = control
        arms = [
            {"name": ARM, "weight": 10 - control},
            {"name": CONTROL, "weight": control, "sent": False},
        ]
        self.run(self.hand.configure(self.activation, split=arms if control else None))

    @rule(enabled=st.booleans())
    def switch(self, enabled: bool) -> None:
        """Off and on."""
        self.run(self._switch(enabled))

    async def _switch(self, enabled: bool) -> None:
        async with self.platform.unit_of_work() as session:
            row = await session.get(Activation, (self.flow.space_id, self.activation))
            assert row is not None
            row.enabled, row.state = enabled, "active" if enabled else "inactive"
            await reconciling.configuration_changed(
                session, row, resync=False, actor=ACTOR, now=clock.now()
            )

    @rule(kind=st.sampled_from(["incremental", "resync"]))
    def ask(self, kind: str) -> None:
        """Sync now, if it is enabled."""
        try:
            self.run(self.hand.start(self.activation, kind=kind))
        except Conflict:
            assert not self.run(self.flow.activation(self.activation)).enabled

    @rule()
    def cancel(self) -> None:
        """Cancel what is open."""
        self.run(self._cancel())

    async def _cancel(self) -> None:
        async with self.platform.unit_of_work() as session:
            sync = await SyncRepository(session).open_of(self.flow.space_id, self.activation)
            if sync is not None:
                await syncs.cancel(
                    session,
                    self.flow.space_id,
                    self.activation,
                    sync.id,
                    actor=ACTOR,
                    now=clock.now(),
                )

    @rule(fault=st.sampled_from(FAULTS), times=st.integers(1, 3))
    def break_the_receiver(self, fault: dict[str, Any], times: int) -> None:
        """The next calls go wrong."""
        self.flow.sandbox.faults.add({**fault, "times": times})

    @rule(task=st.sampled_from([Task.PLAN, Task.DELIVER, Task.SETTLE]))
    def work(self, task: Task) -> None:
        """A piece of the work."""
        self.run(self.hand.once(tasks=(task,)))

    @rule()
    def work_a_round(self) -> None:
        """A piece of all work."""
        self.run(self.hand.once())

    @rule()
    def crash_while_sending(self) -> None:
        """Batches are sent, and nobody writes it down."""
        self.run(self.hand.crash_while_sending())

    @rule()
    def crash_while_planning(self) -> None:
        """A worker takes a sync and is not heard of again."""
        self.run(self._crash_while_planning())

    async def _crash_while_planning(self) -> None:
        lease = self.platform.settings.lease
        async with self.platform.unit_of_work() as session:
            repository = SyncRepository(session)
            sync = await repository.open_of(self.flow.space_id, self.activation)
            if sync is not None:
                await repository.claim(
                    sync.space_id, sync.id, ("new", "pending", "running"), LANE, lease
                )
        await self.hand.lose_leases()

    def teardown(self) -> None:
        """All calms down, and the destination is as the audience."""
        try:
            if self.activation:
                self.run(self._calm_down())
                self._compare()
        finally:
            self.run(self.stack.aclose())

    async def _calm_down(self) -> None:
        self.flow.sandbox.faults.clear()
        async with self.platform.unit_of_work() as session:
            account = await session.get(Destination, (self.flow.space_id, self.flow.destination_id))
            assert account is not None
            await reconciling.account_healed(session, account, actor=ACTOR, now=clock.now())
        await self._switch(True)
        await self.hand.configure(self.activation, mode="maintain")
        await self.hand.quiet()
        await self.hand.start(self.activation)
        await self.hand.quiet()

    def _compare(self) -> None:
        wanted = self.uploads[-1 if self.pinned is None else self.pinned]
        arms = [(ARM, 10.0 - self.control), (CONTROL, float(self.control))]
        profiles = {f"p{number}" for number in wanted}
        expected = {one for one in profiles if assign(self.activation, arms, one) == ARM}
        last: Sync = self.run(self.flow.syncs(self.activation))[-1]
        assert last.state == "complete"
        assert self.flow.received(self.activation) == expected
        assert self.flow.receiver.stats()["changed_repeats"] == 0
