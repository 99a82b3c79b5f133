"""Runs of supplied members: their order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.storage.models import Run
from app.storage.repositories.runs import RunRepository
from tests.flow import Flow, worker
from tests.integration.services.audiences.supply import is_member, patch, upload


def _id(run: Run) -> tuple[str, str]:
    return run.space_id, run.id


class TestOrder:
    @pytest.mark.walk
    async def test_what_is_accepted_after_an_upload_is_applied_after_it(self, flow: Flow) -> None:
        first = await patch(flow, 1)
        await upload(flow, [10])
        second = await patch(flow, 2)
        assert second.id != first.id
        async with worker(flow.platform):
            await flow.finished(second.id)
        assert [await is_member(flow, n) for n in (1, 10, 2)] == [False, True, True]

    async def test_a_patch_run_that_is_tried_again_takes_no_later_changes(self, flow: Flow) -> None:
        first = await patch(flow, 1)
        async with flow.platform.unit_of_work() as session:
            claimed = await RunRepository(session).claim(*_id(first), "test", timedelta(minutes=1))
            assert claimed is not None
            token = claimed.lease_token
        second = await patch(flow, 2)
        async with flow.platform.unit_of_work() as session:
            assert await RunRepository(session).release(*_id(first), token, timedelta(0))
        # PostgreSQL may find either run first. After these changes it finds the older one.
        async with flow.platform.unit_of_work() as session:
            for state in ("running", "new"):
                values = {"state": state, "id": second.id}
                await session.execute(text("UPDATE run SET state = :state WHERE id = :id"), values)
        third = await patch(flow, remove=[2])
        assert third.id == second.id != first.id
        async with worker(flow.platform):
            await flow.finished(third.id)
        assert [await is_member(flow, n) for n in (1, 2)] == [True, False]

    async def test_the_clocks_of_our_hosts_do_not_decide_what_is_newer(self, flow: Flow) -> None:
        await upload(flow, [1])
        behind = await upload(flow, [2], late=timedelta(seconds=30))
        async with worker(flow.platform):
            run = await flow.finished(behind.id)
        assert run.became_current
        assert [await is_member(flow, n) for n in (1, 2)] == [False, True]
