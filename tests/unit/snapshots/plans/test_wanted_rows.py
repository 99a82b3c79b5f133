"""Values that count as consent, and values that a change of is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.snapshots.engine import Cursor, LocalManifest, Upload
from app.snapshots.membership import write_snapshot
from app.snapshots.plans import read_plan, write_plan
from tests.unit.snapshots.files import create_spec, fresh
from tests.unit.snapshots.plans.test_plan import delivered, planned


@pytest.mark.parametrize(
    ("values", "agreed"),
    [
        ([True, False, None], ["p0"]),
        (["true", "TRUE", "yes", "1", "no", "2", "maybe"], ["p0", "p1", "p2", "p3"]),
        ([1, 2, 0, -1], ["p0"]),  # 1 yes, 2 no: a frequent code
        ([1.0, 0.5, 2.0], ["p0"]),
        ([1, "true", 2, [True], {"a": True}], ["p0", "p1"]),  # kept as JSON
    ],
)
def test_only_true_is_consent(
    cursor: Cursor, folder: Path, values: list[Any], agreed: list[str]
) -> None:
    rows = [{"profile_id": f"p{n}", "ok": value} for n, value in enumerate(values)]
    stats, changes, _ = planned(cursor, folder, rows, consent="ok")
    assert [change.key for change in changes] == agreed
    assert stats.left_out == {"no_consent": len(values) - len(agreed)}


@pytest.mark.parametrize(
    ("before", "after", "updated"),
    [
        (1000000000001.0, 1000000000002.0, 1),  # ids of 13 digits in a column of floats
        (9007199254740991.0, 9007199254740990.0, 1),
        (-1000000000001.0, -1000000000002.0, 1),
        (0.1 + 0.2, 0.3, 0),  # the order of a sum
        (1e15 + 0.5, 1e15 + 0.25, 0),
    ],
)
def test_a_change_of_a_float(
    cursor: Cursor, folder: Path, before: float, after: float, updated: int
) -> None:
    spec: dict[str, Any] = {"traits": ("last",)}
    stats, held, out = None, LocalManifest(), fresh(folder)
    for value in (before, after):
        path, members = fresh(folder), fresh(folder)
        pq.write_table(pa.table({"profile_id": ["p1", "p2"], "last": [value, None]}), path)
        write_snapshot(cursor, Upload(path, "parquet"), members, linked=False)
        stats = write_plan(cursor, create_spec(**spec), [LocalManifest((members,))], held, out)
        held = delivered(cursor, folder, out, stats, held, **spec)
    assert stats is not None
    assert (stats.entered, stats.updated) == (0, updated)


def test_numbers_of_single_precision_are_sent_as_they_are_written(
    cursor: Cursor, folder: Path
) -> None:
    path, members, out = (fresh(folder) for _ in range(3))
    prices = [19.99, 0.1, 1e-7, 16777216.0, None, float("nan")]
    columns = {
        "price": pa.array(prices, pa.float32()),
        "all": pa.array([[one] for one in prices], pa.list_(pa.float32())),
    }
    pq.write_table(pa.table({"profile_id": [f"p{n}" for n in range(6)], **columns}), path)
    write_snapshot(cursor, Upload(path, "parquet"), members, linked=False)
    write_plan(cursor, create_spec(traits=None), [LocalManifest((members,))], LocalManifest(), out)
    sent = [change.traits for change in read_plan(None, out, 0, 10)]
    assert [one.get("price") for one in sent] == [19.99, 0.1, 1e-7, 16777216.0, None, None]
    assert [one["all"] for one in sent][:2] == [[19.99], [0.1]]
