"""Rows of the calls of a batch: small calls are rendered row by row, large ones by columns, with equal bytes."""

from __future__ import annotations

from app.connectors.destinations.webhook.payloads import batch_body
from app.core import clock
from app.services.delivery.call_rows import SMALL, CallRows
from app.services.delivery.sync_cache import LoadedSyncs
from app.storage.models import Batch
from tests.flow import Flow
from tests.stepping import Hand


async def test_each_call_has_its_rows_in_both_ways(flow: Flow) -> None:
    activation = await Hand(flow).planned()
    (sync,) = await flow.syncs(activation)
    async with flow.platform.unit_of_work() as session:
        loaded = await LoadedSyncs(flow.platform).get(session, sync.id, sync.space_id)
    bodies = []
    for each in (3, SMALL + 1):
        batch = Batch(
            number=1, kind="entered", first_row=2, row_count=8, call_rows=each, ambiguous=False
        )
        rows = CallRows(loaded, batch)
        found = [await rows.of(call) for call in ((3, 6), (6, 8), (0, 3))]
        assert [len(one.deliveries) for one in found] == [3, 2, 3]
        assert [one.deliveries[0].key for one in found] == ["p5", "p8", "p2"]
        call = loaded.call(batch, clock.now())
        bodies.append([batch_body(call, one.deliveries, {}) for one in found])
    assert bodies[0] == bodies[1]
