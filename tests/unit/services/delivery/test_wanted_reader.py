"""The wanted membership of a sync, read in pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.changes import ChangeKind
from app.services.delivery import wanted_reader
from app.services.delivery.wanted_reader import WantedReader
from app.services.platform.platform import Platform
from app.services.platform.stored_files import store_file
from app.snapshots.engine import Manifest
from tests.unit.snapshots.files import create_spec, snapshot


async def stored(local: Platform, folder: Path, *names: str) -> Manifest:
    rows = [{"profile_id": name} for name in names]
    (path,) = (await local.engine.run(snapshot, folder, rows)).base
    return Manifest((await store_file(local.objects, path, path.name, len(rows)),))


@pytest.mark.parametrize("size", [1, 2, 4, 10])
async def test_pages_hold_each_member_of_all_snapshots_once_by_key(
    local: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(wanted_reader, "PAGE_ROWS", size)
    snapshots = [await stored(local, tmp_path, "d", "a", "b"), await stored(local, tmp_path, "c")]
    pages = [page async for page in WantedReader(local, create_spec(), snapshots).pages()]
    assert [change.key for page in pages for change in page] == ["a", "b", "c", "d"]
    assert {change.kind for page in pages for change in page} == {ChangeKind.ENTERED}
    assert max(len(page) for page in pages) == min(size, 4)


async def test_an_empty_audience_has_no_page(local: Platform, tmp_path: Path) -> None:
    reader = WantedReader(local, create_spec(), [await stored(local, tmp_path)])
    assert [page async for page in reader.pages()] == []
