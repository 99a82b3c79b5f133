"""The note of an activation's status."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.core import clock
from app.services.reports import status
from app.storage.repositories.destinations import DestinationRepository
from tests.flow import Flow
from tests.stepping import Hand

pytestmark = pytest.mark.installation(batch_size=5)


class TestStatus:
    @pytest.mark.parametrize(
        ("reason", "said"),
        [("unknown", "without a definite response"), ("the key is revoked", "the key is revoked")],
    )
    async def test_a_paused_account_is_named_with_its_time_and_reason(
        self, flow: Flow, reason: str, said: str
    ) -> None:
        activation = await Hand(flow).planned()
        async with flow.platform.unit_of_work() as session:
            await DestinationRepository(session).open_breaker(
                flow.space_id,
                flow.destination_id,
                timedelta(minutes=4),
                {"openings": 1, "reason": reason},
            )
        note = await note_of(flow, activation)
        assert note.startswith("The account 'Hook' is paused until 20")
        assert said in note

    async def test_a_pause_that_is_over_is_none(self, flow: Flow) -> None:
        activation = await Hand(flow).planned()
        async with flow.platform.unit_of_work() as session:
            await DestinationRepository(session).open_breaker(
                flow.space_id, flow.destination_id, timedelta(seconds=-1), {"openings": 1}
            )
        assert await note_of(flow, activation) == "A sync is planned and about to be sent."


async def note_of(flow: Flow, activation: str) -> str:
    row = await flow.activation(activation)
    async with flow.platform.unit_of_work() as session:
        return (await status.activation_status(session, row, clock.now())).note
