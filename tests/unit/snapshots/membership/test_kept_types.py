"""Traits keep their types from upload to upload while new values fit; a change causes no update of members who stay."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.domain.batch_states import BatchEnd
from app.snapshots.engine import (
    BatchOutcome,
    Cursor,
    LocalManifest,
    PlanStats,
    SnapshotStats,
    Upload,
)
from app.snapshots.holdings import fold_outcome
from app.snapshots.membership import write_snapshot
from app.snapshots.plans import read_plan, write_plan
from tests.unit.snapshots.files import create_spec, fresh

NOTHING = LocalManifest()
BIG = 9007199254740993


def upload(
    cursor: Cursor, folder: Path, text: str, former: LocalManifest = NOTHING, form: str = "csv"
) -> tuple[LocalManifest, SnapshotStats]:
    """Write a membership after a former one."""
    path, out = fresh(folder, f".{form}"), fresh(folder)
    path.write_text(text)
    stats = write_snapshot(cursor, Upload(path, form), out, linked=False, former=former)  # type: ignore[arg-type]
    return LocalManifest((out,)), stats


def second_plan(
    cursor: Cursor, folder: Path, before: LocalManifest, after: LocalManifest
) -> tuple[PlanStats, list[dict[str, object]]]:
    """Deliver a membership, then plan the next one. Returns the counts, and the traits that are sent."""
    spec = create_spec(traits=("v",))
    first, outcome, out = fresh(folder), fresh(folder), fresh(folder)
    stats = write_plan(cursor, spec, [before], NOTHING, first)
    batches = [
        BatchOutcome(number, cut.first_row, cut.rows, BatchEnd.RECORDED)
        for number, cut in enumerate(stats.cuts, 1)
    ]
    fold_outcome(cursor, first, NOTHING, batches, spec, outcome)
    planned = write_plan(cursor, spec, [after], LocalManifest(deltas=(outcome,)), out)
    return planned, [dict(change.traits) for change in read_plan(None, out, 0, 100)]


CASES = [
    # values before, values after, type before, type after, updates
    (["10115", "20095"], ["10115", "20095", "01067"], "BIGINT", "VARCHAR", 0),
    (["1", "2"], ["1", "2", "n/a"], "BIGINT", "VARCHAR", 0),
    (["1.50", "2"], ["1.50", "2", "x"], "DECIMAL(18,1)", "VARCHAR", 0),
    (["true", "false"], ["true", "false", "maybe"], "BOOLEAN", "VARCHAR", 0),
    (["2026-01-01"], ["2026-01-01", "soon"], "DATE", "VARCHAR", 0),
    (["01067", "10115"], ["10115"], "VARCHAR", "VARCHAR", 1),
    (["1.5", "2.5"], ["2", "2.5"], "DECIMAL(18,1)", "DECIMAL(18,1)", 1),
    (["1.5", "2.5"], ["3", "4"], "DECIMAL(18,1)", "DECIMAL(18,1)", 2),
    (["1", "2"], ["1", "2.25"], "BIGINT", "DECIMAL(18,2)", 1),
    (["1", "2"], ["", ""], "BIGINT", "BIGINT", 2),
    (["2026-01-01T10:00"], ["2026-01-01"], "TIMESTAMP", "TIMESTAMP", 1),
    (["1", "2"], ["1", "2", str(BIG)], "BIGINT", "VARCHAR", 0),
    ([str(BIG)], ["1"], "VARCHAR", "VARCHAR", 1),
    ([str(BIG)], [str(BIG), "x"], "VARCHAR", "VARCHAR", 0),
]


class TestCsv:
    @pytest.mark.parametrize(("before", "after", "was", "becomes", "updates"), CASES)
    def test_keeps_or_reports(
        self,
        cursor: Cursor,
        folder: Path,
        before: list[str],
        after: list[str],
        was: str,
        becomes: str,
        updates: int,
    ) -> None:
        first, stats = upload(cursor, folder, csv(before))
        assert stats.traits == {"v": was}
        second, stats = upload(cursor, folder, csv(after), first)
        assert stats.traits == {"v": becomes}
        changes = [(one.trait, one.before, one.after) for one in stats.changes]
        assert changes == ([("v", was, becomes)] if was != becomes else [])
        plan, _ = second_plan(cursor, folder, first, second)
        assert plan.updated == updates

    def test_a_changed_column_stays_text_and_new_values_are_updates(
        self, cursor: Cursor, folder: Path
    ) -> None:
        first, _ = upload(cursor, folder, csv(["10115", "20095"]))
        second, _ = upload(cursor, folder, csv(["10115", "20095", "01067"]), first)
        third, stats = upload(cursor, folder, csv(["10115", "20097"]), second)
        assert (stats.traits, list(stats.changes)) == ({"v": "VARCHAR"}, [])
        plan, sent = second_plan(cursor, folder, first, third)
        assert (plan.updated, sent) == (1, [{"v": "20097"}])

    def test_an_integer_that_json_cannot_carry_is_sent_as_text(
        self, cursor: Cursor, folder: Path
    ) -> None:
        first, _ = upload(cursor, folder, csv(["1"]))
        second, _ = upload(cursor, folder, csv(["1", str(BIG)]), first)
        plan, sent = second_plan(cursor, folder, first, second)
        assert (plan.entered, sent) == (1, [{"v": str(BIG)}])


class TestOtherForms:
    def test_ndjson_numbers_follow_the_same_rule(self, cursor: Cursor, folder: Path) -> None:
        first, stats = upload(cursor, folder, '{"profile_id": "a", "v": 1.5}\n', form="ndjson")
        assert stats.traits == {"v": "DECIMAL(18,1)"}
        text = '{"profile_id": "a", "v": 2}\n{"profile_id": "b", "v": null}\n'
        _, stats = upload(cursor, folder, text, first, form="ndjson")
        assert stats.traits == {"v": "DECIMAL(18,1)"}
        big = f'{{"profile_id": "a", "v": {BIG}}}\n'
        _, stats = upload(cursor, folder, big, form="ndjson")
        assert stats.traits == {"v": "VARCHAR"}

    @pytest.mark.parametrize(
        ("before", "after", "kind", "sent", "changed"),
        [
            (None, ["a", {"b": 1}], "JSON", ["a", {"b": 1}], False),
            ("text", ["a"], "JSON", ["a"], True),
            (["a"], "abc", "JSON", "abc", False),
            (["a"], "7", "JSON", "7", False),
            (["a"], 7, "JSON", 7, False),
        ],
    )
    def test_lists_and_objects_of_ndjson_are_no_texts(
        self,
        cursor: Cursor,
        folder: Path,
        before: object,
        after: object,
        kind: str,
        sent: object,
        changed: bool,
    ) -> None:
        lines = [json.dumps({"profile_id": "p", "v": value}) + "\n" for value in (before, after)]
        former, _ = upload(cursor, folder, lines[0], form="ndjson")
        found, stats = upload(cursor, folder, lines[1], former, form="ndjson")
        assert (stats.traits, bool(stats.changes)) == ({"v": kind}, changed)
        assert second_plan(cursor, folder, former, found)[1] == [{"v": sent}]

    @pytest.mark.parametrize(
        ("values", "kind", "sent"),
        [(['"[""b""]"', "7"], "JSON", [["b"], 7]), (["b", "07"], "VARCHAR", ["b", "07"])],
    )
    def test_texts_of_csv_after_lists(
        self, cursor: Cursor, folder: Path, values: list[str], kind: str, sent: list[object]
    ) -> None:
        former, _ = upload(cursor, folder, '{"profile_id": "p0", "v": ["a"]}\n', form="ndjson")
        found, stats = upload(cursor, folder, csv(values), former)
        assert stats.traits == {"v": kind}
        assert second_plan(cursor, folder, former, found)[1] == [
            {"v": value}
            for value in reversed(sent)  # the second member enters, the first is updated
        ]

    def test_parquet_integers_beyond_json_become_text(self, cursor: Cursor, folder: Path) -> None:
        path, out = fresh(folder), fresh(folder)
        pq.write_table(pa.table({"profile_id": ["a", "b"], "v": [1, -BIG], "w": [1, 2]}), path)
        stats = write_snapshot(cursor, Upload(path, "parquet"), out, linked=False)
        assert stats.traits == {"v": "VARCHAR", "w": "BIGINT"}


def csv(values: list[str]) -> str:
    return "profile_id,v\n" + "".join(f"p{index},{value}\n" for index, value in enumerate(values))
