"""Syncs that are open when a later version takes over: batches in flight, and an import that the partner works on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.flow import eventually
from tests.upgrades.test_upgrades import (
    KINDS,
    LISTS,
    ROOT,
    VERSIONS,
    Taken,
    copy_of,
    members,
    taken,
)

__all__ = ["taken"]  # a fixture
COUNT = 300
SHORT = {
    "ACTIVATIONS_HTTP_TOTAL_TIMEOUT": "2",
    "ACTIVATIONS_LEASE": "5",
    "ACTIVATIONS_SETTLE_TIME": "1",
}

pytestmark = [pytest.mark.upgrades, pytest.mark.timeout(600)]


@pytest.mark.parametrize("version", VERSIONS)
async def test_open_syncs_are_finished(taken: Taken, folder: Path, version: str) -> None:
    code = copy_of(version, folder)
    taken.klaviyo.account.job_seconds = 3600
    kinds = [kind for kind in KINDS if kind.name in ("ids", "values", "klaviyo")]
    async with taken.service(code, **SHORT) as live:
        await taken.prepare(live, kinds)
        taken.sandbox.faults.add({"kind": "slow", "service": "webhook", "seconds": 30})
        path = f"/audiences/{taken.audience}/members"
        content = members(range(COUNT))
        await live.call("PUT", path, content=content, headers={"Content-Type": "text/csv"})
        jobs = taken.klaviyo.account.jobs

        async def are_sent() -> bool:
            """Return whether each sync has a call in flight, or an import at Klaviyo."""
            newest = [await live.syncs(taken.audience, one) for one in taken.activations.values()]
            return bool(jobs) and all(syncs and syncs[0]["status"] == "running" for syncs in newest)

        await eventually(are_sent, 60)
        # Without a goodbye: the batches stay claimed.
        os.killpg(taken.started.process.pid, signal.SIGKILL)
    taken.sandbox.faults.clear()
    for job in jobs.values():
        job.due = 0.0
    async with taken.service(ROOT, **SHORT) as live:
        for kind in kinds:
            newest = await live.quiet(taken.audience, taken.activations[kind.name], 90)
            assert newest["status"] == "complete", str(newest)
            assert newest["delivered"] == newest["planned"], newest
    assert len(jobs) == 1
    held = taken.klaviyo.members(LISTS["klaviyo"]) or []
    assert len(held) == COUNT
    for name in ("ids", "values"):
        assert len(taken.receiver.members(taken.activations[name]) or []) == COUNT
    assert taken.receiver.stats()["inversions"] == 0
    assert taken.receiver.stats()["changed_repeats"] == 0
