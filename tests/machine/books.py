"""The comparison of a destination with the truth, when all has calmed down."""

from __future__ import annotations

from typing import Any

from app.storage.models import Sync
from tests.machine import truth
from tests.machine.life import Life
from tests.machine.partner import Heard, Ledger
from tests.machine.truth import People, Told

SENT = ("complete", "failed", "cancelled")


class Books:
    """What is known of one activation's destination from look to look."""

    def __init__(self, life: Life, receiver: Ledger) -> None:
        self.life = life
        self.receiver = receiver
        #: What is on the list and nobody has to take out: others put it there, or it was forgotten.
        self.left_behind: set[str] = set()
        self.once_refused = False  # somebody was, and nobody has asked again since
        #: A sync was cancelled, the holdings forgotten, or a test sent: that waits for somebody to ask.
        self.undone = False

    async def look(self, told: Told, members: People) -> None:
        """Let all faults pass and all work end; the list is as it should be, and another sync has nothing to do."""
        await self._calm_down()
        want = truth.wanted(self.life.activation, members, told)
        self._compare(told, want)
        if told.mode != "remove":
            self.left_behind -= want.keys() - self.receiver.refused.keys()
        self._check_messages(await self._syncs())
        if not self.receiver.refused:
            await self._check_idle()

    async def _calm_down(self) -> None:
        life = self.life
        life.flow.sandbox.faults.clear()
        assert await life.check_account(), "the account's check did not pass"
        if not await life.is_at_work():
            await life.change(enabled=True)
        await self._end_all()
        if self.once_refused:
            assert await life.retry(), "nothing could be retried"
            self.once_refused = bool(self.receiver.refused)
        elif self.undone:
            await life.start()
        self.undone = False
        await self._end_all()

    async def _end_all(self) -> None:
        await self.life.hand.quiet()
        while True:
            sync = await self.life.open_sync()
            if sync is None:
                return
            assert sync.state == "held"
            assert sync.number not in self.receiver.heard, "a held plan was sent"
            await self.life.approve()
            await self.life.hand.quiet()

    def _compare(self, told: Told, want: dict[str, truth.Item]) -> None:
        listed = self.receiver.listed(self.life.activation)
        refused = self.receiver.refused.keys()
        settled = want.keys() - refused
        if told.mode == "remove":
            assert not (told.exits and settled & listed.keys()), "somebody was not taken out"
            return
        if told.enters:
            assert settled <= listed.keys(), f"missing: {sorted(settled - listed.keys())}"
        if told.enters and told.sends_updates:
            sent = {key: want[key] for key in settled}
            assert {key: listed[key] for key in settled} == sent, "old identifiers or traits"
        if told.mode == "maintain" and told.exits:
            kept = listed.keys() - want.keys() - refused - self.left_behind
            assert not kept, f"left on the list: {sorted(kept)}"

    async def _syncs(self) -> list[Sync]:
        return [
            sync
            for sync in await self.life.flow.syncs(self.life.activation)
            if sync.kind != "dry_run"
        ]

    def _check_messages(self, syncs: list[Sync]) -> None:
        """Nothing came in the wrong order, in other words the second time, or twice in one plan."""
        stats = self.receiver.stats()
        assert stats["inversions"] == 0, "older news came after newer"
        assert stats["changed_repeats"] == 0, "a retry had other bytes"
        silent = {
            sync.number for sync in syncs if sync.state not in SENT or sync.kind == "baseline"
        }
        assert not silent & self.receiver.heard.keys(), "a sync was sent that had not to be"
        for number, heard in self.receiver.heard.items():
            assert not heard.twice, f"sync {number} said twice: {heard.twice}"

    async def balance(self) -> None:
        """Each change of every plan is accounted for, and what was delivered has arrived."""
        for sync in await self._syncs():
            if sync.state not in SENT:
                continue
            done = sync.delivered + sync.rejected + sync.skipped
            arrived = len(self.receiver.heard.get(sync.number, Heard()).changes)
            case: Any = (sync.number, sync.kind, sync.state, sync.planned, done, arrived)
            assert done <= sync.planned, f"more done than planned: {case}"
            assert sync.skipped == 0, f"skipped: {case}"
            assert done <= arrived <= sync.planned, f"delivered and not arrived: {case}"
            if sync.state == "complete":
                assert done == sync.planned == arrived, f"does not add up: {case}"

    async def _check_idle(self) -> None:
        await self.life.start()
        await self.life.hand.quiet()
        last = (await self._syncs())[-1]
        assert (last.state, last.planned) == ("complete", 0), (
            f"a sync without a reason: {last.entered} in, {last.exited} out, {last.updated} changed"
        )

    def is_exact(self, told: Told, members: People) -> bool:
        """Whether all that is wanted is on the list, as it is wanted."""
        listed = self.receiver.listed(self.life.activation)
        want = truth.wanted(self.life.activation, members, told)
        return told.mode != "remove" and all(listed.get(key) == item for key, item in want.items())

    async def say_again(self, told: Told, members: People) -> None:
        """What is at the destination, said by somebody in place of what we thought: nothing is to be sent."""
        want = truth.wanted(self.life.activation, members, told)
        self.left_behind |= self.receiver.listed(self.life.activation).keys() - want.keys()
        await self.life.seed(members)
        await self._check_idle()
        self._compare(told, want)
