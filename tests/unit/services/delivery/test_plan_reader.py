"""Rows of a plan, of which whole row groups are kept."""

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
from app.snapshots.plans import plan_file, read_groups, write_plan
from tests.unit.snapshots.files import snapshot

ROWS = 30


@pytest.fixture
async def plan(local: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoredFile:
    """A plan of 30 entries in three row groups, in the object store."""
    monkeypatch.setattr(plan_file, "_FEWEST", 10)
    rows = [{"profile_id": f"p{number:02}"} for number in range(ROWS)]
    spec = PlanSpec(key="member", mode=Mode.MAINTAIN, sends=frozenset(ChangeKind), sync_number=1)
    members = await local.engine.run(snapshot, tmp_path, rows)
    out = tmp_path / "plan.parquet"
    await local.engine.run(write_plan, spec, [members], LocalManifest(), out)
    return await store_file(local.objects, out, "plans/one.parquet", ROWS)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first row of each part of the file that was read."""
    seen: list[int] = []

    def noted(cursor: object, path: Path, first: int, count: int) -> object:
        before, rows = read_groups(None, path, first, count)
        seen.append(before)
        return before, rows

    monkeypatch.setattr(plan_reader, "WINDOW_ROWS", 5)
    monkeypatch.setattr(plan_reader, "read_groups", noted)
    return seen


async def test_batches_in_order_share_a_read(
    local: Platform, plan: StoredFile, reads: list[int]
) -> None:
    reader = PlanReader(local, plan)
    found = [change.row for first in range(0, ROWS, 5) for change in await reader.rows(first, 5)]
    assert found == list(range(ROWS))
    assert reads == [0, 10, 20]


async def test_a_batch_before_or_beyond_what_is_kept_is_read(
    local: Platform, plan: StoredFile, reads: list[int]
) -> None:
    reader = PlanReader(local, plan)
    for first, count in ((11, 5), (18, 4), (10, 20), (0, 20), (19, 1)):
        rows = await reader.rows(first, count)
        assert [change.row for change in rows] == list(range(first, first + count))
    assert reads == [10, 10, 0]


async def test_batches_at_once_wait_for_one_read(
    local: Platform, plan: StoredFile, reads: list[int]
) -> None:
    reader = PlanReader(local, plan)
    await asyncio.gather(*[reader.rows(first, 2) for first in (0, 2, 4)])
    assert reads == [0]


async def test_windows_of_a_batch_share_reads(
    local: Platform, plan: StoredFile, reads: list[int]
) -> None:
    reader = PlanReader(local, plan)
    windows = [[change.row for change in rows] async for rows in reader.windows(2, 25)]
    assert windows == [list(range(first, first + 5)) for first in range(2, 27, 5)]
    # Those across an edge of two groups read both.
    assert reads == [0, 0, 10]
