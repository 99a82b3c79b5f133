"""Numbers of NDJSON, Parquet and changes of members: every digit is kept, or the value is refused by name."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, LocalManifest, Upload
from app.snapshots.membership import write_delta, write_snapshot
from app.snapshots.plans import write_plan
from app.snapshots.reading import write_dataset
from tests.unit.snapshots.files import create_spec, fresh

NOTHING = LocalManifest()


def written(folder: Path, *lines: str) -> Path:
    path = fresh(folder, ".ndjson")
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def upload(cursor: Cursor, path: Path, out: Path, form: Any = "ndjson") -> dict[str, str]:
    return dict(write_snapshot(cursor, Upload(path, form), out, linked=False).traits)


def sent(cursor: Cursor, folder: Path, members: LocalManifest) -> dict[str, str]:
    """Return the trait ``x`` of each member as the plan has it: a JSON text."""
    out = fresh(folder)
    write_plan(cursor, create_spec(traits=None), [members], NOTHING, out)
    table = pq.read_table(out)
    pairs = zip(table["k"].to_pylist(), table["traits"].to_pylist(), strict=True)
    return {key: text.removeprefix('{"x":').removesuffix("}") for key, text in pairs}


def row(member: str, value: str) -> str:
    return f'{{"profile_id":"{member}","x":{value}}}'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("9007199254740993", '"9007199254740993"'),
        ("9223372036854775808", '"9223372036854775808"'),
        ("18446744073709551616", '"18446744073709551616"'),
        ("12345678901234567890123", '"12345678901234567890123"'),
        ("-170141183460469231731687303715884105729", '"-170141183460469231731687303715884105729"'),
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("123456789012345678.5", "123456789012345678.5"),
        ("33.3333333333333333", "33.3333333333333333"),
        ("-1234567890.12345678901", "-1234567890.12345678901"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("52.520006599999997", "52.520006599999997"),
        ("1e400", '"1e400"'),
        ("1.5e-7", "1.5e-7"),
        ('{"n":12345678901234567890123}', '{"n":12345678901234567890123}'),
        ("[9007199254740993,0.1234567890123456789]", '[9007199254740993,"0.1234567890123456789"]'),
        ('"0.1234567890123456789"', '"0.1234567890123456789"'),
        ("1.50", "1.5"),
    ],
)
def test_ndjson_keeps_every_digit(cursor: Cursor, tmp_path: Path, value: str, shown: str) -> None:
    out = fresh(tmp_path)
    upload(cursor, written(tmp_path, row("a", value)), out)
    assert sent(cursor, tmp_path, LocalManifest((out,))) == {"a": shown}


def test_long_numbers_are_reported_and_other_values_keep_their_form(
    cursor: Cursor, tmp_path: Path
) -> None:
    lines = [
        row("a", "1.25"),
        '{"profile_id":"b","x":0.1234567890123456789,"big":12345678901234567890123,"t":"é 1.12345678901"}',
        row("c", "7"),
    ]
    out = fresh(tmp_path)
    stats = write_snapshot(cursor, Upload(written(tmp_path, *lines), "ndjson"), out, linked=False)
    assert stats.reading is not None
    assert stats.reading.replaced == {"x": {"long_number": 1}}
    assert dict(stats.traits) == {"x": "DECIMAL(38,19)", "big": "VARCHAR", "t": "VARCHAR"}
    found = pq.read_table(out).to_pylist()
    assert [one["t_x"] for one in found] == [
        Decimal("1.25"), Decimal("0.1234567890123456789"), Decimal(7),
    ]  # fmt: skip
    assert (found[1]["t_big"], found[1]["t_t"]) == ("12345678901234567890123", "é 1.12345678901")


def test_a_dataset_can_add_them(cursor: Cursor, tmp_path: Path) -> None:
    path, out = written(tmp_path, '{"x":0.1234567890123456789}', '{"x":1}'), fresh(tmp_path)
    stats = write_dataset(cursor, Upload(path, "ndjson"), out)
    assert stats.columns["x"] == "DECIMAL(38,19)"


@pytest.mark.parametrize(
    ("held", "new", "shown"),
    [
        ("5", "9007199254740993", {"a": '"5"', "b": '"9007199254740993"'}),
        ('"t"', "12345678901234567890123", {"a": '"t"', "b": '"12345678901234567890123"'}),
        ("1.5", "2.0", {"a": "1.5", "b": "2.0"}),
        ("1.5", "1e2", {"a": "1.5", "b": "100.0"}),
        ("5", "7.0", {"a": "5", "b": "7"}),
        ("1.5e-7", "0.1", {"a": "1.5e-7", "b": "0.1"}),
        ("5", "1.5", "BIGINT"),
        ("5", "9223372036854775808", "BIGINT"),
        ("1.5", "2.12", "DECIMAL(18,1)"),
        ("1.5e-7", "0.1234567890123456789", "DOUBLE"),
        ("true", "1", "BOOLEAN"),
    ],
)
def test_a_change_of_one_member(
    cursor: Cursor, tmp_path: Path, held: str, new: str, shown: Any
) -> None:
    base, delta = fresh(tmp_path), fresh(tmp_path)
    upload(cursor, written(tmp_path, row("a", held)), base)
    change = written(tmp_path, row("b", new))
    if isinstance(shown, str):
        with pytest.raises(Invalid) as refused:
            write_delta(cursor, change, [], LocalManifest((base,)), delta)
        assert f"x holds {shown}; this does not fit: {new}" in str(refused.value)
    else:
        write_delta(cursor, change, [], LocalManifest((base,)), delta)
        assert sent(cursor, tmp_path, LocalManifest((base,), (delta,))) == shown


def test_a_column_that_becomes_text_causes_no_update(cursor: Cursor, tmp_path: Path) -> None:
    base, delta = fresh(tmp_path), fresh(tmp_path)
    upload(cursor, written(tmp_path, row("a", "5")), base)
    write_delta(
        cursor, written(tmp_path, row("b", "9007199254740993")), [], LocalManifest((base,)), delta
    )
    hashes = []
    for members in (LocalManifest((base,)), LocalManifest((base,), (delta,))):
        out = fresh(tmp_path)
        write_plan(cursor, create_spec(traits=None), [members], NOTHING, out)
        hashes.append(pq.read_table(out)["fp1"][0].as_py())
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.decimal256(70, 2), Decimal("1.50")),
        (pa.list_(pa.decimal256(40, 0)), [Decimal(1)]),
    ],
)
def test_parquet_decimals_that_the_engine_does_not_have(
    cursor: Cursor, tmp_path: Path, kind: pa.DataType, value: Any
) -> None:
    path = fresh(tmp_path)
    pq.write_table(pa.table({"profile_id": ["a"], "x": pa.array([value], kind)}), path)
    with pytest.raises(Invalid, match=r"The column x has the type .*decimal256.*as text"):
        upload(cursor, path, fresh(tmp_path), "parquet")


def test_parquet_decimals_keep_every_digit(cursor: Cursor, tmp_path: Path) -> None:
    path, out = fresh(tmp_path), fresh(tmp_path)
    value = pa.array([Decimal("12345678901234567890.123456789012345678")], pa.decimal128(38, 18))
    pq.write_table(pa.table({"profile_id": ["a"], "x": value}), path)
    upload(cursor, path, out, "parquet")
    (shown,) = sent(cursor, tmp_path, LocalManifest((out,))).values()
    assert json.loads(shown, parse_float=Decimal) == value[0].as_py()
