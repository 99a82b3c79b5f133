"""A state machine of one activation: after any sequence of steps, its destination equals its audience.

Steps are uploads, patches, rollbacks, resyncs, changes of the configuration and of the account, faults and refusals of the
receiver, cancels, and workers that die anywhere, in any order. The work between them is carried out step by step. At times
all faults and all work end, and the receiver's list and its record of changes are compared with the truth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from random import Random
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from app.core.errors import Conflict
from app.domain.changes import ChangeKind
from app.queue import Task
from app.services.planning import batches
from app.services.platform.platform import Platform
from tests.flow import SECRET, Flow, installation
from tests.machine import truth
from tests.machine.books import Books
from tests.machine.choices import ARMS, FAULTS, IDENTITIES, TOLD, TYPES, arms_of, seeds
from tests.machine.life import Life
from tests.machine.partner import REFUSED, SLUG, Ledger
from tests.machine.truth import People, Told

T = TypeVar("T")


def _wire(told: dict[str, Any]) -> dict[str, Any]:
    """Return a change in the form of the API's delivery options."""
    if "consent" in told:
        return {"consent": "consents" if told["consent"] else None}
    return told


class History(RuleBasedStateMachine):
    """One activation on a webhook. A subclass adds the situations, and sets ``runner`` and ``platform``."""

    runner: asyncio.Runner
    platform: Platform
    differences: ClassVar[list[str]]  # the findings of all histories of a class
    flow: Flow
    receiver: Ledger
    life: Life
    books: Books

    def __init__(self) -> None:
        super().__init__()
        self.stack = AsyncExitStack()
        self.begun = False
        self.broken = False
        self.versions: list[People] = []
        self.pinned: int | None = None
        self.told = Told()
        self.refused = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the machine's event loop, and record its error."""
        try:
            return self.runner.run(work)
        except BaseException as error:
            self.broken = True
            self.differences.append(f"{type(error).__name__}: {error}")
            raise

    @property
    def now(self) -> People:
        """The membership that the activation sends."""
        return self.versions[-1 if self.pinned is None else self.pinned]

    def wanted(self) -> dict[str, truth.Item]:
        """Return the expected list, by id."""
        return truth.wanted(self.life.activation, self.now, self.told)

    @initialize(
        by_member=st.sampled_from([False, False, True]),
        type=st.sampled_from(TYPES),
        baseline=st.sampled_from([False, False, True]),
        spread=st.sampled_from([1, 2, 32]),
        seed=seeds,
    )
    def begin(self, by_member: bool, type: str, baseline: bool, spread: int, seed: int) -> None:
        """Create an activation before the audience's first snapshot, or after it with the members as baseline.

        ``spread``: in how many batches the calls of a plan are, at least; 32: each call is a batch.
        """
        batches.SPREAD = spread
        self.told = replace(self.told, by_member=by_member, type=type)
        self.run(self._begin(baseline and type != "Audience Exited", truth.people(seed)))

    async def _begin(self, baseline: bool, first: People) -> None:
        self.receiver = Ledger(SECRET)
        slug = "webhook" if self.told.by_member else SLUG
        self.flow = await self.stack.enter_async_context(
            installation(self.platform, receiver=self.receiver, slug=slug, batch_size=3)
        )
        if baseline:
            await self._supply(Life(self.flow, ""), first)
        activation = await self.flow.activate(
            type=self.told.type, resync=False, properties=self.told.traits
        )
        self.life = Life(self.flow, activation)
        self.books = Books(self.life, self.receiver)
        if baseline:
            self.receiver.fill(activation, self.wanted())
            await self.life.hand.quiet()
        else:
            await self._supply(self.life, first)
        if not self.told.enters:
            self.receiver.fill(activation, truth.every_id(self.told))
            self.books.left_behind.update(truth.every_id(self.told))
        self.begun = True

    async def _supply(self, life: Life, membership: People) -> None:
        await life.upload(membership)
        await life.compute()
        self.versions.append(membership)

    # The audience

    @rule(seed=seeds, dies=st.booleans())
    def upload(self, seed: int, dies: bool) -> None:
        """Upload another membership and compute it immediately, because the truth uses it."""
        membership = truth.people(seed)
        self.run(self._change_members(self.life.upload(membership), dies))
        self.versions.append(membership)

    @rule(seed=seeds, dies=st.booleans())
    def patch(self, seed: int, dies: bool) -> None:
        """Add, change or remove a few members."""
        random = Random(seed)
        current = self.versions[-1]
        chosen = random.sample(range(truth.PEOPLE), random.randint(1, 4))
        add = {f"p{number:02}": truth.person(number, random) for number in chosen}
        gone = [
            profile
            for profile in random.sample(sorted(current), min(2, len(current)))
            if profile not in add
        ]
        self.run(self._change_members(self.life.patch(add, gone), dies))
        self.versions.append(
            {profile: one for profile, one in {**current, **add}.items() if profile not in gone}
        )

    async def _change_members(self, change: Coroutine[Any, Any, None], dies: bool) -> None:
        await change
        if dies:
            await self.life.hand.die_computing()
        await self.life.compute()

    @rule(choice=st.integers(0, 10))
    def roll_back(self, choice: int) -> None:
        """Pin the audience to one of its snapshots."""
        self.pinned = choice % len(self.versions)
        self.run(self.life.roll_back(self.pinned))

    @precondition(lambda self: self.pinned is not None)
    @rule()
    def release(self) -> None:
        """Return to the newest snapshot."""
        self.pinned = None
        self.run(self.life.release())

    # The configuration of the activation

    @rule(told=TOLD)
    def tell(self, told: dict[str, Any]) -> None:
        """Change the mode, updates, the consent filter or the traits."""
        self.told = replace(self.told, **told)
        if "traits" in told:
            profile = {"properties": list(told["traits"])}
            self.run(self.life.change(personalization={"profile": profile}))
        else:
            self.run(self.life.options(**_wire(told)))

    @rule(weights=st.tuples(*[st.integers(0, 3)] * len(ARMS)))
    def change_split(self, weights: tuple[int, ...]) -> None:
        """Change the arms and their weights, or remove the split."""
        arms = arms_of(weights)
        self.told = replace(self.told, arms=arms)
        told = [{"name": arm.name, "weight": arm.weight, "sent": arm.sent} for arm in arms]
        self.run(self.life.options(split={"arms": told} if arms else None))

    @rule(chosen=st.sampled_from(IDENTITIES))
    def choose_identities(self, chosen: tuple[tuple[str, str], ...]) -> None:
        """Choose other identifiers."""
        self.told = replace(self.told, identities=chosen)
        self.run(self.life.choose_identities(chosen))

    @rule(on=st.booleans())
    def change_brake(self, on: bool) -> None:
        """Set a brake with low thresholds, or none."""
        brake = {"enabled": on, "maxRemovalPercent": 20, "minRemovals": 2, "holdEmptyFrom": 3}
        self.run(self.life.options(brake=brake))

    @rule(enabled=st.booleans(), resync=st.sampled_from([False, False, True]))
    def switch(self, enabled: bool, resync: bool) -> None:
        """Enable or disable the activation, sometimes with a resync."""
        self.run(self.life.change(enabled=enabled, perform_resync=resync))

    @rule(rows=st.integers(1, 9))
    def change_account(self, rows: int) -> None:
        """Change the account's settings, which closes its circuit breaker."""
        self.run(self.flow.change_account({"batch_size": rows}))

    # Syncs

    @rule(
        kind=st.sampled_from(["incremental", "resync"]), dry=st.sampled_from([False, False, True])
    )
    def ask(self, kind: str, dry: bool) -> None:
        """Start a sync, or a dry run."""
        self.run(self._ask(kind, dry))

    async def _ask(self, kind: str, dry: bool) -> None:
        try:
            await self.life.start(kind, dry=dry)
        except Conflict:
            sync = await self.life.open_sync()
            tested = sync is not None and sync.kind == "test"
            assert tested or not await self.life.is_at_work(), (
                "an active activation refused to sync"
            )

    @rule()
    def cancel(self) -> None:
        """Cancel the open sync."""
        self.run(self.life.cancel())
        self.books.undone = True

    @rule(what=st.sampled_from(["approve", "retry", "forget"]))
    def intervene(self, what: str) -> None:
        """Approve a plan that is on hold, retry refused members, or forget the holdings."""
        there = set(self.receiver.listed(self.life.activation))
        deeds = {"approve": self.life.approve, "retry": self.life.retry, "forget": self.life.forget}
        if self.run(deeds[what]()) and what == "forget":
            # Entries that are not wanted stay on the list, because nothing removes them now.
            self.books.left_behind |= there
            self.books.undone = True

    @rule(
        number=st.integers(0, truth.PEOPLE - 1),
        kinds=st.lists(st.sampled_from(list(ChangeKind)), min_size=1, max_size=3),
    )
    def send_tests(self, number: int, kinds: list[ChangeKind]) -> None:
        """Send one member as a test, with any changes. The next sync corrects the result."""
        members = sorted(self.now)
        self.run(self.life.hand.once())
        for kind in kinds:
            if self.run(self.life.send_test(members[number % len(members)], kind)):
                self.books.undone = True

    # The receiver

    @rule(fault=st.sampled_from(FAULTS), times=st.integers(1, 4))
    def break_the_receiver(self, fault: dict[str, Any], times: int) -> None:
        """Make the next calls fail."""
        self.flow.sandbox.faults.add({**fault, "times": times})

    @rule(seed=seeds, share=st.sampled_from([0.0, 0.1, 0.5]))
    def refuse(self, seed: int, share: float) -> None:
        """Make the receiver refuse all changes of some members."""
        random = Random(seed)
        ids = [one for one in truth.every_id(self.told) if random.random() < share]
        self.receiver.refused = dict.fromkeys(ids, REFUSED)
        self.books.once_refused = True

    # Work

    @rule(task=st.sampled_from([Task.PLAN, Task.DELIVER, Task.SETTLE]))
    def work(self, task: Task) -> None:
        """Carry out one kind of due work."""
        self.run(self.life.hand.once(tasks=(task,)))

    @rule(rounds=st.integers(1, 4))
    def work_on(self, rounds: int) -> None:
        """Carry out all due work, some rounds long."""
        for _ in range(rounds):
            self.run(self.life.hand.once())

    @rule(
        seed=seeds,
        fault=st.sampled_from(FAULTS),
        times=st.integers(1, 12),
        cancelled=st.booleans(),
    )
    def go_wrong(self, seed: int, fault: dict[str, Any], times: int, cancelled: bool) -> None:
        """Plan a sync of another membership and send a part of it. Sometimes it is then cancelled."""
        self.upload(seed, dies=False)
        self.run(self.life.hand.once(tasks=(Task.SETTLE,)))
        self.run(self.life.hand.once(tasks=(Task.PLAN,)))
        self.break_the_receiver(fault, times)
        self.run(self.life.hand.once(tasks=(Task.DELIVER,)))
        if cancelled:
            self.cancel()

    @rule(where=st.sampled_from(["planning", "before sending", "after sending", "settling"]))
    def die(self, where: str) -> None:
        """Stop a worker before it records its result."""
        hand = self.life.hand
        match where:
            case "planning":
                self.run(hand.die_planning())
            case "settling":
                self.run(hand.die_settling())
            case _:
                self.run(hand.die_sending(sent=where == "after sending"))

    @rule()
    def write_late(self) -> None:
        """Let a stopped worker write its result."""
        self.run(self.life.hand.write_late())

    @rule(where=st.sampled_from(["planning", "after sending", "settling"]))
    def be_late(self, where: str) -> None:
        """Let a worker write its result after another worker has taken over."""
        self.die(where)
        self.run(self.life.hand.once())
        self.write_late()

    # Comparison

    @rule()
    def look(self) -> None:
        """End all faults and all work, and check the list."""
        self.run(self.books.look(self.told, self.now))

    @rule()
    def look_and_say(self) -> None:
        """Check the list, then replace the recorded holdings by it, and check that nothing is sent."""
        self.look()
        if self.books.is_exact(self.told, self.now):
            self.run(self.books.say_again(self.told, self.now))

    def teardown(self) -> None:
        """End all refusals, and check that all changes are sent."""
        batches.SPREAD = 32
        try:
            if self.begun and not self.broken:
                self.receiver.refused = {}
                self.told = replace(self.told, mode="maintain")
                self.run(self._end())
        finally:
            self.runner.run(self.stack.aclose())

    async def _end(self) -> None:
        while self.life.hand.late:
            await self.life.hand.write_late()
        await self.life.options(mode="maintain")
        await self.books.look(self.told, self.now)  # owners, with and without updates
        self.told = replace(self.told, updates=True)
        await self.life.options(updates=True)
        await self.books.look(self.told, self.now)
        await self.books.balance()
