"""Work on uploads in a child: its result, its limits, and the disk's reserve."""

from __future__ import annotations

import asyncio
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from app.core import disk_reserve
from app.core.errors import InsufficientStorage, Invalid
from app.snapshots.engine import Cursor, TooMuchMemory, Upload
from app.snapshots.engine.engine import Engine
from app.snapshots.engine.small_uploads import is_small
from app.snapshots.membership import write_snapshot
from app.snapshots.reading import compression, write_dataset


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine("200MB", 1, tmp_path / "scratch", [tmp_path / "readable"])
    yield made
    made.close()


def given(engine: Engine, data: bytes, form: Any = "csv", encoding: Any = None) -> Upload:
    path = engine.scratch_file(f".{form}")
    path.write_bytes(data)
    return Upload(path, form, encoding)


def spill(cursor: Cursor) -> int:
    """Sort more than fits into memory."""
    cursor.execute("CREATE TABLE t AS SELECT md5(i::VARCHAR) AS x FROM range(3000000) r(i)")
    return int(cursor.execute("SELECT count(*) FROM (SELECT x FROM t ORDER BY x)").fetchall()[0][0])


def write_on(_: Cursor, path: Path) -> None:
    """Write without an end, in Python."""
    with path.open("wb") as file:
        while True:
            file.write(bytes(1024))
            file.seek(0)


def parquet_of(columns: dict[str, list[Any]]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def nested(depth: int) -> bytes:
    kind: pa.DataType = pa.int64()
    value: Any = 1
    for _ in range(depth):
        kind, value = pa.list_(kind), [value]
    table = pa.table({"profile_id": ["a"], "n": pa.array([value], kind)})
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def greedy(_: Cursor, upload: Upload, enough: bool) -> int:
    """Need less memory only where an upload is read with less."""
    if upload.frugal and enough:
        return 7
    raise TooMuchMemory("It needs more memory.")


async def test_an_upload_that_needs_much_memory_is_read_once_more_with_less(engine: Engine) -> None:
    upload = given(engine, b"{}", "ndjson")
    assert await engine.run_apart("wsp_1", greedy, upload, enough=True) == 7
    with pytest.raises(Invalid, match="more memory"):
        await engine.run_apart("wsp_1", greedy, upload, enough=False)


def fail(_: Cursor, upload: Upload) -> None:
    """Fail as a library does with data that nobody has thought of."""
    zlib.decompress(upload.path.read_bytes())


@pytest.mark.parametrize("small", [True, False])
async def test_an_unknown_failure_is_a_sentence(engine: Engine, small: bool) -> None:
    upload = given(engine, b"{}\n" * (1 if small else 700_000), "ndjson")
    assert is_small(upload) is small
    with pytest.raises(Invalid, match="cannot be read as ndjson: its content makes the reader"):
        await engine.run_on_upload("spa", fail, upload)


@pytest.mark.parametrize("apart", [False, True])
async def test_the_result_is_the_same_here_and_apart(engine: Engine, apart: bool) -> None:
    upload = given(engine, b"profile_id,email,n\np2,B@Example.com,7\np1,a@example.com,8\n")
    out = engine.scratch_file(".parquet")
    run = engine.run_apart if apart else engine.run_on_upload
    stats = await run("spa", write_snapshot, upload, out, linked=False)
    assert (stats.rows, list(stats.identifiers)) == (2, ["email"])
    assert stats.reading is not None
    assert pq.read_table(out)["member_id"].to_pylist() == ["p1", "p2"]


@pytest.mark.parametrize(
    ("data", "form", "words"),
    [
        (b"profile_id,email\n,a@example.com\n", "csv", "Line 2 has no profile_id"),
        (parquet_of({"profile_id": ["p1", None]}), "parquet", "Row 2 has no profile_id"),
    ],
)
async def test_faults_of_an_upload_come_back(
    engine: Engine, data: bytes, form: str, words: str
) -> None:
    upload = given(engine, data, form)
    with pytest.raises(Invalid, match=words):
        await engine.run_apart(
            "spa", write_snapshot, upload, engine.scratch_file(".x"), linked=False
        )


@pytest.mark.parametrize(
    ("data", "form", "words"),
    [
        (",".join(f"c{n}" for n in range(1001)).encode() + b"\n", "csv", "1,001 columns"),
        (
            b"{" + b",".join(b'"k%d":1' % n for n in range(60_000)) + b"}\n",
            "ndjson",
            "60,000 columns",
        ),
        (b"".join(b'{"p":1,"k%d":1}\n' % n for n in range(1000)), "ndjson", "1,001 columns"),
        (b'{"p":1,"a\\u0000b":1}\n', "ndjson", "NUL character in its name"),
        (parquet_of({"p": [1], "a\0b": [1]}), "parquet", "NUL character in its name"),
        (b"p," + b"n" * 1001 + b"\n1,2\n", "csv", "a name of 1,001 characters"),
        (nested(9), "parquet", "nested deeper than 8"),
        (nested(60), "parquet", "nested"),
    ],
)
async def test_a_shape_that_is_refused(  # 60,000 keys took the engine's own detection a quarter of a minute
    engine: Engine, data: bytes, form: str, words: str
) -> None:
    async with asyncio.timeout(20):
        with pytest.raises(Invalid, match=words):
            await engine.run_on_upload(
                "spa", write_dataset, given(engine, data, form), engine.scratch_file(".parquet")
            )


async def test_a_key_of_a_late_row_is_a_column(engine: Engine) -> None:
    rows = b'{"p":"a"}\n' * 21_000 + b'{"p":"b","late":1}\n{"early":2,"p":"c"}\n'
    out = engine.scratch_file(".parquet")
    stats = await engine.run_on_upload("spa", write_dataset, given(engine, rows, "ndjson"), out)
    assert (stats.rows, list(stats.columns)) == (21_002, ["p", "late", "early"])


@pytest.mark.walk
async def test_hundreds_of_columns_and_eight_levels_are_read(engine: Engine) -> None:
    header = ",".join(f"c{n}" for n in range(250)).encode()
    upload = given(engine, header + b"\n" + b",".join([b"1"] * 250) + b"\n")
    stats = await engine.run_on_upload(
        "spa", write_dataset, upload, engine.scratch_file(".parquet")
    )
    assert set(stats.columns.values()) == {"BIGINT"}
    upload = given(engine, nested(8), "parquet")
    assert (
        await engine.run_on_upload("spa", write_dataset, upload, engine.scratch_file(".x"))
    ).rows == 1


@pytest.mark.walk
async def test_a_membership_of_a_thousand_columns_is_read(tmp_path: Path) -> None:
    engine = Engine(
        "400MB", 2, tmp_path / "scratch"
    )  # as the service sets it; each thread needs memory
    names = ["profile_id", *(f"c{n}" for n in range(999))]
    upload = given(engine, ",".join(names).encode() + b"\na,1" + b",1.5,1" * 499 + b"\n")
    out = engine.scratch_file(".parquet")
    stats = await engine.run_on_upload("spa", write_snapshot, upload, out, linked=False)
    engine.close()
    assert len(stats.traits) == 999


def test_zstd_that_expands_a_thousandfold_is_read_in_pieces() -> None:
    frame = zstandard.ZstdCompressor(level=3).compress(bytes(64 * 1024**2))
    sizes = [len(piece) for piece in compression._unzstd(io.BytesIO(frame + frame))]
    assert sum(sizes) == 128 * 1024**2
    assert max(sizes) <= 4 * 1024**2
    with pytest.raises(EOFError):
        list(compression._unzstd(io.BytesIO(frame[:-1])))


async def test_a_full_disk_stops_the_engine_and_python(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The template is forked from before: the reserve is made larger by what the child is given.
    with pytest.raises(InsufficientStorage, match="disk is full"):
        await engine.run_apart("spa", without_room, write_on, tmp_path / "scratch" / "endless")
    with pytest.raises(InsufficientStorage, match="disk is full"):
        await engine.run_apart("spa", without_room, spill)


def without_room(cursor: Cursor, function: Any, *args: Any) -> Any:
    """Call a function while the disk seems to be full."""
    disk_reserve.RESERVE_BYTES = 2**62
    return function(cursor, *args)


@pytest.mark.parametrize(
    ("data", "form", "encoding", "small"),
    [
        (b"profile_id,email\np1,a@example.com\n", "csv", None, True),
        (b'{"profile_id": "p1", "email": "a@example.com"}\n', "ndjson", None, True),
        (b'{"profile_id": "p1", "tags": ["a"]}\n', "ndjson", None, False),
        (b'{"profile_id": "p1", "a": {"b": 1}}\n', "ndjson", None, False),
        (b"a" * 70_000, "csv", None, False),
        (b"sep=;\n" + b"a;" * 60 + b"\n", "csv", None, False),
        (b"profile_id\np1\n", "csv", "gzip", False),
        (b"\x1f\x8b\x08\x00 and more", "csv", None, False),
        (b"\x28\xb5\x2f\xfd", "csv", None, False),
        (b"\xff\xfea\x00", "csv", None, False),
        (b"PAR1", "parquet", None, False),
    ],
)
def test_what_is_read_here(
    tmp_path: Path, data: bytes, form: Any, encoding: Any, small: bool
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(data)
    assert is_small(Upload(path, form, encoding)) is small
