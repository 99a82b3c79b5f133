"""Files as spreadsheets and other tools write them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import zstandard

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, Upload
from app.snapshots.membership import write_snapshot
from app.snapshots.reading import write_dataset
from tests.unit.snapshots.files import fresh


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_comma_in_one_header_is_no_delimiter(
    cursor: Cursor, folder: Path, delimiter: str
) -> None:
    path, out = fresh(folder, ".csv"), fresh(folder)
    text = 'profile_id;email;"Umsatz, netto"\n17;a@example.com;12,50\n18;b@example.com;7,00\n'
    path.write_text(text.replace(";", delimiter))
    assert list(write_dataset(cursor, Upload(path, "csv"), out).columns) == [
        "profile_id",
        "email",
        "Umsatz, netto",
    ]
    assert pq.read_table(out)["Umsatz, netto"].to_pylist() == ["12,50", "7,00"]


def test_two_delimiters_that_fit_are_refused(cursor: Cursor, folder: Path) -> None:
    path = fresh(folder, ".csv")
    path.write_text("a;b,c\n1;2,3\n")
    with pytest.raises(Invalid, match="both fit"):
        write_dataset(cursor, Upload(path, "csv"), fresh(folder))


def test_a_long_cell_does_not_hide_the_fault(cursor: Cursor, folder: Path) -> None:
    path = fresh(folder, ".csv")
    path.write_text("profile_id,note\na," + "x" * 140_000 + "\n,y\n")
    with pytest.raises(Invalid, match="Line 3 has no profile_id"):
        write_snapshot(cursor, Upload(path, "csv"), fresh(folder), linked=False)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_compression_is_recognised(cursor: Cursor, folder: Path, pack: object) -> None:
    path = fresh(folder, ".csv")
    path.write_bytes(pack(b"profile_id\na\nb\n"))  # type: ignore[operator]
    found = write_snapshot(cursor, Upload(path, "csv"), fresh(folder), linked=False)
    assert found.rows == 2


def test_a_workbook_is_refused_by_name(cursor: Cursor, folder: Path) -> None:
    path = fresh(folder, ".csv")
    path.write_bytes(b"PK\x03\x04" + b"\0" * 40)
    with pytest.raises(Invalid, match="workbook"):
        write_dataset(cursor, Upload(path, "csv"), fresh(folder))
