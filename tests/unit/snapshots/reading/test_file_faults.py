"""Too little memory, an interrupt and a full disk are no faults of a file."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from app.core.errors import Invalid
from app.snapshots.engine import TooMuchMemory, Upload
from app.snapshots.engine.connections import connect
from app.snapshots.engine.engine import Engine
from app.snapshots.membership import write_snapshot
from app.snapshots.reading import write_dataset
from app.snapshots.reading.file_faults import file_faults
from tests.unit.snapshots.files import fresh, ndjson

ROWS = [{"profile_id": f"p{no}", "age": no} for no in range(20)]
FULL = "IO Error: Could not write file: No space left on device"


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (duckdb.OutOfMemoryException("full"), TooMuchMemory),
        (duckdb.InterruptException("Interrupted!"), duckdb.InterruptException),
        (duckdb.IOException(FULL), duckdb.IOException),
        (duckdb.InvalidInputException("a fault of the file"), Invalid),
    ],
)
def test_only_faults_of_the_file_are_explained(
    error: duckdb.Error, raised: type[Exception]
) -> None:
    with pytest.raises(raised) as found, file_faults(lambda error: Invalid(str(error))):
        raise error
    assert type(found.value) is raised


def test_an_ndjson_reader_without_memory_does_not_blame_the_file(folder: Path) -> None:
    cursor = connect("20MB", 1, folder / "scratch")
    upload = Upload(ndjson(folder, ROWS), "ndjson")
    with pytest.raises(TooMuchMemory):
        write_snapshot(cursor, upload, fresh(folder), linked=False)
    with pytest.raises(TooMuchMemory):
        write_dataset(cursor, upload, fresh(folder))


async def test_a_file_that_needs_more_than_the_usual_memory_is_read_with_all_of_it(
    folder: Path,
) -> None:
    engine = Engine("80MB", 1, folder / "scratch")  # the NDJSON reader takes 34 MB, 30 are usual
    upload, out = Upload(ndjson(folder, ROWS), "ndjson"), fresh(folder)
    try:
        stats = await engine.run(write_snapshot, upload, out, linked=False)
    finally:
        engine.close()
    assert stats.rows == len(ROWS)
