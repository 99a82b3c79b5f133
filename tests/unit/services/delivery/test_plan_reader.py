"""Rows of a plan, read in windows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.domain.changes import ChangeKind, Mode
from app.services.delivery import plan_reader
from app.services.delivery.plan_reader import PlanReader
from app.services.platform.platform import Platform
from app.services.platform.stored_files import store_file
from app.snapshots.engine import LocalManifest, PlanSpec, StoredFile
from app.snapshots.plans import read_plan, write_plan
from tests.unit.snapshots.files import snapshot

ROWS = 30


@pytest.fixture
async def plan(local: Platform, tmp_path: Path) -> StoredFile:
    """A plan of 30 entries, in the object store."""
    rows = [{"profile_id": f"p{number:02}"} for number in range(ROWS)]
    spec = PlanSpec(key="member", mode=Mode.MAINTAIN, sends=frozenset(ChangeKind), sync_number=1)
    members = await local.engine.run(snapshot, tmp_path, rows)
    out = tmp_path / "plan.parquet"
    await local.engine.run(write_plan, spec, [members], LocalManifest(), out)
    return await store_file(local.objects, out, "plans/one.parquet", ROWS)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first rows of the windows that were read, ten rows each."""
    seen: list[int] = []

    def noted(cursor: object, path: Path, first: int, count: int) -> object:
        seen.append(first)
        return read_plan(None, path, first, count)

    monkeypatch.setattr(plan_reader, "WINDOW_ROWS", 10)
    monkeypatch.setattr(plan_reader, "read_plan", noted)
    return seen


async def test_batches_in_order_share_a_window(
    local: Platform, plan: StoredFile, reads: list[int]
) -> None:
    reader = PlanReader(local, plan)
    found = [change.row for first in range(0, ROWS, 5) for change in await reader.rows(first, 5)]
    assert found == list(range(ROWS))
    assert reads == [0, 10, 20]


async def test_a_batch_before_or_beyond_the_window_is_read(
    local: Platform, plan: StoredFile, reads: list[int]
) -> None:
    reader = PlanReader(local, plan)
    for first, count in ((10, 5), (18, 4), (0, 20), (19, 1)):
        rows = await reader.rows(first, count)
        assert [change.row for change in rows] == list(range(first, first + count))
    assert reads == [10, 18, 0]


async def test_batches_at_once_wait_for_one_read(
    local: Platform, plan: StoredFile, reads: list[int]
) -> None:
    reader = PlanReader(local, plan)
    await asyncio.gather(*[reader.rows(first, 2) for first in (0, 2, 4)])
    assert reads == [0]
