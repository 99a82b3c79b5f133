"""The comparison of a destination with the truth, after all faults have passed and all work has ended."""

from __future__ import annotations

from typing import Any

from app.storage.models import Sync
from tests.machine import truth
from tests.machine.life import Life
from tests.machine.partner import REFUSED, Heard, Ledger
from tests.machine.truth import People, Told

SENT = ("complete", "failed", "cancelled")


def refused_unread(sync: Sync) -> int:
    """Count the changes whose messages were refused as a whole, by a fault: the receiver has not read them."""
    samples = (sync.rejections or {}).get("samples", ())
    return sum(sample["message"] != REFUSED for sample in samples)


class Books:
    """The facts about one activation's destination that the comparisons keep."""

    def __init__(self, life: Life, receiver: Ledger) -> None:
        self.life = life
        self.receiver = receiver
        #: Entries that nothing has to remove: another product added them, or the holdings were forgotten.
        self.left_behind: set[str] = set()
        self.looked = 0  # the number of the last sync that was looked at
        self.once_refused = False  # a member was refused and has not been retried since
        #: A sync was cancelled, the holdings were forgotten, or a test was sent: only a requested sync corrects that.
        self.undone = False

    async def look(self, told: Told, members: People) -> None:
        """End all faults and all work, then check that the list is correct and that another sync has nothing to do."""
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
        assert await life.check_account(), "the account's check failed"
        if not await life.is_at_work():
            await life.change(enabled=True)
        await self._end_all()
        syncs = await self._syncs()
        if self.once_refused or any(
            refused_unread(sync) for sync in syncs if sync.number > self.looked
        ):
            assert await life.retry(), "there was nothing to retry"
            self.once_refused = bool(self.receiver.refused)
        elif self.undone:
            await life.start()
        self.undone = False
        await self._end_all()
        self.looked = (await self._syncs())[-1].number

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
            assert not (told.exits and settled & listed.keys()), "a member was not removed"
            return
        if told.enters:
            assert settled <= listed.keys(), f"missing: {sorted(settled - listed.keys())}"
        if told.enters:
            self._compare_owners(want, settled)
        if told.enters and told.sends_updates:
            sent = {key: want[key] for key in settled}
            assert {key: listed[key] for key in settled} == sent, "old identifiers or traits"
        if told.mode == "maintain" and told.exits:
            kept = listed.keys() - want.keys() - refused - self.left_behind
            assert not kept, f"left on the list: {sorted(kept)}"

    def _compare_owners(self, want: dict[str, truth.Item], keys: set[str]) -> None:
        """Check that each value was sent for the profile that has it now. Without updates, other traits may be older."""
        listed = self.receiver.listed(self.life.activation)
        sent = {key: listed[key]["traits"].get("name") for key in keys}
        assert sent == {key: want[key]["traits"]["name"] for key in keys}, "a former owner"

    async def _syncs(self) -> list[Sync]:
        return [
            sync
            for sync in await self.life.flow.syncs(self.life.activation)
            if sync.kind != "dry_run"
        ]

    def _check_messages(self, syncs: list[Sync]) -> None:
        """Check that no message arrived in the wrong order, was changed by a retry, or repeated a change of its plan."""
        stats = self.receiver.stats()
        assert stats["inversions"] == 0, "an older message arrived after a newer one"
        assert stats["changed_repeats"] == 0, "a retry had other bytes"
        silent = {
            sync.number for sync in syncs if sync.state not in SENT or sync.kind == "baseline"
        }
        assert not silent & self.receiver.heard.keys(), "a sync was sent that should not have been"
        for number, heard in self.receiver.heard.items():
            assert not heard.twice, f"sync {number} sent changes twice: {heard.twice}"

    async def balance(self) -> None:
        """Check that each planned change has an outcome, and that each delivered change has arrived."""
        for sync in await self._syncs():
            if sync.state not in SENT:
                continue
            done = sync.delivered + sync.rejected + sync.skipped
            arrived = len(self.receiver.heard.get(sync.number, Heard()).changes)
            case: Any = (sync.number, sync.kind, sync.state, sync.planned, done, arrived)
            assert done <= sync.planned, f"more done than planned: {case}"
            assert sync.skipped == 0, f"skipped: {case}"
            unread = refused_unread(sync)
            assert done - unread <= arrived <= sync.planned, f"delivered but not arrived: {case}"
            if sync.state == "complete":
                assert done == sync.planned <= arrived + unread, f"does not add up: {case}"

    async def _check_idle(self) -> None:
        await self.life.start()
        await self.life.hand.quiet()
        last = (await self._syncs())[-1]
        assert (last.state, last.planned) == ("complete", 0), (
            f"a sync without a reason: {last.entered} in, {last.exited} out, {last.updated} changed"
        )

    def is_exact(self, told: Told, members: People) -> bool:
        """Check whether all wanted members are on the list with the wanted values."""
        listed = self.receiver.listed(self.life.activation)
        want = truth.wanted(self.life.activation, members, told)
        return told.mode != "remove" and all(listed.get(key) == item for key, item in want.items())

    async def say_again(self, told: Told, members: People) -> None:
        """Replace the recorded holdings by the actual list, and check that nothing is sent because of that."""
        want = truth.wanted(self.life.activation, members, told)
        self.left_behind |= self.receiver.listed(self.life.activation).keys() - want.keys()
        activation = self.life.activation
        # Others would be removed by the next sync: who is on a list is there without consent, too.
        sent = {
            profile: one
            for profile, one in members.items()
            if truth.is_sent(activation, profile, one, told)
        }
        await self.life.seed(sent)
        await self._check_idle()
        self._compare(told, want)
