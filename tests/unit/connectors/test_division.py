from __future__ import annotations

import json
import random
from collections.abc import Collection, Sequence
from datetime import timedelta

import pytest

from app.connectors.base import Pending, Refusal
from app.connectors.division import Division, Reply
from app.connectors.errors import BudgetSpent, PayloadRejected, TransientFailure


class Partner:
    """Refuses parts that contain bad rows; names none of them, the first, or all. ``budget`` is the calls it may get."""

    def __init__(self, bad: Collection[int], names: str = "none", budget: int = 10**6) -> None:
        self.bad, self.names, self.budget = frozenset(bad), names, budget
        self.calls: list[list[int]] = []
        self.taken: list[int] = []

    async def send(self, part: Sequence[int]) -> Reply:
        if len(self.calls) >= self.budget:
            raise BudgetSpent("spent", retry_after=timedelta(seconds=3))
        self.calls.append(list(part))
        found = [number for number, row in enumerate(part) if row in self.bad]
        if not found:
            self.taken += part
            return Reply()
        named = {"none": [], "first": found[:1], "all": found}[self.names]
        refusals = {number: Refusal("bad", f"row {part[number]}") for number in named}
        return Reply(refusals, PayloadRejected("no", http_status=400))


async def finish(partner: Partner, rows: int, size: int = 1000) -> Division:
    handle = None
    for _ in range(100):
        division = Division(rows, size, partner.send)
        pending = await division.run(handle)
        if pending is None:
            return division
        handle = json.loads(json.dumps(dict(pending.handle)))
        partner.budget = 10**6
    raise AssertionError("no end")


@pytest.mark.parametrize("names", ["none", "first", "all"])
@pytest.mark.parametrize("seed", range(12))
async def test_exactly_the_bad_rows_are_rejected_and_all_others_sent_once(
    seed: int, names: str
) -> None:
    chance = random.Random(seed)
    rows, size = chance.choice([1, 2, 3, 20, 75, 1000]), chance.choice([1, 7, 50, 1000])
    bad = {chance.randrange(rows) for _ in range(chance.randint(0, 9))} - {chance.randrange(rows)}
    partner = Partner(bad, names, budget=chance.choice([1, 2, 5, 10**6]))
    division = await finish(partner, rows, size)
    assert set(division.rejected) == bad
    assert sorted(partner.taken) == sorted(set(range(rows)) - bad)
    assert len(partner.calls) <= 2 * rows + len(bad)


@pytest.mark.parametrize("names", ["none", "first"])
@pytest.mark.parametrize("rows", [4, 20, 1000])
async def test_if_everything_is_refused_no_row_is_the_cause(rows: int, names: str) -> None:
    partner = Partner(range(rows), names)
    with pytest.raises(PayloadRejected):
        await finish(partner, rows)
    assert len(partner.calls) <= max(30, rows)


async def test_a_row_that_is_named_alone_is_rejected() -> None:
    assert set((await finish(Partner({0}, "all"), 1)).rejected) == {0}
    with pytest.raises(PayloadRejected):
        await finish(Partner({0}), 1)


async def test_a_spent_budget_keeps_what_was_found() -> None:
    partner = Partner({3}, budget=3)
    pending = await Division(8, 8, partner.send).run()
    assert isinstance(pending, Pending)
    assert pending.check_after == timedelta(seconds=3)
    with pytest.raises(BudgetSpent):
        await Division(8, 8, partner.send).run()


async def test_other_failures_are_raised() -> None:
    async def send(part: Sequence[int]) -> Reply:
        raise TransientFailure("gone")

    with pytest.raises(TransientFailure):
        await Division(8, 8, send).run()


async def test_nothing_to_send() -> None:
    assert await Division(0, 50, Partner({}).send).run() is None
