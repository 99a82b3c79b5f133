"""Runs of supplied members: their order."""

from __future__ import annotations

from datetime import timedelta

from tests.flow import Flow, worker
from tests.integration.services.audiences.supply import is_member, patch, upload


class TestOrder:
    async def test_what_is_accepted_after_an_upload_is_applied_after_it(self, flow: Flow) -> None:
        first = await patch(flow, 1)
        await upload(flow, [10])
        second = await patch(flow, 2)
        assert second.id != first.id
        async with worker(flow.platform):
            await flow.finished(second.id)
        assert [await is_member(flow, n) for n in (1, 10, 2)] == [False, True, True]

    async def test_the_clocks_of_our_hosts_do_not_decide_what_is_newer(self, flow: Flow) -> None:
        await upload(flow, [1])
        behind = await upload(flow, [2], late=timedelta(seconds=30))
        async with worker(flow.platform):
            run = await flow.finished(behind.id)
        assert run.became_current
        assert [await is_member(flow, n) for n in (1, 2)] == [False, True]
