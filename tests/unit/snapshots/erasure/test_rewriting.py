"""Stored files written again without a person: each kind of file, each type of column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.domain.batch_states import BatchEnd
from app.domain.persons import Person
from app.snapshots.engine import BatchOutcome, Cursor, LocalManifest, Upload, marks_of
from app.snapshots.erasure import (
    Names,
    count_held_keys,
    erase_person,
    find_names,
    names_person,
    planned_kinds,
    shared_values,
)
from app.snapshots.holdings import fold_outcome
from app.snapshots.membership import members_relation, page_rows, write_delta, write_snapshot
from app.snapshots.plans import read_plan, write_plan
from tests.traces import pieces
from tests.unit.snapshots.files import create_spec, fresh, ndjson, snapshot

ADA = Person.of(["p-ada-17"], ["ada@example.com"])
MEMBERS: list[dict[str, Any]] = [
    {"profile_id": "p-ada-17", "email": "Ada@example.com", "total": 1.5},
    {"profile_id": "p-b", "email": "b@example.com", "total": 2.5, "friend": "(ada@example.com)"},
    {"profile_id": "p-c", "email": "c@example.com", "total": 3.5, "friend": "ada@example.com.au"},
]


def types(path: Path) -> list[tuple[str, str]]:
    """Names and types of the columns; whether they may be empty depends on their values."""
    return [
        (field.name, str(field.type).replace(" not null", "")) for field in pq.read_schema(path)
    ]


def rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def erased(cursor: Cursor, folder: Path, path: Path, *, table: bool = False) -> Path:
    """The file without the person, which names nobody any more."""
    assert names_person(cursor, path, ADA, table=table)
    out = fresh(folder)
    assert erase_person(cursor, path, ADA, out, table=table) is not None
    assert not names_person(cursor, out, ADA, table=table)
    assert erase_person(cursor, out, ADA, fresh(folder), table=table) is None
    assert b"ada@example.com\x00" not in out.read_bytes()
    assert types(out) == types(path)
    assert marks_of([out]) == marks_of([path])
    return out


def test_members(cursor: Cursor, folder: Path) -> None:
    out = erased(cursor, folder, snapshot(cursor, folder, MEMBERS).base[0])
    assert [(row["member_id"], row["t_friend"]) for row in rows(out)] == [
        ("p-b", None),
        ("p-c", "ada@example.com.au"),
    ]


def test_values_of_any_type_that_mention_the_person(cursor: Cursor, folder: Path) -> None:
    person = Person.of(["p-ada-17"], ["ada@example.com", "+4915112345678"])
    late = {
        "sister": {"mail": "ada@example.com", "age": 42},
        "others": ["x@example.com", "ADA@example.com"],
        "said": {"words": "late\nada@example.com"},
        "tel": 4915112345678,
    }
    clean: dict[str, Any] = {
        "sister": {"age": 41},
        "others": ["x@example.com"],
        "said": {"words": "no"},
        "tel": 7,
    }
    members = [{"profile_id": "p-b", **late}, {"profile_id": "p-c", **clean}]
    path, out = snapshot(cursor, folder, members).base[0], fresh(folder)
    result = erase_person(cursor, path, person, out, table=False)
    assert result is not None
    assert (result.removed, result.changed, result.rows) == (0, 1, 2)
    assert types(out) == types(path)
    assert b"ada@example.com" not in b"".join(pieces(out.read_bytes())).lower()
    first, second = rows(out)
    assert {name for name, value in first.items() if value is not None} == {"member_id"}
    assert second == rows(path)[1]


def test_a_removal_in_a_change_is_removed_with_what_it_removed(
    cursor: Cursor, folder: Path
) -> None:
    base = snapshot(cursor, folder, MEMBERS)
    change = fresh(folder)
    write_delta(cursor, ndjson(folder, MEMBERS[2:]), ["p-ada-17"], base, change)
    both = LocalManifest((erased(cursor, folder, base.base[0]),), (erased(cursor, folder, change),))
    left = cursor.execute(f"SELECT member_id FROM {members_relation(cursor, both).sql}").fetchall()
    assert sorted(left) == [("p-b",), ("p-c",)]


@pytest.mark.walk
@pytest.mark.parametrize("key", ["member", "email"])
def test_plans_keep_their_numbers_and_outcomes_fold_as_before(
    cursor: Cursor, folder: Path, key: str
) -> None:
    members = snapshot(cursor, folder, MEMBERS)
    plan, outcome = fresh(folder), fresh(folder)
    spec = create_spec(max_rows=1)
    write_plan(cursor, spec, [members], LocalManifest(), plan)
    assert len(planned_kinds(cursor, plan, ADA)) == 1
    batches = [BatchOutcome(number, number, 1, BatchEnd.RECORDED) for number in range(3)]
    fold_outcome(cursor, plan, LocalManifest(), batches, spec, outcome)
    assert count_held_keys(cursor, LocalManifest((outcome,)), ADA) == 1
    new_plan, new_outcome = erased(cursor, folder, plan), erased(cursor, folder, outcome)
    changes = list(read_plan(cursor, new_plan, 0, 3))
    assert [change.row for change in changes] == [0, 1, 2]
    assert [change.profile_id for change in changes] == ["erased-0", "p-b", "p-c"]
    assert changes[0].identity == {} == changes[0].traits
    assert count_held_keys(cursor, LocalManifest((new_outcome,)), ADA) == 0
    assert planned_kinds(cursor, new_plan, ADA) == frozenset()


def test_a_table_of_the_user(cursor: Cursor, folder: Path) -> None:
    number = Person.of(["p-ada-17", "42"], ["ada@example.com", "+4915112345678"])
    table = pa.table(
        {
            "customer_id": ["p-ada-17", "42", "7", "8", "9", "10"],
            "mail": [None, None, "ADA@example.com ", "x@example.com", None, None],
            "tel": [None, None, None, None, "0049 (151) 1234-5678", "+49 151 99999999"],
            "amount": pa.array([1, 2, 3, 42, 5, 6], pa.int64()),
            "note": [None, None, None, "for ada@example.com", None, "42"],
            "tags": [None, None, None, ["a"], None, ["ask ada@example.com"]],
            "at": pa.array([0] * 6, pa.timestamp("us")),
        }
    )
    path, out = fresh(folder), fresh(folder)
    pq.write_table(table, path)
    result = erase_person(cursor, path, number, out, table=True)
    assert result is not None
    assert (result.removed, result.changed, result.rows) == (4, 2, 2)
    assert [(row["customer_id"], row["note"], row["tags"]) for row in rows(out)] == [
        ("8", None, ["a"]),
        ("10", "42", None),
    ]


def test_names_are_found_and_shared_ones_are_told_apart(cursor: Cursor, folder: Path) -> None:
    shared: list[dict[str, Any]] = [
        *MEMBERS,
        {"profile_id": "p-d", "email": "ADA@example.com", "user_id": "u9"},
    ]
    path = snapshot(cursor, folder, shared).base[0]
    known = Names(ids=frozenset({"p-ada-17"}))
    found = find_names(cursor, path, known)
    assert found == Names.of(["p-ada-17"], ["Ada@example.com"])
    assert found.values == {"ada@example.com"}
    assert shared_values(cursor, path, found) == {"ada@example.com"}
    by_mail = find_names(cursor, path, Names(values=frozenset({"ada@example.com"})), "email")
    assert by_mail.ids == {"p-ada-17", "p-d"}
    assert (
        find_names(cursor, path, Names(values=frozenset({"ada@example.com"})), "phone") == Names()
    )


def test_a_file_that_is_no_parquet_file_counts_as_naming(cursor: Cursor, folder: Path) -> None:
    assert names_person(cursor, ndjson(folder, MEMBERS), ADA, table=False)


@pytest.mark.parametrize(
    ("profile", "email", "asked"),
    [
        ("ALİ-42", "a@x.io", Names.of(["ALİ-42"], [])),
        ("ΝΙΚΟΣ", "a@x.io", Names.of(["ΝΙΚΟΣ"], [])),
        ("p1", "ann@x.io\t", Names.of([], ["Ann@x.io"])),
        ("p1", "\u00a0ann@x.io\u200b", Names.of([], ["ann@x.io"])),
    ],
)
def test_a_person_is_found_by_each_form_that_identifiers_have(
    cursor: Cursor, folder: Path, profile: str, email: str, asked: Names
) -> None:
    rows = [{"profile_id": profile, "email": email}, {"profile_id": "p2", "email": "bo@x.io"}]
    file = snapshot(cursor, folder, rows).base[0]
    found = find_names(cursor, file, asked)
    erased = erase_person(
        cursor, file, Person.of(found.ids, found.values), fresh(folder), table=False
    )
    assert erased is not None
    assert (erased.removed, erased.rows) == (1, 1)


def test_an_identifier_with_a_blank_is_shared(cursor: Cursor, folder: Path) -> None:
    rows = [
        {"profile_id": one, "email": f"us@x.io{end}"} for one, end in (("p1", ""), ("p2", "\t"))
    ]
    file = snapshot(cursor, folder, rows).base[0]
    found = find_names(cursor, file, Names.of(["p1"], []))
    assert shared_values(cursor, file, found) == {"us@x.io"}


def test_an_entity_does_not_come_back_with_its_former_profile(cursor: Cursor, folder: Path) -> None:
    base, delta, out = (fresh(folder) for _ in range(3))
    former = [{"entity_id": one, "profile_id": "p1", "plan": "a"} for one in ("e1", "e2", "e3")]
    write_snapshot(cursor, Upload(ndjson(folder, former), "ndjson"), base, linked=True)
    now = [{"entity_id": "e1", "profile_id": "p-ada-17", "plan": "b"}]
    now += [{"entity_id": "e2", "profile_id": "p2", "plan": "b"}]
    write_delta(cursor, ndjson(folder, now), ["e3"], LocalManifest((base,)), delta, linked=True)
    erased = erase_person(cursor, delta, ADA, out, table=False)
    assert erased is not None
    assert erased.removed == 1
    found = page_rows(cursor, LocalManifest((base,), (out,)), None, 10)
    assert [(row["member_id"], row["profile_id"]) for row in found] == [("e2", "p2")]
    assert not names_person(cursor, out, ADA, table=False)
