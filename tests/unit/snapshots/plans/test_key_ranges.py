"""Key ranges: comparison, plan, fold and compaction give the same rows for any number of ranges."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.domain.batch_states import BatchEnd
from app.snapshots.engine import (
    Arm,
    BatchOutcome,
    Cursor,
    KeyField,
    KeyRange,
    LocalManifest,
    PlanSpec,
    PlanStats,
    Upload,
    key_ranges,
    ranges,
    sorted_files,
    sql,
)
from app.snapshots.holdings import (
    compact_holdings,
    fold_outcome,
    holdings,
    outcome_marks,
    outcomes,
)
from app.snapshots.membership import compare_members, members, write_snapshot
from app.snapshots.plans import plan_changes, sides, staged_members, write_plan
from tests.unit.snapshots.files import Instance, create_spec, fresh, snapshot

ARMS = (Arm("A", 1, place="A"), Arm("B", 2, place="B"), Arm("none", 1, sent=False))
FIELDS = (KeyField("email", "last", "email"),)
SPECS = {
    "members": create_spec(max_rows=40),
    "arms": create_spec(max_rows=40, arms=ARMS),
    "shared": create_spec(max_rows=40, key="identifiers", fields=FIELDS),
    "shared in arms": create_spec(max_rows=40, key="identifiers", fields=FIELDS, arms=ARMS),
    "several in arms": create_spec(
        max_rows=40,
        key="identifiers",
        fields=(KeyField("email", "all", "email"),),
        arms=ARMS,
        traits=None,
    ),
    "users of arms": create_spec(max_rows=40, arms=ARMS, traits=None),
}
KEYS = {"members": "m{:03}", "shared in arms": "{}@x.io\x1femail\x1fA"}
USERS = (sides, outcomes, holdings, members)  # the modules that divide their work


def batches_of(stats: PlanStats) -> list[BatchOutcome]:
    """Batches of which every third was not recorded, and the others have changes of all dispositions."""
    found = []
    for number, cut in enumerate(stats.cuts, 1):
        last = cut.rows - 1
        if number % 3 == 0:
            end = BatchEnd.ATTEMPTED if number % 2 else BatchEnd.UNTOUCHED
            found.append(BatchOutcome(number, cut.first_row, cut.rows, end))
            continue
        found.append(
            BatchOutcome(
                number, cut.first_row, cut.rows, BatchEnd.RECORDED,
                rejected={0: ("bad", "no such person")}, skipped={last // 2: ("unmapped", "no name")},
                unknown={last // 3: ("unmatched", "not taken")}, partner_ids={last: f"x{number}"},
            )
        )  # fmt: skip
    return found


def history(
    cursor: Cursor, folder: Path, spec: PlanSpec, memberships: Sequence[LocalManifest]
) -> list[Any]:
    """All that is written and counted by a sync of each membership, and by a compaction after them."""
    found: list[Any] = []
    held, before = LocalManifest(), None
    for number, wanted in enumerate(memberships, 1):
        found.append(compare_members(cursor, before, wanted))
        now = replace(spec, sync_number=number)
        out, outcome = fresh(folder), fresh(folder)
        stats = write_plan(cursor, now, [wanted], held, out)
        rows = pq.read_table(out, columns=["kind", "place"]).to_pylist()
        for cut in stats.cuts:
            of_cut = rows[cut.first_row : cut.first_row + cut.rows]
            assert all(row == {"kind": cut.kind, "place": cut.place} for row in of_cut), cut
        folded = fold_outcome(cursor, out, held, batches_of(stats), now, outcome)
        held, before = LocalManifest(held.base, (*held.deltas, outcome)), wanted
        found += [stats, folded, pq.read_table(out), pq.read_table(outcome)]
    compact_holdings(cursor, held, base := fresh(folder))
    return [*found, pq.read_table(base)]


@pytest.fixture(scope="module")
def small(engine: Instance, tmp_path_factory: pytest.TempPathFactory) -> list[LocalManifest]:
    """Two memberships in which members come, go, change their address and share addresses."""
    folder, chance = tmp_path_factory.mktemp("small"), random.Random(5)
    with engine.cursor() as cursor:
        return [
            snapshot(
                cursor,
                folder,
                [
                    {"profile_id": f"m{number:03}", "email": f"{chance.randrange(number + 1)}@x.io"}
                    for number in chance.sample(range(150), 100)
                ],
            )
            for _ in range(2)
        ]


@pytest.mark.parametrize(
    ("name", "counts"),
    [("members", (2, 7)), pytest.param("shared in arms", (7,), marks=pytest.mark.walk)],
)
def test_any_ranges_give_the_same_rows(
    cursor: Cursor,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    small: list[LocalManifest],
    name: str,
    counts: Sequence[int],
) -> None:
    whole = history(cursor, folder, SPECS[name], small)  # one range
    monkeypatch.setattr(plan_changes, "_SMALL", 25)
    monkeypatch.setattr(outcome_marks, "_MOST", 10)
    chance = random.Random(11)
    for count in counts:
        # Most bounds are keys.
        bounds = {KEYS[name].format(key) for key in chance.sample(range(100), count - 1)}
        marks = [None, *sorted(bounds), None]
        spans = [KeyRange(low, high) for low, high in itertools.pairwise(marks)]
        assert len(spans) == count
        for module in USERS:
            monkeypatch.setattr(module, "key_ranges", lambda *_, spans=spans: spans)
        assert history(cursor, folder, SPECS[name], small) == whole, f"{count} ranges"


@pytest.mark.walk
@pytest.mark.parametrize("name", ["users of arms", "several in arms"])
def test_members_that_are_sorted_by_their_keys_have_the_same_changes(
    cursor: Cursor,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    chance, sorts = random.Random(8), []
    memberships = [
        snapshot(
            cursor,
            folder,
            [
                {
                    "profile_id": f"m{number:03}",
                    "score": chance.randrange(3),
                    "email": [f"{chance.randrange(90):02}@x.io" for _ in range(number % 4)],
                }
                for number in chance.sample(range(150), 120)
            ],
        )
        for _ in range(2)
    ]
    whole = history(cursor, folder, SPECS[name], memberships)
    marks = [None, *sorted(f"{key:02}@" for key in chance.sample(range(90), 6)), None]
    if name == "users of arms":
        marks = [None, "m020", "m050", "m051", "m140", None]
    spans = [KeyRange(low, high) for low, high in itertools.pairwise(marks)]
    for module in USERS:
        monkeypatch.setattr(module, "key_ranges", lambda *_: spans)
    monkeypatch.setattr(plan_changes, "_SMALL", 10)
    monkeypatch.setattr(plan_changes, "_SCANS", 0)

    def staged(cursor: Cursor, both: sides.Sides) -> Any:
        sorts.append(len(both.sources))
        return staged_members.staged_members(cursor, both)

    monkeypatch.setattr(plan_changes, "staged_members", staged)
    assert history(cursor, folder, SPECS[name], memberships) == whole
    assert sorts == [1, 1]


@pytest.mark.walk
@pytest.mark.parametrize("name", ["shared", "members", "arms"])
def test_ranges_of_row_groups_change_nothing(
    cursor: Cursor,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    large: list[LocalManifest],
    name: str,
) -> None:
    for module in (sql, sorted_files):
        monkeypatch.setattr(module, "ROW_GROUP", 2048)
    spec = replace(SPECS[name], max_rows=1000, traits=None)
    whole = history(cursor, folder, spec, large)
    for module in (ranges, sides):
        monkeypatch.setattr(module, "RANGE_ROWS", 2_000)
    monkeypatch.setattr(plan_changes, "_SMALL", 250)
    most: list[int] = []

    def counted(weights: Sequence[Any], width: int = 1) -> list[KeyRange]:
        most.append(len(spans := key_ranges(weights, width)))
        return spans

    for module in USERS:
        monkeypatch.setattr(module, "key_ranges", counted)
    assert history(cursor, folder, spec, large) == whole
    assert max(most) > 2
    most.clear()
    for module in (ranges, sides):
        monkeypatch.setattr(module, "RANGE_ROWS", 6_000)
    monkeypatch.setattr(sides, "row_width", lambda _: 12)
    assert history(cursor, folder, spec, large) == whole
    assert max(most) > 2


def test_many_wide_rows_count_for_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def file(notes: Sequence[str | None]) -> Path:
        path = fresh(tmp_path)
        ids = [f"{number:036}" for number in range(len(notes))]
        # Few different texts: encoded, they take almost no bytes.
        pq.write_table(pa.table({"member_id": ids, "note": notes}), path, row_group_size=1_000)
        return path

    monkeypatch.setattr(ranges, "ROW_GROUP", 5_000)
    wide: list[str | None] = ["x" * 460]
    assert ranges.row_width([]) == 1
    assert ranges.row_width([file(["x" * 40] * 6_000)]) == 1
    assert ranges.row_width([file(wide * 6_000)]) == 4
    assert ranges.row_width([file(wide * 4_000)]) == 1, "few rows"
    assert ranges.row_width([file(wide * 2_000)] * 3) == 4, "many rows in small files"
    assert ranges.row_width([file([None] * 1_000 + wide * 5_000)]) == 4, "the first rows are others"
    assert ranges.row_width([file([None] * 3_000), file(wide * 3_000)]) == 2, "a half is wide"
    assert ranges.row_width([file([None] * 9_000), file(wide * 100)]) == 1, "few are wide"


@pytest.fixture(scope="module")
def large(engine: Instance, tmp_path_factory: pytest.TempPathFactory) -> list[LocalManifest]:
    """Two memberships of several row groups, which have most members in common."""
    folder, found = tmp_path_factory.mktemp("large"), []
    with pytest.MonkeyPatch.context() as patch, engine.cursor() as cursor:
        patch.setattr(sql, "ROW_GROUP", 2048)
        for start in (0, 250):
            path, out = fresh(folder, ".csv"), fresh(folder)
            lines = [
                f"m{n * 7919 % 1_000_003:07},{n % 2_300}@x.io\n"
                for n in range(start, start + 6_200)
            ]
            path.write_text("profile_id,email\n" + "".join(lines))
            write_snapshot(cursor, Upload(path, "csv"), out, linked=False)
            assert pq.ParquetFile(out).num_row_groups > 2
            found.append(LocalManifest((out,)))
    return found
