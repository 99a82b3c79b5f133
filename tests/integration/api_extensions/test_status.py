"""The status of an activation."""

from __future__ import annotations

from tests.integration.api_extensions.desk import Desk


class TestStatus:
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
        assert status["note"].startswith("Baseline")

    async def test_of_an_activation_of_another_audience_is_not_found(self, desk: Desk) -> None:
        activation = await desk.flow.activate()
        response = await desk.api.get(f"audiences/aud_other/activations/{activation}/status")
        assert response.status_code == 404
