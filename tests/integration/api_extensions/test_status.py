"""The status of an activation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.services.reports.status import _open_sync
from app.storage.models import Sync
from app.storage.repositories.batch_counts import BatchCounts
from tests.integration.api_extensions.desk import Desk


class TestStatus:
    @pytest.mark.walk
    async def test_says_why_nothing_was_sent(self, desk: Desk) -> None:
        disabled = await desk.flow.activate(enabled=False)
        assert (await desk.status(disabled))["note"].startswith("Disabled")
        await desk.flow.members(range(5))
        baseline = await desk.flow.activate()
        await desk.flow.quiet(baseline)
        status = await desk.status(baseline)
        assert set(status) == {
            "state",
            "lastSyncedAt",
            "lastError",
            "openSync",
            "revision",
            "deliveredRevision",
            "nextDueAt",
            "held",
            "assumed",
            "note",
            "audiences",
            "sharedWith",
        }
        assert (status["state"], status["held"], status["assumed"]) == ("active", 5, 5)
        assert status["openSync"] is None
        assert status["note"].startswith("The members of the start count as already there")

    async def test_of_an_activation_of_another_audience_is_not_found(self, desk: Desk) -> None:
        activation = await desk.flow.activate()
        response = await desk.api.get(f"audiences/aud_other/activations/{activation}/status")
        assert response.status_code == 404


def test_the_time_that_is_left_is_at_the_rate_so_far() -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    sync = Sync(entered=900, exited=100, updated=0, started_at=now - timedelta(seconds=30))
    counts = BatchCounts(10, 2, 1, delivered=190, rejected=8, skipped=2)
    found = _open_sync(sync, counts, now)
    assert (found.per_minute, found.seconds_left) == (400, 120)
    assert _open_sync(sync, None, now).seconds_left is None, "before the first result"
