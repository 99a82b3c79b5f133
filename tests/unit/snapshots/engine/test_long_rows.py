"""Which uploads are sorted with all of the engine's memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.snapshots.engine import Cursor, Upload, engine, small_uploads
from app.snapshots.engine.engine import Engine


def file_of(folder: Path, head: bytes) -> Path:
    path = folder / "upload"
    path.write_bytes(head + b"\na,b;c\n")
    return path


@pytest.mark.parametrize(
    ("head", "given", "long"),
    [
        (b"profile_id", {}, False),
        (b'"Profile-ID"\r', {}, False),
        (b"profile_id,email", {}, True),
        (b"profile_id;email", {}, True),
        (b"profile_id\x01email", {}, True),
        ("größe".encode(), {}, True),
        (b"profile_id", {"encoding": "gzip"}, True),
        (b"{}", {"format": "ndjson"}, True),
    ],
)
def test_long_rows_have_several_columns(
    tmp_path: Path, head: bytes, given: dict[str, Any], long: bool
) -> None:
    upload = Upload(file_of(tmp_path, head), **{"format": "csv", **given})
    assert small_uploads.has_long_rows(upload) is long


@pytest.mark.parametrize("columns", [1, 2])
def test_columns_of_a_parquet_file_are_counted(tmp_path: Path, columns: int) -> None:
    table = pa.table({f"c{number}": ["x"] for number in range(columns)})
    pq.write_table(table, tmp_path / "upload")
    assert small_uploads.has_long_rows(Upload(tmp_path / "upload", "parquet")) is (columns > 1)


def memory_of(cursor: Cursor, upload: Upload) -> str:
    """The memory that the engine of a call has."""
    return str(cursor.execute("SELECT current_setting('memory_limit')").fetchall()[0][0])


@pytest.mark.parametrize(("head", "memory"), [(b"id", "71.5 MiB"), (b"id,email", "190.7 MiB")])
async def test_they_are_read_with_all_of_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes, memory: str
) -> None:
    made = Engine("200MB", 1, tmp_path / "scratch")
    upload = Upload(file_of(tmp_path, head), "csv")
    try:
        assert await made.run_apart("wsp_1", memory_of, upload) == memory
        assert await made.run(memory_of, upload) == "71.5 MiB", "few bytes fit anyway"
        monkeypatch.setattr(engine, "SMALL_BYTES", 1)
        assert await made.run(memory_of, upload) == memory
    finally:
        made.close()
