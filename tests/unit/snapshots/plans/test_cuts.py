"""Batches have rows of one kind and one place, in the order of the plan."""

from __future__ import annotations

import itertools
import random

import pyarrow as pa
import pytest

from app.snapshots.plans.cuts import Cutter
from tests.unit.snapshots.files import create_spec

KINDS = ("exited", "entered", "updated")


def table(rows: list[tuple[str, str | None, bool]]) -> pa.Table:
    kinds, places, taken = zip(*rows, strict=True)
    text = pa.array([""] * len(rows), pa.string())
    return pa.table(
        {
            "row": pa.array(range(len(rows)), pa.int64()),
            "kind": pa.array(kinds, pa.string()),
            "place": pa.array(places, pa.string()),
            "takes_over": pa.array(taken, pa.bool_()),
            **dict.fromkeys(("k", "identity", "traits", "entities"), text),
        }
    )


@pytest.mark.parametrize("max_bytes", [None, 200])
@pytest.mark.parametrize("seed", range(20))
def test_each_batch_has_rows_of_one_place(seed: int, max_bytes: int | None) -> None:
    """Turns of entries that take keys over repeat the places: list A, list B, then A again."""
    chance = random.Random(seed)
    rows = [
        (kind, chance.choice(("A", "B", None)), takes_over)
        for kind, takes_over in (("exited", False), ("entered", True), ("entered", False))
        for _ in range(chance.randrange(1, 40))
    ]
    cutter = Cutter(create_spec(max_rows=chance.randrange(1, 6), max_bytes=max_bytes))
    half = chance.randrange(len(rows) + 1)
    for part in (rows[:half], rows[half:]):
        if part:
            cutter.take(table(part))
    cuts = cutter.finished()
    assert [cut.first_row for cut in cuts] == [
        0,
        *itertools.accumulate(cut.rows for cut in cuts[:-1]),
    ]
    assert sum(cut.rows for cut in cuts) == len(rows)
    for cut in cuts:
        of_cut = rows[cut.first_row : cut.first_row + cut.rows]
        assert set(of_cut) == {(cut.kind, cut.place, cut.takes_over)}
