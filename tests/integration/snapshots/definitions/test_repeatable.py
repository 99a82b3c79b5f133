"""Definitions over the same data give the same result each time, also where it depends on the order of rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.repeatable import KINDS, digest_of, write_purchases


@pytest.mark.parametrize("kind", ["last", "mode", "limit with ties", "sum of doubles"])
async def test_gives_the_same_result(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "purchases.parquet"
    write_purchases(path, 200_000)
    found = {
        await digest_of(KINDS[kind], {"purchases": path}, tmp_path / "out.parquet")
        for _ in range(3)
    }
    assert len(found) == 1
