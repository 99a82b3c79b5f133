"""Stored files name their format and version; files of earlier versions are read, those of later ones are refused."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.domain.batch_states import BatchEnd
from app.domain.changes import Held
from app.snapshots.engine import (
    Arm,
    BatchOutcome,
    Cursor,
    FileFormat,
    LocalManifest,
    UnknownFormat,
    copy_to,
    file_version,
    format_metadata,
    stored_relation,
)
from app.snapshots.engine.formats import CURRENT
from app.snapshots.holdings import (
    COLUMNS,
    count_held,
    fold_outcome,
    holdings_relation,
    is_old,
    rewrite_old_holdings,
)
from app.snapshots.plans import read_plan, write_plan
from app.storage.revisions import is_known
from tests.unit.snapshots.files import create_spec, fresh, snapshot

ARMS = (Arm("A", 1, True), Arm("B", 1, True))


#: The first migration that is as new as each version. A service that does not know it is refused at its start.
MIGRATIONS = {
    (FileFormat.MEMBERS, 1): "0001",
    (FileFormat.PLAN, 3): "0008",
    (FileFormat.OUTCOME, 3): "0008",
    (FileFormat.HOLDINGS, 3): "0008",
}


def test_a_new_version_comes_with_a_migration() -> None:
    """A rollback to a service that cannot read the files must end at its start, not at each plan."""
    assert set(MIGRATIONS) == set(CURRENT.items())
    assert all(is_known(revision) for revision in MIGRATIONS.values())


def write_old(folder: Path, rows: list[tuple[str, str, str, str, int, int]]) -> Path:
    """Holdings of version 1: key, arm, member, held, hash, sync."""
    out = fresh(folder)
    names = {**COLUMNS, "arm": "VARCHAR"}
    del names["place"]
    given = {
        "k": [row[0] for row in rows],
        "key_type": ["member"] * len(rows),
        "arm": [row[1] for row in rows],
        "member_id": [row[2] for row in rows],
        "held": [row[3] for row in rows],
        "fp1": pa.array([row[4] for row in rows], pa.uint64()),
        "sync": [row[5] for row in rows],
    }
    empty = pa.nulls(len(rows), pa.string())
    columns = {name: given.get(name, empty) for name in names}
    columns["fp1_refused"] = pa.nulls(len(rows), pa.uint64())
    pq.write_table(pa.table(columns), out)
    return out


def key(value: str, arm: str) -> str:
    return f"{value}\x1fmember\x1f{arm}"


class TestVersions:
    @pytest.mark.parametrize("kind", list(FileFormat))
    def test_a_file_names_its_format_and_version(
        self, cursor: Cursor, tmp_path: Path, kind: FileFormat
    ) -> None:
        out = fresh(tmp_path)
        query = "SELECT 'p' AS k, 'x' AS place"
        cursor.execute(copy_to(query, out, narrow=True, metadata=format_metadata(kind)))
        metadata = pq.read_schema(out).metadata
        assert metadata[b"activations.format"] == kind.value.encode()
        assert file_version(out) == int(metadata[b"activations.version"])

    def test_every_file_of_a_sync_names_its_format(self, cursor: Cursor, tmp_path: Path) -> None:
        members = snapshot(cursor, tmp_path, [{"profile_id": "p1"}])
        plan, outcome = fresh(tmp_path), fresh(tmp_path)
        spec = create_spec()
        write_plan(cursor, spec, [members], LocalManifest(), plan)
        fold_outcome(cursor, plan, LocalManifest(), [], spec, outcome)
        named = [
            pq.read_schema(path).metadata[b"activations.format"]
            for path in (members.base[0], plan, outcome)
        ]
        assert named == [b"members", b"plan", b"outcome"]

    def test_a_later_version_is_refused_by_name(self, cursor: Cursor, tmp_path: Path) -> None:
        out = fresh(tmp_path)
        metadata = format_metadata(FileFormat.HOLDINGS, 99)
        cursor.execute(copy_to("SELECT 'p' AS k", out, narrow=True, metadata=metadata))
        with pytest.raises(UnknownFormat, match=r"holdings, version 99.*cannot read it"):
            stored_relation([out])
        with pytest.raises(UnknownFormat):
            read_plan(None, out, 0, 1)


class TestVersionOne:
    ROWS = (
        (key("p1", "A"), "A", "p1", Held.YES, 5, 1),
        (key("p2", "A"), "A", "p2", Held.REMOVED, 6, 1),
        (key("p2", "B"), "B", "p2", Held.YES, 7, 2),
    )

    def test_is_read_with_the_columns_of_today(self, cursor: Cursor, tmp_path: Path) -> None:
        manifest = LocalManifest((write_old(tmp_path, list(self.ROWS)),))
        assert is_old(manifest)
        assert count_held(cursor, manifest) == (2, 0)
        places = cursor.execute(f"SELECT place FROM {holdings_relation(manifest)}").fetchall()
        assert places == [("A",), ("A",), ("B",)]

    def test_is_rewritten_with_one_row_for_each_key(self, cursor: Cursor, tmp_path: Path) -> None:
        manifest = LocalManifest((write_old(tmp_path, list(self.ROWS)),))
        out = fresh(tmp_path)
        assert rewrite_old_holdings(cursor, manifest, create_spec(arms=ARMS), out) == 2
        current = LocalManifest((out,))
        assert not is_old(current)
        rows = cursor.execute(
            f"SELECT k, place, held, sync FROM {holdings_relation(current)} ORDER BY k"
        ).fetchall()
        assert rows == [("p1", None, "yes", 1), ("p2", None, "yes", 2)]

    def test_an_arm_with_a_place_keeps_its_own_keys(self, cursor: Cursor, tmp_path: Path) -> None:
        manifest = LocalManifest((write_old(tmp_path, list(self.ROWS)),))
        out = fresh(tmp_path)
        arms = (Arm("A", 1, True, place="list-a"), Arm("B", 1, True, place="list-b"))
        assert rewrite_old_holdings(cursor, manifest, create_spec(arms=arms), out) == 3
        keys = cursor.execute(
            f"SELECT k, place FROM {holdings_relation(LocalManifest((out,)))} ORDER BY k"
        ).fetchall()
        assert keys == [
            (key("p1", "list-a"), "list-a"),
            (key("p2", "list-a"), "list-a"),
            (key("p2", "list-b"), "list-b"),
        ]


class TestVersionTwo:
    """Files without the columns of version 3: a plan that was not settled yet, holdings, and an outcome."""

    @staticmethod
    def without(path: Path, kind: FileFormat, *columns: str) -> None:
        table = pq.read_table(path).drop_columns(list(columns))
        pq.write_table(table.replace_schema_metadata(dict(format_metadata(kind, 2))), path)

    @pytest.mark.walk
    def test_is_read_beside_files_of_today(self, cursor: Cursor, tmp_path: Path) -> None:
        held = LocalManifest()
        for number, names in enumerate((["p1"], ["p1", "p2"], ["p2", "p3"]), 1):
            members = snapshot(cursor, tmp_path, [{"profile_id": name} for name in names])
            plan, outcome = fresh(tmp_path), fresh(tmp_path)
            spec = create_spec(sync_number=number)
            stats = write_plan(cursor, spec, [members], held, plan)
            if number < 3:
                self.without(plan, FileFormat.PLAN, "filled", "old_filled", "old_unknowns")
            assert len(read_plan(cursor, plan, 0, 10)) == stats.changes
            batches = [BatchOutcome(1, 0, stats.changes, BatchEnd.RECORDED)]
            fold_outcome(cursor, plan, held, batches, spec, outcome)
            assert file_version(outcome) == 3
            if number < 2:
                self.without(outcome, FileFormat.OUTCOME, "filled", "unknowns")
            held = LocalManifest(held.base, (*held.deltas, outcome))
        assert not is_old(held)
        rows = cursor.execute(
            f"SELECT k, filled, unknowns FROM {holdings_relation(held)} ORDER BY k"
        ).fetchall()
        assert rows == [("p2", None, None), ("p3", None, None)]
