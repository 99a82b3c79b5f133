"""After a sync that delivered everything, the next plan compares only members that were changed since."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.core import clock
from app.services.audiences.member_patches import patch_members
from app.services.syncs import agreement
from app.snapshots.plans import plan as plans
from app.snapshots.plans import touched
from app.storage.models import Sync
from tests.flow import ACTOR, Flow

pytestmark = pytest.mark.installation(worker=True)


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """For each plan, the number of members that it compared; None if it compared all."""
    found: list[int | None] = []

    def look(cursor: Any, spec: Any, sides: Any, *rest: Any) -> Any:
        few = touched.touched_sides(cursor, spec, sides, *rest)
        rows = cursor.execute("SELECT count(*) FROM touched").fetchall() if few is not sides else []
        found.append(rows[0][0] if rows else None)
        return few

    monkeypatch.setattr(plans, "touched_sides", look)
    return found


async def change(flow: Flow, activation: str, *add: dict[str, Any], remove: str = "") -> Sync:
    """Add or remove members. Returns the sync that delivers it."""
    run = await patch_members(
        flow.platform,
        space_id=flow.space_id,
        audience_id=flow.audience_id,
        add=add,
        remove=[remove] if remove else [],
        actor=ACTOR,
        now=clock.now(),
    )
    await flow.finished(run.id)
    return await flow.quiet(activation)


def member(number: int, **traits: Any) -> dict[str, Any]:
    return {"profile_id": f"p{number}", "email": f"p{number}@example.com", **traits}


@pytest.mark.walk
async def test_changes_after_a_delivered_sync_are_compared_alone(
    flow: Flow, compared: list[int | None]
) -> None:
    await flow.members(range(50))
    activation = await flow.activate()
    await flow.quiet(activation)
    for number in (50, 51, 52, 53):
        await change(flow, activation, member(number))
    sync = await change(flow, activation, remove="p3")
    assert (sync.exited, sync.wanted, sync.held) == (1, 53, 54)
    assert flow.received(activation) == {"p50", "p51", "p52", "p53"}
    assert compared == [None, None, 1, 1, 1, 1]


@pytest.mark.walk
async def test_a_new_column_is_compared_for_all(flow: Flow, compared: list[int | None]) -> None:
    await flow.members(range(20))
    activation = await flow.activate(resync=True)
    await flow.quiet(activation)
    await change(flow, activation, member(20))
    await change(flow, activation, member(21, plan="gold"))
    assert compared == [None, None, None]
    await change(flow, activation, member(22, plan="gold"))
    assert compared[-1] == 1
    assert flow.received(activation) == {f"p{number}" for number in range(23)}


@pytest.mark.walk
async def test_once_a_day_all_members_are_compared(
    flow: Flow, compared: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    await flow.members(range(20))
    activation = await flow.activate(resync=True)
    await flow.quiet(activation)
    for number in (20, 21):
        await change(flow, activation, member(number))
    monkeypatch.setattr(agreement, "LONGEST", timedelta(0))
    await change(flow, activation, member(22))
    monkeypatch.undo()
    assert compared == [None, None, 1, None]
