"""Exits that are withheld: the holdings change with the plan, or not at all."""

from __future__ import annotations

import pytest

from app.queue import Task
from app.services.planning import plan
from app.services.platform.platform import Platform
from app.snapshots.engine import manifests
from tests.integration.services.places.owners import IDENTITY, owners


@pytest.mark.walk
async def test_a_plan_is_computed_again_if_the_other_changes_meanwhile(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with owners(platform) as them:
        await them.share("ab", **IDENTITY)
        computed = plan._compute
        times = 0

        async def compute(*args: object) -> object:
            nonlocal times
            times += 1
            stats = await computed(*args)  # type: ignore[arg-type]
            if times == 1:  # while the plan of one is computed, the other drops b too
                await them.other.supply("a")
                await them.plan()
            return stats

        await them.one.supply("a")
        monkeypatch.setattr(plan, "_compute", compute)
        await them.plan()
        assert times == 3  # of one, of the other, and of one again
        planned = {owner.id: (await owner.newest()).exited for owner in (them.one, them.other)}
        assert planned == {them.one.id: 1, them.other.id: 0}
        await them.all()
        assert them.marked() == {"a"}


@pytest.mark.walk
async def test_deltas_are_compacted(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "MOST_DELTAS", 1)
    async with owners(platform) as them:
        await them.share("abcde", **IDENTITY)
        for left in ("bcde", "cde"):
            await them.one.supply(left)
            await them.hand.once(tasks=(Task.PLAN,))
            await them.hand.once(tasks=(Task.SETTLE,))
        activation = await them.one.flow.activation(them.one.id)
        assert activation.held == 3
        assert activation.holdings is not None
        assert [len(activation.holdings[part]) for part in ("base", "deltas")] == [1, 0]
