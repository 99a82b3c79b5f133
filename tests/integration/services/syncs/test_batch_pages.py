"""A sync whose batches are written, and read when it settles, in several parts."""

from __future__ import annotations

import pytest

from app.services.planning import planned_sync
from app.services.syncs import batch_pages
from app.snapshots.holdings import outcome_marks
from tests.flow import Flow

pytestmark = pytest.mark.installation(worker=True, batch_size=2)


@pytest.mark.walk
async def test_the_receipts_of_all_parts_count(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planned_sync, "_AT_ONCE", 4)
    monkeypatch.setattr(batch_pages, "MOST_BATCHES", 2)
    monkeypatch.setattr(outcome_marks, "_MOST", 1)
    activation = await flow.activate()
    flow.receiver.refused = {"p1": "blocked", "p4": "blocked", "p9": "gone"}
    await flow.members(range(11))
    sync = await flow.quiet(activation)
    assert (sync.state, sync.batches, len(await flow.batches(sync.id))) == ("complete", 6, 6)
    assert (sync.delivered, sync.rejected) == (8, 3)
    assert sync.rejections is not None
    assert sum(sync.rejections["counts"].values()) == 3
    assert len(sync.rejections["samples"]) == 3
    assert (await flow.activation(activation)).held == 8
    await flow.members(range(12))
    sync = await flow.quiet(activation)
    assert (sync.entered, sync.left_out.get("refused_before")) == (1, 3)
