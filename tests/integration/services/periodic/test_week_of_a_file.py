"""A week of a daily activation over a dataset that is read from a file, by a moved clock. Each day ends as docs/datasets.md says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.domain.computing import NOT_COMPUTED
from app.services.audiences.recompute import recompute_audience
from app.services.datasets import file_reads
from app.services.platform.platform import Platform
from app.storage.models import Run
from tests.integration.services.datasets.file_shop import FileShop, open_file_shop, source_of
from tests.integration.services.periodic.test_awaited_runs import (
    DAY,
    FIRST,
    NOTICES,
    define,
    due_at,
    notices,
    runs,
    sweep,
)
from tests.stepping import SteppedFlow, stepped

EXPORTED = timedelta(hours=2, minutes=30)  # before the activation is due, the file is written
QUERY = "SELECT id AS profile_id FROM orders"


def csv(*members: str) -> bytes:
    return "".join(f"{line}\n" for line in ("id", *members)).encode()


@dataclass
class Week:
    """The days of one activation, each with its export and its sync."""

    shop: FileShop
    flow: SteppedFlow
    activation: str
    patch: pytest.MonkeyPatch

    async def day(self, number: int, export: bytes | None) -> Run:
        """Write the export of a day, if there is one, and do all that 06:30 brings. Returns the run."""
        moment = FIRST + number * DAY
        if export is not None:
            self.shop.server.put("orders.csv", export, moment - EXPORTED)
        self.move_clock(moment)
        before = len(await runs(self.flow))
        await sweep(self.flow, moment)
        opened = await runs(self.flow)
        assert len(opened) == before + 1
        run = await self.flow.finished(opened[-1].id)
        await sweep(self.flow, moment + timedelta(seconds=5))
        if await self.flow.syncs(self.activation):
            await self.flow.quiet(self.activation)
        assert run.as_of == moment
        assert (await self.flow.activation(self.activation)).next_due_at == moment + DAY
        return run

    def move_clock(self, moment: datetime) -> None:
        """Let files be read at a moment. Deliveries keep the true time, which the receiver of the signed calls checks."""
        moved = SimpleNamespace(now=lambda: moment + timedelta(seconds=1))
        self.patch.setattr(file_reads, "clock", moved)

    async def sent(self, expected: Sequence[tuple[int, int]]) -> None:
        """Check entered and exited of all syncs so far."""
        found = await self.flow.syncs(self.activation)
        assert [(one.entered, one.exited) for one in found] == list(expected)
        assert {one.state for one in found} == {"complete"}

    async def failed(self, run: Run, state: str, words: str, members: set[str]) -> None:
        """Check that a day ended without a sync, with the reason in the run and in the activation, and with a notice."""
        error = run.error or {}
        assert (run.state, source_of(run)["state"], error["code"]) == (
            "failed", state, f"file_{state}",
        )  # fmt: skip
        assert words in error["message"]
        last = (await self.flow.activation(self.activation)).last_error or {}
        assert last["code"] == NOT_COMPUTED
        assert words in last["message"]
        assert run.id in last["message"]
        assert self.flow.received(self.activation) == members


@pytest.fixture
async def week(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Week]:
    async with open_file_shop(platform, tmp_path) as shop:
        flow = stepped(shop.flow)
        await shop.dataset(shop.server.url("orders.csv"), max_age_hours=26)
        await define(flow, QUERY)
        activation = await due_at(flow, FIRST, notifications=NOTICES)
        yield Week(shop, flow, activation, monkeypatch)


@pytest.mark.walk
async def test_each_day_ends_as_the_documents_say(week: Week) -> None:
    flow, activation = week.flow, week.activation

    monday = await week.day(0, csv("p1", "p2", "p3"))
    assert (monday.state, monday.members, source_of(monday)["state"]) == ("complete", 3, "new")
    await week.sent([(3, 0)])

    tuesday = await week.day(1, csv("p1", "p2", "p4"))
    assert source_of(tuesday)["state"] == "new"
    await week.sent(so_far := [(3, 0), (1, 1)])
    held = {"p1", "p2", "p4"}
    assert flow.received(activation) == held

    # The export wrote the same content again: nothing is transferred, and nobody entered or exited.
    wednesday = await week.day(2, csv("p1", "p2", "p4"))
    assert (wednesday.state, wednesday.members) == ("complete", 3)
    assert source_of(wednesday)["state"] == "unchanged"
    so_far.append((0, 0))
    await week.sent(so_far)
    assert await notices(flow) == 0

    # The export did not come: six tries, then the day ends without a sync.
    thursday = await week.day(3, None)
    assert thursday.attempts == 6
    await week.failed(thursday, "late", "hours ago, and maxAgeHours is 26", held)
    await week.sent(so_far)
    assert await notices(flow) == 1

    friday = await week.day(4, b'id\n"p1')
    assert friday.attempts == 1
    await week.failed(friday, "broken", "cannot be read: ", held)
    await week.sent(so_far)
    assert await notices(flow) == 2

    # An export without rows would remove everyone.
    saturday = await week.day(5, csv())
    await week.failed(
        saturday, "breaking", "has 3 rows and would have none. Audiences: Buyers", held
    )
    await week.sent(so_far)
    assert await notices(flow) == 3

    sunday = await week.day(6, csv("p1", "p5"))
    assert (sunday.state, source_of(sunday)["state"]) == ("complete", "new")
    await week.sent([*so_far, (1, 2)])
    assert flow.received(activation) == {"p1", "p5"}
    assert (await flow.activation(activation)).last_error is None
    assert await notices(flow) == 3


@pytest.mark.walk
async def test_a_late_file_that_comes_between_two_tries_is_delivered(week: Week) -> None:
    moment = FIRST
    week.shop.server.put("orders.csv", csv("p1"), moment - 2 * DAY)
    week.move_clock(moment)
    await sweep(week.flow, moment)
    (run,) = await runs(week.flow)
    await recompute_audience(week.flow.platform, week.flow.space_id, run.id, lane="test")
    (waiting,) = await runs(week.flow)
    assert (waiting.state, (waiting.error or {})["code"]) == ("new", "file_late")
    week.shop.server.put("orders.csv", csv("p1", "p2"), moment)
    finished = await week.flow.finished(run.id)
    assert (finished.state, finished.error) == ("complete", None)
    assert datetime.fromisoformat(source_of(finished)["modifiedAt"]) == moment
    await sweep(week.flow, moment + timedelta(seconds=5))
    await week.flow.quiet(week.activation)
    assert week.flow.received(week.activation) == {"p1", "p2"}
