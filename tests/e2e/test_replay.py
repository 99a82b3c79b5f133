"""Tests that send a real purchase log through the service day by day, and compare it with an independent replay."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from app.demo.api import Api, open_api
from app.demo.service import Service, running_service, temporary_folder
from app.sandbox.receiver import WebhookReceiver
from app.sandbox.sandbox import Sandbox
from app.services.platform.platform import Platform
from tests.serving import service_here

DATA = Path(__file__).parents[3] / "shared" / "data"
LOG = DATA / "cdnow_master.csv.gz"

pytestmark = pytest.mark.skipif(
    not LOG.is_file(), reason=f"the CDNOW purchase log is not there: {LOG}"
)

#: The replay's segments as SQL definitions. A run as of noon of a day includes the whole day, as the replay does.
DEFINITIONS = {
    "new_7d": """SELECT customer_id AS profile_id FROM purchases WHERE "date" <= CAST($as_of AS DATE)
        GROUP BY customer_id HAVING min("date") >= CAST($as_of AS DATE) - 6""",
    "active_30d": """SELECT DISTINCT customer_id AS profile_id FROM purchases
        WHERE "date" BETWEEN CAST($as_of AS DATE) - 29 AND CAST($as_of AS DATE)""",
    "lapsed_90d": """SELECT customer_id AS profile_id FROM purchases WHERE "date" <= CAST($as_of AS DATE)
        GROUP BY customer_id HAVING max("date") < CAST($as_of AS DATE) - 89""",
    "big_spenders_90d": """SELECT customer_id AS profile_id FROM purchases
        WHERE "date" BETWEEN CAST($as_of AS DATE) - 89 AND CAST($as_of AS DATE)
        GROUP BY customer_id HAVING sum(amount) > 100.00""",
}

#: Days on which each segment changes: it grows, its last member leaves, or its first member enters after three months.
SHORT = {
    "new_7d": (date(1997, 3, 30), date(1997, 4, 1)),
    "active_30d": (date(1997, 1, 30), date(1997, 2, 1)),
    "lapsed_90d": (date(1997, 3, 31), date(1997, 4, 2)),
    "big_spenders_90d": (date(1998, 1, 3), date(1998, 1, 5)),
}
WHOLE = dict.fromkeys(DEFINITIONS, (date(1997, 1, 1), date(1998, 6, 30)))


@pytest.fixture(scope="module")
def reference() -> Iterator[ModuleType]:
    """Import the replay that is stored next to the log."""
    specification = importlib.util.spec_from_file_location("replay", DATA / "replay.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["replay"] = module  # its dataclasses look up their module
    specification.loader.exec_module(module)
    yield module
    del sys.modules["replay"]


@dataclass
class Replayed:
    """A service with the log as a dataset, and a signed webhook."""

    api: Api
    receiver: WebhookReceiver
    destination_id: str

    def held(self, activation_id: str) -> frozenset[str]:
        members = self.receiver.members(activation_id) or ()
        return frozenset(member["id"] for member in members)

    async def segment(self, name: str, days: Any) -> int:
        """Replay one segment and compare each day. Returns the number of changes."""
        audience = await self.api.add_audience(name, DEFINITIONS[name])
        activation_id = await self.api.activate(audience["id"], self.destination_id, name)
        before: frozenset[str] = frozenset()
        changes = 0
        for day in days:
            noon = datetime(day.date.year, day.date.month, day.date.day, 12, tzinfo=UTC)
            run = await self.api.run(audience["id"], noon)
            sync = await self.api.delivered(audience["id"], activation_id, run["snapshotId"])
            after = self.held(activation_id)
            where = f"{name} on {day.date}"
            assert after - before == day.entered, where
            assert before - after == day.exited, where
            assert after == day.members, where
            assert (run["members"], sync["entered"], sync["exited"]) == (
                len(day.members),
                len(day.entered),
                len(day.exited),
            ), where
            before = after
            changes += len(day.entered) + len(day.exited)
        return changes


@asynccontextmanager
async def service_apart() -> AsyncIterator[Service]:
    """A service in processes of its own, as the demo starts it."""
    settings = {"ACTIVATIONS_OUTBOUND_ALLOW": "127.0.0.1", "ACTIVATIONS_RATE_LIMITS": "off"}
    with temporary_folder() as folder:
        async with running_service(folder, settings) as service:
            try:
                yield service
            except BaseException:
                print(*service.log.read_text().splitlines()[-20:], sep="\n")
                raise


@asynccontextmanager
async def replayed(starting: AbstractAsyncContextManager[Service]) -> AsyncIterator[Replayed]:
    receiver = WebhookReceiver()
    async with (
        Sandbox([receiver]) as sandbox,
        starting as service,
        open_api(service.url, service.token, service.space_id) as api,
    ):
        made = await api.call("POST", "/datasets", json={"name": "purchases", "kind": "upload"})
        filled = await api.call(
            "PUT",
            f"/datasets/{made['dataset']['id']}/content",
            content=LOG.read_bytes(),
            headers={"content-type": "text/csv", "content-encoding": "gzip"},
        )
        columns = {column["name"]: column["type"] for column in filled["dataset"]["columns"]}
        assert columns["customer_id"] == "VARCHAR"  # 00001 stays 00001
        assert columns["amount"].startswith("DECIMAL")  # sums are exact
        hook = await api.add_destination(
            "webhook", "Receiver", {"url": sandbox.urls["webhook"], "batch_size": 10_000}
        )
        receiver.set_secrets("*", [hook["settings"]["secret"]])
        yield Replayed(api, receiver, hook["id"])


async def replay_all(
    reference: ModuleType,
    ranges: dict[str, tuple[date, date]],
    starting: AbstractAsyncContextManager[Service],
) -> None:
    history = reference.load(str(LOG))
    async with replayed(starting) as through, asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(through.segment(name, reference.replay(history, name, first, last)))
            for name, (first, last) in ranges.items()
        ]
        await asyncio.gather(*tasks)
        stats = through.receiver.stats()
    assert stats["entered"] + stats["exited"] == sum(task.result() for task in tasks)
    for never in ("redundant", "inversions", "repeats", "bad_signatures", "unverified", "updated"):
        assert stats[never] == 0, never


@pytest.mark.walk
@pytest.mark.timeout(300)
async def test_three_days_of_each_segment(reference: ModuleType, platform: Platform) -> None:
    assert all(last - first == timedelta(days=2) for first, last in SHORT.values())
    await replay_all(reference, SHORT, service_here(platform))


@pytest.mark.replay
@pytest.mark.timeout(5400)
async def test_the_whole_log(reference: ModuleType) -> None:
    await replay_all(reference, WHOLE, service_apart())
