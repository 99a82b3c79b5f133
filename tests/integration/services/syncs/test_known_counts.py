"""The counts of an activation are those of its holdings, although no plan and no end of a sync counts all rows again."""

from __future__ import annotations

from typing import Any

import pytest

from app.core import clock
from app.services.audiences.member_patches import patch_members
from app.services.syncs import count_manifest, known_counts, settle
from app.snapshots.engine import Manifest
from app.snapshots.holdings import outcomes
from app.snapshots.plans import plan as plans
from tests.flow import ACTOR, Flow

pytestmark = pytest.mark.installation(worker=True)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which of plans and ends of syncs counted all rows of the holdings."""
    found: list[str] = []
    for module in (plans, outcomes, settle):
        name, count = module.__name__.rpartition(".")[2], module.count_held

        def look(cursor: Any, manifest: Any, name: str = name, count: Any = count) -> Any:
            found.append(name)
            return count(cursor, manifest)

        monkeypatch.setattr(module, "count_held", look)
    return found


async def change(flow: Flow, activation: str, add: range, remove: range = range(0)) -> None:
    run = await patch_members(
        flow.platform,
        space_id=flow.space_id,
        audience_id=flow.audience_id,
        add=[{"profile_id": f"p{number}"} for number in add],
        remove=[f"p{number}" for number in remove],
        actor=ACTOR,
        now=clock.now(),
    )
    await flow.finished(run.id)
    await flow.quiet(activation)


async def seen(flow: Flow, activation: str) -> tuple[int, tuple[int, int] | None, tuple[int, int]]:
    """Return the wanted keys of the last sync, the known counts, and those of the files."""
    row = await flow.activation(activation)
    wanted = (await flow.syncs(activation))[-1].wanted or 0
    files = await count_manifest(flow.platform, Manifest.from_json(row.holdings))
    return wanted, known_counts(row), files


@pytest.mark.walk
@pytest.mark.parametrize("resync", [True, False], ids=["sent", "assumed"])
async def test_counts_stay_those_of_the_files(flow: Flow, counted: list[str], resync: bool) -> None:
    await flow.members(range(30))
    activation = await flow.activate(resync=resync)
    await flow.quiet(activation)
    assumed = 0 if resync else 30
    assert await seen(flow, activation) == (30, (30, assumed), (30, assumed))
    counted.clear()
    await change(flow, activation, range(30, 40))
    await change(flow, activation, range(40, 41), range(5))
    await change(flow, activation, range(38, 42))
    left = max(0, assumed - 5)
    assert counted == []
    assert await seen(flow, activation) == (37, (37, left), (37, left))


@pytest.mark.walk
async def test_a_file_of_many_changes_is_counted(flow: Flow, counted: list[str]) -> None:
    await flow.members(range(10))
    activation = await flow.activate(resync=True)
    await flow.quiet(activation)
    counted.clear()
    for number in range(10, 50):
        await change(flow, activation, range(number, number + 1))
        if counted:
            break
    assert set(counted) == {"settle"}
    wanted, known, files = await seen(flow, activation)
    assert (wanted, 0) == known == files


@pytest.mark.walk
async def test_holdings_that_something_else_replaces_are_counted_again(
    flow: Flow, counted: list[str]
) -> None:
    await flow.members(range(10))
    activation = await flow.activate(resync=True)
    await flow.quiet(activation)
    async with flow.platform.unit_of_work() as session:
        row = await session.merge(await flow.activation(activation))
        row.holdings = Manifest.from_json(row.holdings).to_json()
    assert known_counts(await flow.activation(activation)) is None
    counted.clear()
    await change(flow, activation, range(10, 11))
    assert set(counted) == {"plan", "outcomes"}
    assert await seen(flow, activation) == (11, (11, 0), (11, 0))
