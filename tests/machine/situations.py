"""Situations that random steps reach too rarely. Each is one step: it begins with a correct list, and ends with a look."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from app.domain.changes import ChangeKind
from app.queue import Task
from tests.machine import truth
from tests.machine.choices import APPLIED, LOST, seeds
from tests.machine.history import History
from tests.machine.truth import People

_PROFILES = [f"p{number:02}" for number in range(truth.PEOPLE)]


class Situations(History):
    """One activation. Half of its histories also have situations, which take the time of many random steps."""

    has_situations = True

    @initialize(chosen=st.booleans())
    def choose(self, chosen: bool) -> None:
        """Decide whether this history has situations."""
        self.has_situations = chosen

    @precondition(lambda self: self.has_situations)
    @rule(seed=seeds, fault=st.sampled_from(LOST))
    def lose_entries(self, seed: int, fault: dict[str, Any]) -> None:
        """Cancel a sync of newcomers whose entries got no response, and look: they must be sent again.

        In a sync of other memberships, members move to other keys: then exits go first, and no entry is tried.
        """
        self._come(seed)
        self._fail(fault)
        self.look()

    @precondition(lambda self: self.has_situations)
    @rule(seed=seeds, fault=st.sampled_from(APPLIED))
    def leave_after_a_lost_response(self, seed: int, fault: dict[str, Any]) -> None:
        """Cancel a sync of newcomers whose entries were applied without a response, let the newcomers leave, and look."""
        chosen = self._come(seed)
        self._fail(fault)
        self._patch({}, sorted(chosen))
        self.look()

    @precondition(lambda self: self.has_situations)
    @rule(seed=seeds)
    def test_a_newcomer(self, seed: int) -> None:
        """Send a newcomer a test update before it is entered, and look: it must still be entered."""
        chosen = self._come(seed)
        self.cancel()
        listed = self.receiver.listed(self.life.activation)
        missing = [
            item["traits"]["name"] for key, item in self.wanted().items() if key not in listed
        ]
        for profile in [name for name in missing if name in chosen][:1]:
            self.run(self.life.send_test(profile, ChangeKind.UPDATED))
        self.look()

    @precondition(lambda self: self.has_situations)
    @rule(seed=seeds)
    def plan_late(self, seed: int) -> None:
        """Let a worker write the plan of newcomers after another worker has written it."""
        self._come(seed)
        while self.life.hand.late:
            self.write_late()
        self.die("planning")
        self.run(self.life.hand.once(tasks=(Task.PLAN,)))
        self.write_late()
        self.look()

    def _come(self, seed: int) -> People:
        """Look, then add four profiles to the newest membership. Returns those who are added.

        If fewer than four are absent, some members leave first.
        """
        if self.pinned is not None:
            self.release()
        absent = [profile for profile in _PROFILES if profile not in self.versions[-1]]
        if len(absent) < 4:
            absent = list(_PROFILES[:4])
            self._patch({}, [profile for profile in absent if profile in self.versions[-1]])
        self.look()
        random = Random(seed)
        chosen = {profile: truth.person(int(profile[1:]), random) for profile in absent[:4]}
        self._patch(chosen, [])
        return chosen

    def _patch(self, add: People, gone: list[str]) -> None:
        self.run(self._change_members(self.life.patch(add, gone), False))
        kept = {profile: one for profile, one in self.versions[-1].items() if profile not in gone}
        self.versions.append({**kept, **add})

    def _fail(self, fault: dict[str, Any]) -> None:
        """Plan the open sync, send it with a fault, and cancel it."""
        self.run(self.life.hand.once(tasks=(Task.PLAN,)))
        self.break_the_receiver(fault, 12)
        self.run(self.life.hand.once(tasks=(Task.DELIVER,)))
        self.cancel()
