"""What a sync was planned from, with its numbers and names."""

from __future__ import annotations

import pytest

from app.services.reports import sync_origin
from app.services.syncs import get_sync
from tests.flow import Flow
from tests.stepping import stepped


@pytest.mark.walk
async def test_a_sync_names_its_revision_and_the_snapshot_of_each_audience(
    flow: Flow,
) -> None:
    flow = stepped(flow)
    await flow.members(range(2))
    activation = await flow.activate(resync=True)
    first = await flow.quiet(activation)
    await flow.members(range(3))
    second = await flow.quiet(activation)
    async with flow.platform.unit_of_work() as session:
        for sync, version in ((first, 1), (second, 2)):
            view = await get_sync(session, flow.space_id, activation, sync.id)
            found = await sync_origin(session, view.sync, view.snapshots)
            assert found.revision == 1
            named = [(one.audience_name, one.version) for one in found.snapshots]
            assert named == [("Buyers", version)]
        gone = await sync_origin(session, second, {"aud_none": "snp_none"})
        assert [(one.audience_name, one.version) for one in gone.snapshots] == [("aud_none", None)]
