"""Attempts that did not deliver: how they end, and what the next plan waits for."""

from __future__ import annotations

import pytest

from tests.flow import Flow
from tests.integration.services.delivery.scene import attempts

pytestmark = pytest.mark.installation(worker=True)


async def test_after_an_unknown_attempt_the_next_plan_waits_for_the_settle_time(flow: Flow) -> None:
    activation = await flow.activate()
    flow.sandbox.faults.add({"kind": "apply_then_status", "status": 500, "times": 1})
    await flow.members(range(5))
    first = await flow.quiet(activation)
    await flow.members(range(3))
    second = await flow.quiet(activation)
    assert first.last_unknown_at is not None
    assert second.planned_at is not None
    waited = second.planned_at - first.last_unknown_at
    assert waited >= flow.platform.settings.settle_time


async def test_a_definite_refusal_starts_no_settle_time(flow: Flow) -> None:
    activation = await flow.activate()
    flow.sandbox.faults.add({"kind": "status", "status": 429, "retry_after": 0, "times": 1})
    await flow.members(range(5))
    assert (await flow.quiet(activation)).last_unknown_at is None


async def test_attempts_are_written_with_their_ends(flow: Flow) -> None:
    activation = await flow.activate()
    flow.sandbox.faults.add({"kind": "status", "status": 503, "times": 1})
    await flow.members(range(5))
    await flow.quiet(activation)
    assert [(a.n, a.outcome, a.http_status) for a in await attempts(flow)] == [
        (1, "unknown", 503),
        (2, "delivered", 200),
    ]
