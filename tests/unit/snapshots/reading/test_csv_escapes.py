"""Quotes escaped by backslashes: such a file is refused with the line, or read as it was written."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, Upload
from app.snapshots.reading import open_upload
from tests.unit.snapshots.files import Instance, fresh

HEADER = "profile_id,name,city\n"
_CELLS = st.sampled_from(["", "x", "Ann", 'x",y', '"', 'say "hi"', 'a"\nb,c', '"q"', "a,b", '5"'])


def read(cursor: Cursor, folder: Path, text: str) -> list[list[str]]:
    path = fresh(folder, ".csv")
    path.write_text(text, newline="")
    with open_upload(cursor, Upload(path, "csv"), fresh(folder)) as source:
        found = cursor.execute(f"SELECT * FROM {source.sql}").fetchall()
    return [[cell or "" for cell in row] for row in found]


@pytest.mark.parametrize(
    ("records", "line"),
    [
        ('"p1","x\\",y",""\n', 2),  # the empty cell would be one after the last column
        ('"p0","",""\n"p1","","x\\"\na,b,c"\n', 4),  # a, b and c would be a member
        ('"p1","x\\",\\"y"\n', 2),
        ('"p1","say \\"hi\\"","Bonn"\n', 2),
    ],
)
def test_is_refused_with_the_line(cursor: Cursor, folder: Path, records: str, line: int) -> None:
    with pytest.raises(Invalid, match=rf"Line {line} .*backslash.*") as caught:
        read(cursor, folder, HEADER + records)
    assert caught.value.data["row"] == line


@pytest.mark.parametrize(
    ("record", "cells"),
    [
        ('p1,"C:\\dir\\","5"" pipe"', ["p1", "C:\\dir\\", '5" pipe']),
        ('p1,"x\\\\",5" pipe', ["p1", "x\\\\", '5" pipe']),  # the backslash itself is escaped
        ('p1,"x\\",y', ["p1", "x\\", "y"]),
        ("p1,\\N,a\\b", ["p1", "\\N", "a\\b"]),
        ('p1,{\\"a\\": 1},"y"', ["p1", '{\\"a\\": 1}', "y"]),
    ],
)
def test_other_backslashes_are_parts_of_values(
    cursor: Cursor, folder: Path, record: str, cells: list[str]
) -> None:
    assert read(cursor, folder, f"{HEADER}{record}\n") == [cells]


@given(
    rows=st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=4),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_is_never_read_as_other_members(
    engine: Instance, tmp_path: Path, rows: list[tuple[str, str]], quoting: int
) -> None:
    written = [[f"p{number}", *cells] for number, cells in enumerate(rows)]
    out = io.StringIO()
    writer = csv.writer(
        out,
        quoting=quoting,  # type: ignore[arg-type]
        doublequote=False,
        escapechar="\\",
        lineterminator="\n",
    )
    writer.writerows([HEADER.strip().split(","), *written])
    with engine.cursor() as cursor:
        try:
            assert read(cursor, tmp_path, out.getvalue()) == written
        except Invalid:
            assert any('"' in cell for row in written for cell in row)
