"""Two profiles with one address in two arms of one list: the partner knows the address, and no arms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.domain.changes import ChangeKind, Mode
from app.domain.splits import assign
from app.snapshots.holdings import fold_outcome
from app.snapshots.plan import read_plan, write_plan
from app.snapshots.sql import Cursor
from app.snapshots.types import Arm, BatchOutcome, KeyField, LocalManifest, PlanSpec, PlanStats
from tests.unit.snapshots.files import create_spec, fresh, snapshot

A, B = Arm("A", 1, place="A"), Arm("B", 1, place="B")
ADDRESS = "both@example.com"


def spec_of(number: int, *arms: Arm, **changes: Any) -> PlanSpec:
    fields = (KeyField("email", "last", "email"),)
    return create_spec(
        key="identifiers", fields=fields, arms=arms, split_seed="s", sync_number=number, **changes
    )


class List:
    """One list at a partner, and what we think of it."""

    def __init__(self, cursor: Cursor, folder: Path) -> None:
        self.cursor, self.folder = cursor, folder
        self.members: set[str] = set()
        self.held = LocalManifest()
        self.said: list[tuple[str, str]] = []

    def sync(
        self, spec: PlanSpec, profiles: list[str], refusing: ChangeKind | None = None
    ) -> PlanStats:
        """Plan for profiles that share an address, deliver, fold."""
        wanted = snapshot(
            self.cursor, self.folder, [{"profile_id": one, "email": ADDRESS} for one in profiles]
        )
        plan, outcome = fresh(self.folder), fresh(self.folder)
        stats = write_plan(self.cursor, spec, [wanted], self.held, plan)
        self.said = []
        batches = []
        for number, cut in enumerate(stats.cuts, 1):
            refused = {}
            for index, change in enumerate(read_plan(self.cursor, plan, cut.first_row, cut.rows)):
                self.said.append((str(change.kind), change.key))
                if change.kind is refusing:
                    refused[index] = ("refused", "not now")
                elif change.kind is ChangeKind.EXITED:
                    self.members.discard(change.key)
                else:
                    self.members.add(change.key)
            batches.append(
                BatchOutcome(number, cut.first_row, cut.rows, "settled", rejected=refused)
            )
        fold_outcome(self.cursor, plan, self.held, batches, spec, outcome)
        self.held = LocalManifest(self.held.base, (*self.held.deltas, outcome))
        return stats


@pytest.fixture
def in_each_arm(cursor: Cursor, folder: Path) -> tuple[str, str]:
    """A profile of A and one of B, of which that of A is the lower."""
    arms = [("A", 1.0), ("B", 1.0)]
    ids = [f"p{number:02}" for number in range(30)]
    first = next(one for one in ids if assign("s", arms, one) == "A")
    second = next(one for one in ids if assign("s", arms, one) == "B" and one > first)
    return first, second


def test_it_is_said_once(cursor: Cursor, folder: Path, in_each_arm: tuple[str, str]) -> None:
    there = List(cursor, folder)
    stats = there.sync(spec_of(1, A, B), [*in_each_arm])
    assert there.said == [("entered", ADDRESS)]
    assert (stats.wanted, stats.left_out) == (1, {"shared_key": 1})


@pytest.mark.parametrize("leaving", [0, 1])
def test_it_stays_when_one_of_them_leaves(
    cursor: Cursor, folder: Path, in_each_arm: tuple[str, str], leaving: int
) -> None:
    there = List(cursor, folder)
    there.sync(spec_of(1, A, B), [*in_each_arm])
    there.sync(spec_of(2, A, B), [in_each_arm[1 - leaving]])
    assert there.members == {ADDRESS}


def test_an_exit_that_was_refused_does_not_take_out_who_came_to_another_arm(
    cursor: Cursor, folder: Path, in_each_arm: tuple[str, str]
) -> None:
    there = List(cursor, folder)
    there.sync(spec_of(1, A, B), [in_each_arm[0]])
    there.sync(spec_of(2, A, B), [in_each_arm[1]], refusing=ChangeKind.EXITED)
    assert there.said == [("exited", ADDRESS), ("entered", ADDRESS)]
    there.sync(spec_of(3, A, B), [in_each_arm[1]])
    assert there.said == []
    assert there.members == {ADDRESS}
    there.sync(spec_of(4, A, B), [])
    assert there.members == set()


def test_nor_when_the_split_has_ended(
    cursor: Cursor, folder: Path, in_each_arm: tuple[str, str]
) -> None:
    there = List(cursor, folder)
    there.sync(spec_of(1, A, B), [in_each_arm[0]])
    there.sync(spec_of(2), [in_each_arm[0]], refusing=ChangeKind.EXITED)
    there.sync(spec_of(3), [in_each_arm[0]])
    assert there.members == {ADDRESS}


def test_what_mode_remove_took_out_of_one_arm_is_held_in_none(
    cursor: Cursor, folder: Path, in_each_arm: tuple[str, str]
) -> None:
    """An earlier split left the address in an arm, and mode append does not take it out of there."""
    there = List(cursor, folder)
    there.sync(spec_of(1), [in_each_arm[0]])
    there.sync(spec_of(2, A, B, mode=Mode.APPEND), [in_each_arm[0]])
    there.sync(spec_of(3, A, B, mode=Mode.REMOVE), [in_each_arm[0]])
    assert there.members == set()
    there.sync(spec_of(4), [in_each_arm[0]])
    assert there.members == {ADDRESS}


def test_of_two_arms_that_it_leaves_it_is_said_of_one(
    cursor: Cursor, folder: Path, in_each_arm: tuple[str, str]
) -> None:
    there = List(cursor, folder)
    there.sync(spec_of(1), [in_each_arm[0]])
    there.sync(spec_of(2, A, B, mode=Mode.APPEND), [in_each_arm[0]])
    there.sync(spec_of(3, A, B), [])
    assert there.said == [("exited", ADDRESS)]
    assert there.sync(spec_of(4, A, B), []).changes == 0


def test_arms_with_lists_of_their_own_each_have_it(
    cursor: Cursor, folder: Path, in_each_arm: tuple[str, str]
) -> None:
    own = [Arm(name, 1, place=f'{{"@arm":"{name}","@own":true}}') for name in "AB"]
    there = List(cursor, folder)
    assert there.sync(spec_of(1, *own), [*in_each_arm]).entered == 2


def test_mode_remove_takes_all_out(
    cursor: Cursor, folder: Path, in_each_arm: tuple[str, str]
) -> None:
    there = List(cursor, folder)
    there.sync(spec_of(1, A, B), [*in_each_arm])
    there.sync(spec_of(2, A, B, mode=Mode.REMOVE), [*in_each_arm])
    assert there.members == set()
