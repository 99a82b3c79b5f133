"""Members that change arms at a destination whose arms share one list: they leave before they enter, whatever fails."""

from __future__ import annotations

from typing import Any

import pytest

from app.services.platform import Platform
from tests.flow import installation
from tests.stepping import Hand

HALVES = [{"name": "A", "weight": 1}, {"name": "B", "weight": 1}]
OTHERS = [{"name": "C", "weight": 1}, {"name": "D", "weight": 1}]


@pytest.mark.parametrize("before", [None, OTHERS], ids=["no split", "another split"])
@pytest.mark.parametrize(
    "fault",
    [None, {"kind": "status", "status": 429, "retry_after": 0}, {"kind": "cut_before"}],
    ids=["nothing", "429", "cut"],
)
async def test_nobody_is_lost(
    platform: Platform, before: list[dict[str, Any]] | None, fault: dict[str, Any] | None
) -> None:
    async with installation(platform) as flow:
        hand = Hand(flow)
        activation = await flow.activate(resync=True, split=before)
        await flow.supply({"profile_id": f"p{number}"} for number in range(20))
        await hand.quiet()
        if fault:
            flow.sandbox.faults.add({**fault, "times": 1})
        await hand.configure(activation, split=HALVES)
        await hand.quiet()
        last = (await flow.syncs(activation))[-1]
        assert (last.state, last.delivered) == ("complete", last.planned)
        assert flow.received(activation) == {f"p{number}" for number in range(20)}
