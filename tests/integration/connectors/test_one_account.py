"""Two activations on one account: a resync that fills the partner's limits, and an exit that does not wait for it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select

from app.connectors.destinations.klaviyo.definition import DEFINITION as KLAVIYO
from app.core.config import Settings
from app.core.ids import new_id
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.services.platform.platform import Platform
from app.storage.models import Attempt, DestinationConnection
from tests.apart import rest_in_walks
from tests.flow import Flow, eventually, installation, worker

MANY, FEW = "AbCdEf", "GhIjKl"
#: Members of the resync, and seconds that the exit may take: the promise holds on a machine that does nothing else.
SIZES = [
    (4_000, 20.0),
    pytest.param(100_000, 5.0, marks=[pytest.mark.chaos, pytest.mark.timeout(900)]),
]
ROWS = 100  # in one import job, so that a minute allows fewer jobs than there are
WAITED = 8  # batches of the resync that could not get a call: as many as may be in flight
SLOW_JOBS = 1  # started, if they are slow


async def report_use(flow: Flow) -> None:
    """Let the partner report that other programs have left only the part of this minute that resyncs may not use."""
    minute = [budget for budget in KLAVIYO.rate_budgets if budget.name == "import-minute"]
    gate = flow.platform.budgets.gate(flow.destination_id, minute, resync=False)
    hear = await gate(httpx.Request("POST", "https://a.klaviyo.com/api/profile-bulk-import-jobs"))
    names = minute[0].headers
    assert hear is not None
    assert names is not None
    values = {names.limit: "150", names.remaining: "45", names.reset: "60"}
    await hear(httpx.Response(202, headers=values))


async def another_audience(flow: Flow) -> Flow:
    """A second audience, connected to the same account."""
    others, connection_id = await flow.another_audience(), new_id("ii")
    async with flow.platform.unit_of_work() as session:
        session.add(
            DestinationConnection(
                space_id=flow.space_id,
                id=connection_id,
                audience_id=others.audience_id,
                destination_id=flow.destination_id,
                id_sync=[],
            )
        )
    return replace(others, connection_id=connection_id)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Use the waits of a real installation, so that a slow call takes long."""
    return settings.model_copy(
        update={"http_total_timeout": timedelta(seconds=20), "lease": timedelta(seconds=60)}
    )


@pytest.mark.walk
@pytest.mark.parametrize(("members", "patience"), SIZES)
@pytest.mark.parametrize("slow", rest_in_walks([False, True]), ids=["limits spent", "slow imports"])
async def test_an_exit_arrives_while_a_resync_of_the_same_account_goes_on(
    platform: Platform, slow: bool, members: int, patience: float
) -> None:
    klaviyo = KlaviyoEmulator(job_seconds=0.3)
    klaviyo.account.new_list("Many", MANY)
    klaviyo.account.new_list("Few", FEW)
    async with installation(platform) as flow, Sandbox([klaviyo]) as sandbox:
        others = await another_audience(flow)
        settings = {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
        await flow.use_account("klaviyo", settings)

        async def spent() -> bool:
            if slow:
                begun: int = klaviyo.stats().get("bulk_import_profiles", 0)
                return begun > SLOW_JOBS
            async with platform.unit_of_work() as session:
                query = select(func.count()).where(Attempt.outcome == "budget")
                return (await session.scalar(query) or 0) >= WAITED

        def gone() -> bool:
            return "p0@example.com" not in {one["email"] for one in klaviyo.members(FEW) or []}

        async with worker(platform):
            few = await others.activate(
                resync=True, idSyncGiven=True, connectionSettings={"list_id": FEW}
            )
            await others.members(range(200))
            await others.quiet(few, 60)
            if slow:
                path = "/api/profile-bulk-import-jobs"
                sandbox.faults.add({"kind": "slow", "path": path, "seconds": 4})
            else:
                await report_use(flow)
            await flow.members(range(1_000, 1_000 + members))
            many = await flow.activate(
                resync=True,
                idSyncGiven=True,
                connectionSettings={"list_id": MANY},
                destinationMapping={
                    "actionId": "klaviyo-add-profile-to-list",
                    "settings": {"batch_size": ROWS},
                },
            )
            await eventually(spent, 120)
            began = time.monotonic()
            await others.members(range(1, 200))
            await eventually(gone, 60)
            took = time.monotonic() - began
            assert (await flow.syncs(many))[-1].state == "running"
            assert len(klaviyo.members(FEW) or []) == 199
            stats = klaviyo.stats()
            print(f"{members} members: the exit took {took:.2f} s, {stats['throttled']} throttled")
            assert took < patience
            assert (stats["throttled"], stats["violations"]) == (0, 0)
