"""Bad input: every fault is refused in words that name row and column, and nothing half done stays."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, Upload
from app.snapshots.engine.connections import connect
from app.snapshots.membership import write_snapshot
from app.snapshots.reading import write_dataset
from tests.unit.snapshots.files import fresh

Format = Literal["csv", "ndjson", "parquet"]
HEAD = b"profile_id,age\n"
MANY = HEAD + b"".join(b"user-%d,%d\n" % (n, n * 7919) for n in range(200_000))


def refused(
    cursor: Cursor,
    folder: Path,
    content: bytes,
    kind: Format = "csv",
    encoding: Literal["gzip", "zstd"] | None = None,
) -> Invalid:
    """The refusal of an upload, which leaves no file behind."""
    path, out = fresh(folder, f".{kind}"), fresh(folder)
    path.write_bytes(content)
    before = set(folder.iterdir())
    with pytest.raises(Invalid) as caught:
        write_snapshot(cursor, Upload(path, kind, encoding), out, linked=False)
    assert set(folder.iterdir()) == before, "something half done is left"
    assert str(folder) not in caught.value.message
    return caught.value


def wide_row(traits: int) -> bytes:
    return orjson.dumps({"profile_id": "a"} | {f"c{n}": n for n in range(traits)}) + b"\n"


class TestCsv:
    @pytest.mark.parametrize(
        ("content", "words", "data"),
        [
            (HEAD + b"a,1\ncaf\xe9,2\n", "not UTF-8", {"row": 3}),
            (HEAD + b"a,1\nb\nc,3\n", "age is missing", {"row": 3, "column": "age"}),
            (HEAD + b"a,1\nb,2,3\n", "3 columns, the header 2", {"row": 3}),
            (HEAD + b"a,1\nb\0c,2\n", "NUL byte", {"row": 3}),
            (HEAD + b"a,1\n,2\n", "no profile_id", {"row": 3, "column": "profile_id"}),
            (HEAD + b'a,1\nb,"2\nc,3\n', "without its closing quote", {"row": 3}),
            (b"email,age\na@x,1\n", "profile_id is missing", {"column": "profile_id"}),
            (b"profile_id,age,Age\na,1,2\n", "Duplicate column", {"column": "Age"}),
            (b"profile_id,,age\na,1,2\n", "has no name", {"row": 2}),
            (b"\n\n", "only empty lines", {"row": 1}),
            (b"", "empty", None),
        ],
    )
    def test_names_row_and_column(
        self, cursor: Cursor, folder: Path, content: bytes, words: str, data: dict[str, Any] | None
    ) -> None:
        error = refused(cursor, folder, content)
        assert words in error.message
        assert error.data == data

    def test_parquet_columns_that_differ_in_case_only(self, cursor: Cursor, folder: Path) -> None:
        table = pa.table({"profile_id": ["a"], "Tier": ["gold"], "tier": ["silver"]})
        pq.write_table(table, path := fresh(folder))
        with pytest.raises(Invalid, match="Duplicate column: tier"):
            write_snapshot(cursor, Upload(path, "parquet"), fresh(folder), linked=False)

    def test_names_three_duplicates(self, cursor: Cursor, folder: Path) -> None:
        rows = b"".join(b"user-%d,1\n" % number for number in (*range(9), 3, 5, 7, 7, 8))
        error = refused(cursor, folder, HEAD + rows)
        assert "user-3, user-5, user-7" in error.message
        assert "user-8" not in error.message

    def test_finds_a_duplicate_across_row_groups(self, cursor: Cursor, folder: Path) -> None:
        ids = sorted(f"u{number:07}" for number in range(122_881))
        rows = "".join(f"{member},1\n" for member in [*ids, ids[122_879]])
        assert ids[122_879] in refused(cursor, folder, HEAD + rows.encode()).message

    def test_refuses_a_long_line(self, cursor: Cursor, folder: Path) -> None:
        error = refused(cursor, folder, HEAD + b"a," + b"y" * 10_000_000 + b"\nb,2\n")
        assert "longer than" in error.message
        assert error.data == {"row": 2}

    def test_a_header_alone_is_an_empty_membership(self, cursor: Cursor, folder: Path) -> None:
        path, out = fresh(folder, ".csv"), fresh(folder)
        path.write_bytes(HEAD)
        assert write_snapshot(cursor, Upload(path, "csv"), out, linked=False).rows == 0

    def test_reads_what_spreadsheets_write(self, cursor: Cursor, folder: Path) -> None:
        path, out = fresh(folder, ".csv"), fresh(folder)
        path.write_bytes(b'\xef\xbb\xbfprofile_id;name\r\n"a;b";"say ""hi"""\r\n\r\nc;d')
        assert write_snapshot(cursor, Upload(path, "csv"), out, linked=False).rows == 2
        assert pq.read_table(out)["t_name"].to_pylist() == ['say "hi"', "d"]


class TestCompressed:
    @pytest.mark.walk
    @pytest.mark.parametrize("encoding", ["gzip", "zstd"])
    def test_reads_whole_data_of_several_parts(
        self, cursor: Cursor, folder: Path, encoding: Literal["gzip", "zstd"]
    ) -> None:
        pack = gzip.compress if encoding == "gzip" else zstandard.compress
        path, out = fresh(folder, ".csv"), fresh(folder)
        path.write_bytes(pack(MANY) + pack(b"one-more,1\n"))
        stats = write_snapshot(cursor, Upload(path, "csv", encoding), out, linked=False)
        assert stats.rows == 200_001

    @pytest.mark.parametrize("encoding", ["gzip", "zstd"])
    @pytest.mark.parametrize("share", [0.5, 0.999])
    def test_refuses_what_was_cut(
        self, cursor: Cursor, folder: Path, encoding: Literal["gzip", "zstd"], share: float
    ) -> None:
        packed = gzip.compress(MANY, mtime=0) if encoding == "gzip" else zstandard.compress(MANY)
        cut = packed[: int(len(packed) * share)]
        assert "cut" in refused(cursor, folder, cut, "csv", encoding).message

    @pytest.mark.parametrize("encoding", ["gzip", "zstd"])
    def test_refuses_what_is_not_compressed(
        self, cursor: Cursor, folder: Path, encoding: Literal["gzip", "zstd"]
    ) -> None:
        assert "not valid" in refused(cursor, folder, MANY, "csv", encoding).message

    def test_refuses_a_flipped_bit(self, cursor: Cursor, folder: Path) -> None:
        packed = bytearray(gzip.compress(MANY, mtime=0))
        packed[len(packed) // 2] ^= 1
        assert "not valid gzip" in refused(cursor, folder, bytes(packed), "csv", "gzip").message


class TestNdjson:
    @pytest.mark.parametrize(
        ("content", "words", "data"),
        [
            (b'{"profile_id":"a"}\n{"profile_id":"b",\n', "not valid JSON", {"row": 2}),
            (b'{"profile_id":"a"}\n[1]\n', "not a JSON object", {"row": 2}),
            (
                b'{"profile_id":"a"}\n{"profile_id":5.5}\n',
                "must be text",
                {"row": 2, "column": "profile_id"},
            ),
            (b'{"profile_id":"a"}\n{"x":5}\n', "no profile_id", {"row": 2, "column": "profile_id"}),
            (b'{"profile_id":"a"}\n{"profile_id":"caf\xe9"}\n', "not valid JSON", {"row": 2}),
            (b'{"profile_id":"a","email":7}\n', "must be text or a list", {"column": "email"}),
            (b'{"x":"a"}\n', "profile_id is missing", {"column": "profile_id"}),
            (b"profile_id\na\n", "is not JSON", {"row": 1}),
            (b"\n\n", "has no columns: it has only empty lines", None),
            (b"{}\n{}\n", "has no columns: its objects are empty", None),
            (b'{}\n{"json":1}\n', "profile_id is missing", {"column": "profile_id"}),
            (b'{}\n{"profile_id":"a","":1}\n', "a key without a name", {"row": 2}),
            (wide_row(1000), "1,001 columns; the most is 1,000", None),
            (b"".join(b'{"c%d":1}\n' % n for n in range(1500)), "1,500 columns", None),
        ],
    )
    def test_names_row_and_column(
        self, cursor: Cursor, folder: Path, content: bytes, words: str, data: dict[str, Any] | None
    ) -> None:
        error = refused(cursor, folder, content, "ndjson")
        assert words in error.message
        assert error.data == data

    def test_refuses_a_control_character_in_an_id(self, cursor: Cursor, folder: Path) -> None:
        error = refused(
            cursor, folder, b'{"profile_id":"a\\u0000b"}\n{"profile_id":"c"}\n', "ndjson"
        )
        assert "control character" in error.message

    @pytest.mark.walk
    @pytest.mark.parametrize(
        "traits", [199, *(pytest.param(more, marks=pytest.mark.chaos) for more in (198, 300))]
    )
    def test_reads_rows_with_hundreds_of_keys(self, tmp_path: Path, traits: int) -> None:
        """The engine takes rows with 200 keys for dictionaries, unless it is told not to."""
        path = tmp_path / "wide.ndjson"
        path.write_bytes(wide_row(traits))
        engine = connect("400MB", 2, tmp_path)  # as the service sets it
        stats = write_snapshot(
            engine.cursor(), Upload(path, "ndjson"), tmp_path / "out", linked=False
        )
        assert set(stats.traits.values()) == {"BIGINT"}
        assert len(stats.traits) == traits

    def test_refuses_a_long_line(self, cursor: Cursor, folder: Path) -> None:
        row = b'{"profile_id":"a","x":"' + b"y" * 40_000_000 + b'"}\n'
        assert "longer than 16 MiB" in refused(cursor, folder, row, "ndjson").message

    @pytest.mark.parametrize("number", [b"9" * 500_000, b"1e999", b"-1e400"])
    def test_refuses_a_number_beyond_all_ranges_as_id(
        self, cursor: Cursor, folder: Path, number: bytes
    ) -> None:
        row = b'{"profile_id":"a"}\n{"profile_id":' + number + b"}\n"
        assert "must be text or an integer" in refused(cursor, folder, row, "ndjson").message


class TestParquet:
    @pytest.mark.parametrize("ids", [[1.5, 2.5], [True, False], [{"a": 1}, {"a": 2}]])
    def test_refuses_ids_of_another_type(
        self, cursor: Cursor, folder: Path, ids: list[Any]
    ) -> None:
        error = refused(cursor, folder, packed({"profile_id": ids}), "parquet")
        assert "must be text or an integer" in error.message
        assert error.data == {"column": "profile_id"}

    @pytest.mark.parametrize("column", ["email", "phone"])
    def test_refuses_numbers_as_addresses(self, cursor: Cursor, folder: Path, column: str) -> None:
        content = packed({"profile_id": ["a"], column: [1]})
        assert column in refused(cursor, folder, content, "parquet").message

    def test_refuses_bytes_that_are_no_text(self, cursor: Cursor, folder: Path) -> None:
        content = packed({"profile_id": ["a"], "photo": [b"\xff\xd8"]})
        assert refused(cursor, folder, content, "parquet").data == {"column": "photo"}

    def test_names_the_row_without_an_id(self, cursor: Cursor, folder: Path) -> None:
        error = refused(cursor, folder, packed({"profile_id": ["a", "b", None]}), "parquet")
        assert error.data == {"row": 3, "column": "profile_id"}

    @pytest.mark.parametrize("content", [b"hello", b"PAR1" + b"\0" * 400])
    def test_refuses_what_is_not_whole(self, cursor: Cursor, folder: Path, content: bytes) -> None:
        assert "Parquet" in refused(cursor, folder, content, "parquet").message

    def test_refuses_a_cut_file(self, cursor: Cursor, folder: Path) -> None:
        content = packed({"profile_id": [str(number) for number in range(10_000)]})
        assert "Parquet" in refused(cursor, folder, content[: len(content) // 2], "parquet").message


def packed(columns: dict[str, list[Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


class TestDatasets:
    def test_detects_types_over_the_whole_file(self, cursor: Cursor, folder: Path) -> None:
        rows = {
            "day": ["1997-01-01", "1998-12-31", ""],
            "moment": ["1997-01-01 10:00", "1997-01-01T10:00:01.5", ""],
            "zoned": ["1997-01-01T10:00:00+02:00", "1997-01-01T10:00:00Z", ""],
            "pieces": ["1", "-20", ""],
            "price": ["1.50", "2", "-0.125"],
            "vip": ["true", "False", ""],
            "code": ["00001", "00002", "00003"],
            "plus": ["+5", "6", "7"],
            "long": ["12345678901234567890", "1", "2"],
            "fine": ["0.1234567", "1.5", "2"],
            "mixed": ["1", "2", "three"],
            "customer_id": ["1", "2", "3"],
            "userId": ["1", "2", "3"],
            "none": ["", "", ""],
            "wrong": ["1997-02-30", "1997-01-01", "1997-01-02"],
        }
        path, out = fresh(folder, ".csv"), fresh(folder)
        lines = [",".join(rows), *(",".join(values) for values in zip(*rows.values(), strict=True))]
        path.write_text("\n".join(lines))
        stats = write_dataset(cursor, Upload(path, "csv"), out)
        assert dict(stats.columns) == {
            "day": "DATE",
            "moment": "TIMESTAMP",
            "zoned": "TIMESTAMP",
            "pieces": "BIGINT",
            "price": "DECIMAL(18,3)",
            "vip": "BOOLEAN",
            "code": "VARCHAR",
            "plus": "VARCHAR",
            "long": "VARCHAR",
            "fine": "DECIMAL(38,7)",
            "mixed": "VARCHAR",
            "customer_id": "VARCHAR",
            "userId": "VARCHAR",
            "none": "VARCHAR",
            "wrong": "VARCHAR",
        }
        assert [str(moment) for moment in pq.read_table(out)["zoned"].to_pylist()[:2]] == [
            "1997-01-01 08:00:00",
            "1997-01-01 10:00:00",
        ]

    def test_a_late_value_counts(self, cursor: Cursor, folder: Path) -> None:
        path, out = fresh(folder, ".csv"), fresh(folder)
        path.write_text("number\n" + "1\n" * 50_000 + "late\n")
        stats = write_dataset(cursor, Upload(path, "csv"), out)
        assert dict(stats.columns) == {"number": "VARCHAR"}
        assert stats.rows == 50_001

    def test_reads_ndjson_with_nested_values(self, cursor: Cursor, folder: Path) -> None:
        path, out = fresh(folder, ".ndjson"), fresh(folder)
        path.write_text(
            '{"id":1,"n":1.5,"d":"1997-01-01","o":{"b":1,"a":[2]}}\n{"id":2,"n":2,"o":null,"t":true}\n'
        )
        stats = write_dataset(cursor, Upload(path, "ndjson"), out)
        assert dict(stats.columns) == {
            "id": "VARCHAR", "n": "DECIMAL(18,1)", "d": "DATE", "o": "JSON", "t": "BOOLEAN",
        }  # fmt: skip
        assert pq.read_table(out)["o"].to_pylist() == ['{"a":[2],"b":1}', None]
