"""Holdings that are written as one base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.core.objects import StoreAway
from app.services.platform.platform import Platform
from app.services.syncs import compact_manifest, settle
from app.snapshots.engine import Manifest


async def test_a_base_that_cannot_be_stored_leaves_no_scratch_file(
    local: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settlement is tried again and again: each try would leave all holdings."""

    def write(_: Any, __: Any, out: Path) -> int:
        out.write_text("rows")
        return 1

    async def full(path: Path, key: str) -> tuple[str, int]:
        raise StoreAway("the bucket is full")

    monkeypatch.setattr(settle, "compact_holdings", write)
    monkeypatch.setattr(local.objects, "put", full)
    with pytest.raises(StoreAway):
        await compact_manifest(local, Manifest(), "folder")
    assert [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()] == []
