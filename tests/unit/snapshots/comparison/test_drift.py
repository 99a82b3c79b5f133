"""The partner's list against the holdings, case by case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.domain.normalise import Normaliser
from app.snapshots.comparison import Drift, MembersFile, compare_with_partner
from app.snapshots.engine import Cursor, LocalManifest
from app.snapshots.holdings import holdings_relation

FIELDS: dict[str, Normaliser] = {"email": "email", "external_id": "text"}
ONE_LIST: Mapping[str | None, str] = {None: "L1"}
TYPES = {"fp1": pa.uint64(), "fp1_refused": pa.uint64(), "sync": pa.int64()}
COLUMNS = (
    "k",
    "key_type",
    "place",
    "member_id",
    "profile_id",
    "identity",
    "held",
    "fp1",
    "fp1_refused",
    "partner_id",
    "sync",
)


def held(
    value: str,
    state: str = "yes",
    kind: str = "email",
    partner: str | None = None,
    place: str | None = None,
) -> dict[str, object]:
    return {
        "k": f"{value}\x1f{kind}\x1f{place or ''}",
        "key_type": kind,
        "place": place,
        "member_id": f"m-{value}",
        "held": state,
        "fp1": 1,
        "partner_id": partner,
        "sync": 1,
    }


def gone(value: str, number: int, disposition: str = "delivered") -> dict[str, object]:
    """A row of an outcome: an exit."""
    more = {"kind": "exited", "disposition": disposition, "sync_number": number}
    return {**held(value, "gone"), **more}


def written(path: Path, rows: Iterable[dict[str, object]], *more: str) -> Path:
    rows = sorted(rows, key=lambda row: str(row["k"]))
    fields = [pa.field(name, TYPES.get(name, pa.string())) for name in COLUMNS]
    fields += [pa.field(n, pa.int64() if n == "sync_number" else pa.string()) for n in more]
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(fields)), path)
    return path


class Bench:
    def __init__(self, cursor: Cursor, folder: Path) -> None:
        self.cursor, self.folder = cursor, folder
        self.repair = folder / "repair.parquet"

    def drift(
        self,
        there: Iterable[dict[str, str]],
        ours: Iterable[dict[str, object]],
        outcomes: Iterable[dict[str, object]] = (),
        targets: Mapping[str | None, str] = ONE_LIST,
    ) -> Drift:
        listed = MembersFile(self.folder / "listed.parquet", list(FIELDS))
        for row in there:
            listed.add([row], row.pop("list", "L1"))
        listed.close()
        holdings = LocalManifest((written(self.folder / "ours.parquet", ours),))
        past = written(self.folder / "past.parquet", outcomes, "kind", "disposition", "sync_number")
        return compare_with_partner(
            self.cursor,
            self.folder / "listed.parquet",
            FIELDS,
            targets,
            holdings,
            [past],
            self.repair,
        )

    def repaired(self) -> list[tuple[str, str]]:
        """What the holdings are after the repair."""
        manifest = LocalManifest((self.folder / "ours.parquet",), (self.repair,))
        query = f"SELECT split_part(k, chr(31), 1), held FROM {holdings_relation(manifest)} AS r ORDER BY k"
        return self.cursor.execute(query).fetchall()


@pytest.fixture
def bench(cursor: Cursor, folder: Path) -> Bench:
    return Bench(cursor, folder)


def person(number: str, **identifiers: str) -> dict[str, str]:
    return {"partner_id": number, **identifiers}


def test_equal_lists_do_not_differ_whatever_the_partners_spelling(bench: Bench) -> None:
    there = [person("1", email=" Ann@Example.COM"), person("2", external_id="u2")]
    found = bench.drift(there, [held("ann@example.com"), held("u2", kind="external_id")])
    assert (found.there, found.held) == (2, 2)
    assert (found.missing, found.extra, found.foreign) == (0, 0, 0)


def test_a_partners_id_pairs_where_the_address_was_changed_there(bench: Bench) -> None:
    found = bench.drift([person("1", email="new@x.com")], [held("old@x.com", partner="1")])
    assert (found.missing, found.foreign) == (0, 0)


def test_a_key_of_another_kind_is_another_key(bench: Bench) -> None:
    found = bench.drift([person("1", external_id="a@x.com")], [held("a@x.com")])
    assert (found.missing, found.foreign) == (1, 1)


def test_repair_touches_what_is_missing_or_left_over_and_nothing_else(bench: Bench) -> None:
    there = [person(name, email=f"{name}@x.com") for name in ("in", "left", "taken", "them", "no")]
    ours = [
        held("in@x.com"),
        held("missing@x.com"),
        held("perhaps@x.com", "maybe"),
        held("taken@x.com", "removed"),
        held("no@x.com", "no"),  # refused: another system added it at the partner
    ]
    past = [gone("left@x.com", 3), gone("them@x.com", 3, "rejected")]
    found = bench.drift(there, ours, past)
    assert [sample["key"] for sample in found.missing_samples] == ["missing@x.com"]
    assert [sample["key"] for sample in found.extra_samples] == ["left@x.com", "taken@x.com"]
    assert [sample["partner_id"] for sample in found.foreign_samples] == ["them", "no"]
    assert bench.repaired() == [
        ("in@x.com", "yes"),
        ("left@x.com", "maybe"),
        ("missing@x.com", "maybe"),
        ("no@x.com", "no"),
        ("perhaps@x.com", "maybe"),
        ("taken@x.com", "maybe"),
    ]


def test_who_came_back_under_another_key_is_not_left_over(bench: Bench) -> None:
    past = [{**gone("old@x.com", 3), "partner_id": "1"}]
    there = [person("1", email="new@x.com")]
    found = bench.drift(there, [held("new@x.com", partner="1")], past)
    assert (found.extra, found.foreign, found.missing) == (0, 0, 0)


def test_samples_stop_at_a_hundred_and_counts_do_not(bench: Bench) -> None:
    there = (person(str(number), email=f"f{number}@x.com") for number in range(30_000))
    ours = (held(f"o{number}@x.com") for number in range(30_000))
    found = bench.drift(there, ours)
    assert (found.missing, found.foreign) == (30_000, 30_000)
    assert (len(found.missing_samples), len(found.foreign_samples)) == (100, 100)


def test_who_is_on_the_list_of_another_arm_is_missing_on_his_own(bench: Bench) -> None:
    there = [
        {**person("1", email="a@x.com"), "list": "LA"},
        {**person("2", email="b@x.com"), "list": "LA"},
    ]
    ours = [held("a@x.com", place="A"), held("b@x.com", partner="2", place="B")]
    found = bench.drift(there, ours, targets={"A": "LA", "B": "LB"})
    assert [row["key"] for row in found.missing_samples] == ["b@x.com"]
    assert [row["partner_id"] for row in found.foreign_samples] == ["2"]


def test_keys_of_a_place_that_was_not_read_are_left_aside(bench: Bench) -> None:
    ours = [held("a@x.com"), held("old@x.com", place="old")]
    found = bench.drift([person("1", email="a@x.com")], ours)
    assert (found.held, found.missing) == (1, 0)
