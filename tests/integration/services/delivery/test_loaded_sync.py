"""Loading a sync for delivery."""

from __future__ import annotations

import pytest

from app.core import clock
from app.services.delivery.sync_cache import LoadedSyncs
from app.storage.models import Audience
from tests.flow import Flow, worker
from tests.integration.services.delivery.scene import held_sync


class TestBytes:
    @pytest.mark.walk
    async def test_a_retry_names_the_audience_as_the_first_try_did(self, flow: Flow) -> None:
        """A retry in another worker has the same idempotency key, so its body must not differ (R8)."""
        async with worker(flow.platform):
            activation = await flow.activate(brake=True)
            held = await held_sync(flow, activation)
        async with flow.platform.unit_of_work() as session:
            audience = await session.get(Audience, (flow.space_id, flow.audience_id))
            assert audience is not None
            audience.name = "Renamed"
        async with flow.platform.unit_of_work() as session:
            loaded = await LoadedSyncs(flow.platform).get(session, held.id, flow.space_id)
        batch = (await flow.batches(held.id))[0]
        assert loaded.call(batch, clock.now()).audience.name == "Buyers"
