"""Attempts that did not deliver: how they end, and what the next plan waits for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from app.core import clock
from app.storage.models import Batch
from tests.flow import Flow, eventually
from tests.integration.services.delivery.scene import attempts

pytestmark = pytest.mark.installation(stepped=True)


@pytest.mark.walk
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


@pytest.mark.walk
async def test_a_definite_refusal_starts_no_settle_time(flow: Flow) -> None:
    activation = await flow.activate()
    flow.sandbox.faults.add({"kind": "status", "status": 429, "retry_after": 0, "times": 1})
    await flow.members(range(5))
    assert (await flow.quiet(activation)).last_unknown_at is None


@pytest.mark.walk
async def test_attempts_are_written_with_their_ends(flow: Flow) -> None:
    activation = await flow.activate()
    flow.sandbox.faults.add({"kind": "status", "status": 503, "times": 1})
    await flow.members(range(5))
    await flow.quiet(activation)
    assert [(a.n, a.outcome, a.http_status) for a in await attempts(flow)] == [
        (1, "unknown", 503),
        (2, "delivered", 200),
    ]


@pytest.mark.walk
@pytest.mark.installation(worker=True)
async def test_every_failure_is_shown_until_something_is_delivered(flow: Flow) -> None:
    activation = await flow.activate()
    flow.sandbox.faults.add({"kind": "status", "status": 302, "headers": {"location": "/x"}})
    await flow.members(range(5))
    await eventually(lambda: _last_error(flow, activation))
    shown = (await flow.activation(activation)).last_error
    assert shown is not None
    assert "a redirect to /x" in shown["message"]
    assert (await flow.activation(activation)).state == "active"
    flow.sandbox.faults.clear()
    await flow.quiet(activation)
    assert (await flow.activation(activation)).last_error is None


@pytest.mark.walk
@pytest.mark.installation(worker=True)
async def test_a_permanent_redirect_is_an_error_after_ten_minutes(flow: Flow) -> None:
    activation = await flow.activate()
    fault = {"kind": "status", "status": 308, "headers": {"location": "https://b.example/new"}}
    flow.sandbox.faults.add(fault)
    await flow.members(range(5))
    await eventually(lambda: _last_error(flow, activation))
    assert (await flow.activation(activation)).state == "active"
    async with flow.platform.unit_of_work() as session:
        since = clock.now() - timedelta(minutes=11)
        await session.execute(update(Batch).values(failing_since=since))
    await flow.quiet(activation)
    row = await flow.activation(activation)
    assert row.state == "error"
    assert row.last_error is not None
    assert "to https://b.example/new" in row.last_error["message"]


class TestRefusalsOfFew:
    """A batch of few members that is refused, and whether its account accepts others."""

    @pytest.mark.walk
    async def test_a_member_is_rejected_if_the_account_has_accepted_others(
        self, flow: Flow
    ) -> None:
        activation = await flow.activate()
        await flow.members(range(5))
        await flow.quiet(activation)
        flow.sandbox.faults.add({"kind": "status", "status": 400})
        await flow.members(range(6))
        sync = await flow.quiet(activation)
        assert (sync.delivered, sync.rejected) == (0, 1)
        assert (await flow.activation(activation)).state == "active"
        assert [a.outcome for a in await attempts(flow)] == ["delivered", *["refused"] * 3]

    @pytest.mark.walk
    async def test_no_member_is_rejected_if_it_never_has(self, flow: Flow) -> None:
        activation = await flow.activate()
        flow.sandbox.faults.add({"kind": "status", "status": 400})
        await flow.members(range(1))
        sync = await flow.quiet(activation)
        assert (sync.delivered, sync.rejected) == (0, 0)
        assert (await flow.activation(activation)).state == "error"

    @pytest.mark.walk
    async def test_no_member_is_rejected_if_many_are_refused(self, flow: Flow) -> None:
        activation = await flow.activate()
        await flow.members(range(5))
        await flow.quiet(activation)
        flow.sandbox.faults.add({"kind": "status", "status": 400})
        await flow.members(range(30))
        sync = await flow.quiet(activation)
        assert (sync.delivered, sync.rejected) == (0, 0)
        assert (await flow.activation(activation)).state == "error"


async def _last_error(flow: Flow, activation: str) -> object:
    return (await flow.activation(activation)).last_error
