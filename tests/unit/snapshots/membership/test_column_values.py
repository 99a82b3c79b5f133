"""Ids and identifiers in columns of other types, without values, and with half characters."""

from __future__ import annotations

import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, LocalManifest, SnapshotStats, Upload
from app.snapshots.membership import page_rows, write_delta, write_snapshot
from tests.unit.snapshots.files import fresh

PEOPLE = {"profile_id": ["a", "b"], "email": ["a@example.com", "b@example.com"]}
ID = "0d5f3ab1-9a0e-4c3c-8a58-2f2f0b5d8a11"


def written(
    cursor: Cursor, folder: Path, content: Any, former: LocalManifest | None = None
) -> tuple[SnapshotStats, LocalManifest, list[dict[str, Any]]]:
    """The members of an upload: a Parquet table, or the bytes of an NDJSON or CSV file."""
    kind: Literal["csv", "ndjson", "parquet"] = "parquet"
    if isinstance(content, bytes):
        kind = "ndjson" if content.startswith(b"{") else "csv"
    path, out = fresh(folder, f".{kind}"), fresh(folder)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pq.write_table(content, path)
    stats = write_snapshot(cursor, Upload(path, kind), out, linked=False, former=former)
    manifest = LocalManifest((out,))
    return stats, manifest, page_rows(cursor, manifest, None, 10)


class TestColumnsWithoutValues:
    """aws/aws-sdk-pandas#2472, astrolabsoftware/fink-client#234 (type null); pandas-dev/pandas#37083, NVIDIA/cudf#6168
    (INT32)."""

    @pytest.mark.parametrize(
        "nothing",
        [pa.nulls(2), pa.nulls(2, pa.int32()), pa.nulls(2, pa.list_(pa.null())), pa.nulls(2, pa.binary())],
        ids=["null", "int32", "list of null", "binary"],
    )  # fmt: skip
    def test_next_weeks_file_has_values(
        self, cursor: Cursor, folder: Path, nothing: pa.Array
    ) -> None:
        table = pa.table({**PEOPLE, "phone": nothing, "plan": pa.nulls(2), "user_id": nothing})
        _, before, rows = written(cursor, folder, table)
        assert [row["identifiers"] for row in rows] == [{"email": [one]} for one in PEOPLE["email"]]
        assert [row["traits"] for row in rows] == [{}, {}]
        filled = pa.table({**PEOPLE, "phone": ["+4917012345678", None], "plan": [3, 4]})
        stats, _, rows = written(cursor, folder, filled, before)
        assert rows[0]["identifiers"]["phone"] == ["+4917012345678"]
        assert [row["traits"] for row in rows] == [{"plan": 3}, {"plan": 4}]
        assert list(stats.changes) == []

    def test_a_csv_column_has_no_type_before_it_has_values(
        self, cursor: Cursor, folder: Path
    ) -> None:
        _, before, _ = written(cursor, folder, b"profile_id,plan\na,\nb,\n")
        stats, _, rows = written(cursor, folder, b"profile_id,plan\na,3\nb,4\n", before)
        assert [row["traits"] for row in rows] == [{"plan": 3}, {"plan": 4}]
        assert list(stats.changes) == []

    @pytest.mark.parametrize("kind", [pa.null(), pa.string(), pa.int32()])
    def test_an_empty_frame_is_an_empty_membership(
        self, cursor: Cursor, folder: Path, kind: pa.DataType
    ) -> None:
        table = pa.table({"profile_id": pa.nulls(0, kind), "email": pa.nulls(0, kind)})
        assert written(cursor, folder, table)[0].rows == 0


class TestOtherTypes:
    """apache/druid#3381, apache/iceberg#11367 (texts as binary)."""

    @pytest.mark.parametrize(
        ("ids", "texts"),
        [
            (pa.array([7, 2**53 + 1]), ["7", "9007199254740993"]),
            (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
            (pa.array([Decimal(12)], pa.decimal128(38, 0)), ["12"]),
            (pa.array([b"x1", b"x2"]), ["x1", "x2"]),
            (pa.array([uuid.UUID(ID).bytes], pa.uuid()), [ID]),
        ],
        ids=["integers", "unsigned", "decimals", "binary", "UUIDs"],
    )
    def test_are_ids_as_texts(
        self, cursor: Cursor, folder: Path, ids: pa.Array, texts: list[str]
    ) -> None:
        _, _, rows = written(cursor, folder, pa.table({"profile_id": ids, "user_id": ids}))
        assert sorted(row["profile_id"] for row in rows) == sorted(texts)
        assert [row["identifiers"]["user_id"] for row in rows] == [[row["profile_id"]] for row in rows]  # fmt: skip

    def test_integers_in_json_are_ids(self, cursor: Cursor, folder: Path) -> None:
        content = b'{"profile_id":9007199254740993,"user_id":17}\n{"profile_id":"b"}\n'
        _, _, rows = written(cursor, folder, content)
        assert [row["profile_id"] for row in rows] == ["9007199254740993", "b"]
        assert rows[0]["identifiers"] == {"user_id": ["17"]}


class TestOtherValues:
    """Values of NDJSON that are no texts: used as texts, or left out and counted."""

    VALUES: list[tuple[Any, list[str], int]] = [  # with the identifiers, and how many are left out
        ("x", ["x"], 0), ("", [], 0), (None, [], 0), ([], [], 0), ([None, ""], [], 0),
        (7, [], 1), (-1, [], 1), (7.0, [], 1), (1e20, [], 1), (2**63, [], 1), (10**30, [], 1),
        (True, [], 1), ({"a": 1}, [], 1), ({}, [], 1),
        (["x", 7], ["x", "7"], 0), ([True, "x"], ["x"], 1), ([7.0, 1e20], [], 2), ([{"a": 1}, ["x"]], [], 2),
    ]  # fmt: skip
    SCALARS: tuple[Any, ...] = (7.0, 1e20, True, {"a": 1}, {})

    def test_in_another_spelling(self, cursor: Cursor, folder: Path) -> None:
        content = b"".join(
            orjson.dumps({"profile_id": f"p{number:02}", "userId": value}) + b"\n"
            if not isinstance(value, int) or abs(value) < 2**63
            else f'{{"profile_id":"p{number:02}","userId":{value}}}\n'.encode()
            for number, (value, _, _) in enumerate(self.VALUES)
        )
        stats, manifest, _ = written(cursor, folder, content)
        rows = page_rows(cursor, manifest, None, 100)
        found = [row["identifiers"].get("user_id", []) for row in rows]
        assert found == [ids for _, ids, _ in self.VALUES]
        assert stats.absent == {"userId": {"not_a_text": sum(count for *_, count in self.VALUES)}}
        assert [(one.role, one.identifier) for one in stats.reading.columns][1:] == [("identifier", "user_id")]  # type: ignore[union-attr]  # fmt: skip

    def test_under_the_exact_name(self, cursor: Cursor, folder: Path) -> None:
        content = b'{"profile_id":"a","user_id":[7,true,"x"],"email":["a@example.com",{"a":1}]}\n'
        stats, _, rows = written(cursor, folder, content)
        assert rows[0]["identifiers"] == {"user_id": ["7", "x"], "email": ["a@example.com"]}
        assert stats.absent == {"user_id": {"not_a_text": 1}, "email": {"not_a_text": 1}}

    @pytest.mark.parametrize("value", SCALARS, ids=str)
    def test_a_single_one_under_the_exact_name_is_refused(
        self, cursor: Cursor, folder: Path, value: Any
    ) -> None:
        with pytest.raises(Invalid, match="must be text, an integer of up to 64 bits, or a list"):
            written(cursor, folder, orjson.dumps({"profile_id": "a", "user_id": value}) + b"\n")

    def test_of_changes_of_members_are_counted(self, cursor: Cursor, folder: Path) -> None:
        _, base, _ = written(cursor, folder, b'{"profile_id":"a","userId":"x"}\n')
        path, out = fresh(folder, ".ndjson"), fresh(folder)
        path.write_bytes(b'{"profile_id":"b","userId":7}\n')
        assert write_delta(cursor, path, [], base, out).absent == {"userId": {"not_a_text": 1}}


class TestHalfCharacters:
    """Necmttn/ax#906: a text that was cut within an emoji."""

    CSV = b"profile_id,email,note\na,x\xed\xa0\xbd@example.com,cut \xed\xa0\xbd\nb,b@example.com,\xf0\x9f\x98\x80\n"
    NDJSON = (
        b'{"profile_id":"a","email":"x\\ud83d@example.com","note":"cut \\ud83d"}\n'
        b'{"profile_id":"b","email":"b@example.com","note":"\\ud83d\\ude00"}\n'
    )

    @pytest.mark.parametrize("content", [CSV, NDJSON], ids=["csv", "ndjson"])
    def test_of_traits_are_replaced_and_counted(
        self, cursor: Cursor, folder: Path, content: bytes
    ) -> None:
        stats, _, rows = written(cursor, folder, content)
        assert [row["traits"] for row in rows] == [{"note": "cut \ufffd"}, {"note": "😀"}]
        assert [row["identifiers"] for row in rows] == [{}, {"email": ["b@example.com"]}]
        assert stats.reading is not None
        assert stats.reading.replaced == {"note": {"half_character": 1}}
        assert stats.reading.dropped == {"email": {"half_character": 1}}

    @pytest.mark.parametrize(
        "content",
        [
            b"profile_id,note\na,1\nb\xed\xa0\xbd,2\n",
            b'{"profile_id":"a"}\n{"profile_id":"b\\ud83d"}\n',
        ],
        ids=["csv", "ndjson"],
    )
    def test_in_an_id_are_refused(self, cursor: Cursor, folder: Path, content: bytes) -> None:
        with pytest.raises(Invalid, match="half a character") as caught:
            written(cursor, folder, content)
        row = 3 if content.startswith(b"profile") else 2
        assert caught.value.data == {"row": row, "column": "profile_id"}
