"""Key fields: which values of real exports become keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.domain.batch_states import BatchEnd
from app.domain.changes import ChangeKind
from app.snapshots.engine import (
    BatchOutcome,
    Cursor,
    KeyField,
    LocalManifest,
    PlanStats,
    Upload,
)
from app.snapshots.holdings import fold_outcome
from app.snapshots.membership import write_snapshot
from app.snapshots.plans import key_fields, read_plan, write_plan
from tests.unit.snapshots.files import create_spec, fresh, snapshot

EMAIL_USER_PHONE = (
    KeyField("email", "last", "email"),
    KeyField("user_id", "last", "text"),
    KeyField("phone", "last", "phone"),
)
GIVEN: dict[str, Any] = {"key": "identifiers", "fields": EMAIL_USER_PHONE}
NOTHING = LocalManifest()


def planned(
    cursor: Cursor,
    folder: Path,
    rows: list[dict[str, Any]],
    held: LocalManifest = NOTHING,
    **more: Any,
) -> tuple[PlanStats, list[Any], Path]:
    out = fresh(folder)
    stats = write_plan(
        cursor, create_spec(**(GIVEN | more)), [snapshot(cursor, folder, rows)], held, out
    )
    return stats, list(read_plan(None, out, 0, 1000)), out


def keys(cursor: Cursor, folder: Path, rows: list[dict[str, Any]]) -> dict[str, str]:
    """Return ``{member: key}`` of the entries."""
    _, changes, _ = planned(cursor, folder, rows)
    return {change.member_id: change.key for change in changes}


def numbered(name: str, values: list[str], **more: Any) -> list[dict[str, Any]]:
    return [{"profile_id": f"p{n}", name: value, **more} for n, value in enumerate(values, 1)]


def test_a_trunk_zero_is_no_part_of_the_number(cursor: Cursor, folder: Path) -> None:
    rows = numbered("phone", ["+44 (0)20 7946 0018", "+49 (0) 30 901820", "+39 06 6982"])
    assert keys(cursor, folder, rows) == {
        "p1": "+442079460018",
        "p2": "+4930901820",
        "p3": "+39066982",
    }


def test_a_word_for_no_value_is_no_address(cursor: Cursor, folder: Path) -> None:
    rows = numbered("email", ["NULL", "\\N", "NULL", "n/a", "eva@example.com"])
    rows = [{**row, "user_id": f"u{n}", "last_name": "Null"} for n, row in enumerate(rows, 1)]
    assert keys(cursor, folder, rows) == {
        "p1": "u1", "p2": "u2", "p3": "u3", "p4": "u4", "p5": "eva@example.com",
    }  # fmt: skip


def test_a_word_for_no_value_is_no_id(cursor: Cursor, folder: Path) -> None:
    stats, changes, _ = planned(
        cursor, folder, numbered("user_id", ["NULL", "null", "\\N", "undefined", " ", "u6"])
    )
    assert [(change.member_id, change.key) for change in changes] == [("p6", "u6")]
    assert stats.left_out == {"no_identifier": 5}


def test_an_invalid_identifier_is_not_sent_next_to_the_key(cursor: Cursor, folder: Path) -> None:
    rows = [{"profile_id": "p1", "email": "a@example.com", "phone": "call me", "user_id": "n/a"}]
    _, changes, _ = planned(cursor, folder, rows)
    assert changes[0].identity == {"email": "a@example.com"}


def test_of_several_values_the_last_valid_one_counts(cursor: Cursor, folder: Path) -> None:
    rows = [{"profile_id": "p1", "email": ["a@example.com", "b@example.com", "NULL"]}]
    assert keys(cursor, folder, rows) == {"p1": "b@example.com"}


def test_a_key_of_an_older_rule_leaves_as_it_was_sent(
    cursor: Cursor, folder: Path, monkeypatch: Any
) -> None:
    rows = [{"profile_id": "p1", "phone": "+44 (0)20 7946 0018"}]
    older = "regexp_replace(v, '[^+0-9]', '', 'g')"
    with monkeypatch.context() as patch:
        patch.setattr(key_fields, "normalise_sql", lambda *_: older)
        stats, _, plan = planned(cursor, folder, rows)
    out = fresh(folder)
    batches = [
        BatchOutcome(number, cut.first_row, cut.rows, BatchEnd.RECORDED)
        for number, cut in enumerate(stats.cuts, 1)
    ]
    fold_outcome(cursor, plan, NOTHING, batches, create_spec(**GIVEN), out)
    _, changes, _ = planned(cursor, folder, rows, LocalManifest(deltas=(out,)))
    assert [(change.kind, change.key, dict(change.identity)) for change in changes] == [
        (ChangeKind.EXITED, "+4402079460018", {"phone": "+4402079460018"}),
        (ChangeKind.ENTERED, "+442079460018", {"phone": "+442079460018"}),
    ]


NATIONAL = ["0170 1234567", "(415) 555-0100", "0049 170 1234567"]


def test_a_national_number_is_read_in_the_members_country(cursor: Cursor, folder: Path) -> None:
    rows = numbered("phone", NATIONAL)
    for row, country in zip(rows, ["DE", "us", " de "], strict=True):
        row["country"] = country
    rows[2]["phone"] = "0049 171 1234567"
    assert keys(cursor, folder, rows) == {
        "p1": "+491701234567",
        "p2": "+14155550100",
        "p3": "+491711234567",
    }


@pytest.mark.parametrize("name", ["Country", "country_code", "countryCode"])
def test_the_country_is_found_in_another_spelling(cursor: Cursor, folder: Path, name: str) -> None:
    rows = [{"profile_id": "p1", "phone": "020 7946 0018", name: "UK"}]
    assert keys(cursor, folder, rows) == {"p1": "+442079460018"}


def test_a_number_without_a_country_has_its_own_reason(cursor: Cursor, folder: Path) -> None:
    rows = [*numbered("phone", [*NATIONAL, "call me"]), {"profile_id": "p5"}]
    stats, changes, _ = planned(cursor, folder, rows)
    assert changes == []
    assert stats.left_out == {"phone_without_country": 3, "no_identifier": 2}


def test_the_connections_country_is_that_of_members_without_one(
    cursor: Cursor, folder: Path
) -> None:
    rows = [
        {"profile_id": "p1", "phone": "0170 1234567", "country": ""},
        {"profile_id": "p2", "phone": "(415) 555-0100", "country": "US"},
        {"profile_id": "p3", "phone": "0171 1234567", "country": "Deutschland"},
        {"profile_id": "p4", "phone": "0172 1234567", "country": "NULL"},
    ]
    stats, changes, _ = planned(cursor, folder, rows, phone_country="DE")
    assert {change.member_id: change.key for change in changes} == {
        "p1": "+491701234567",
        "p2": "+14155550100",
        "p4": "+491721234567",
    }
    assert stats.left_out == {"phone_without_country": 1}


def test_the_next_identifier_is_used_without_a_country(cursor: Cursor, folder: Path) -> None:
    rows = [{"profile_id": "p1", "phone": "0170 1234567", "user_id": "u1"}]
    stats, changes, _ = planned(cursor, folder, rows)
    assert [change.key for change in changes] == ["u1"]
    assert stats.left_out == {}


@pytest.mark.parametrize("name", ["Marketing_OK", "marketingOk", "marketing_ok"])
def test_consent_is_found_in_another_spelling(cursor: Cursor, folder: Path, name: str) -> None:
    rows = [{**row, name: row["user_id"] == "u1"} for row in numbered("user_id", ["u1", "u2"])]
    stats, changes, _ = planned(cursor, folder, rows, consent="marketing_ok")
    assert [change.key for change in changes] == ["u1"]
    assert stats.left_out == {"no_consent": 1}


def test_two_spellings_of_consent_are_no_consent(cursor: Cursor, folder: Path) -> None:
    rows = [{"profile_id": "p1", "user_id": "u1", "Marketing-OK": True, "marketingOk": True}]
    assert planned(cursor, folder, rows, consent="marketing_ok")[0].left_out == {"no_consent": 1}


def test_a_trait_as_identifier_is_found_in_another_spelling(cursor: Cursor, folder: Path) -> None:
    rows = [{"profile_id": "p1", "CRM Id": "c1"}]
    fields = (KeyField("crm_id", "last", "text"),)
    assert [c.key for c in planned(cursor, folder, rows, fields=fields)[1]] == ["c1"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7, 8.5], ["7", "8.5"]),  # one column of numbers with fractions
        ([7.0, 1e300], ["1e+300", "7"]),
        ([7, "A8"], ["7", "A8"]),  # values of several types are kept as JSON
        ([["a", 7], ["b"]], ["7", "a", "b"]),
        ([{"a": 1}, "c"], ["c"]),
    ],
)
def test_a_trait_as_an_identifier_is_the_text_of_its_value(
    cursor: Cursor, folder: Path, values: list[Any], expected: list[str]
) -> None:
    rows = [{"profile_id": f"p{n}", "crm": value} for n, value in enumerate(values)]
    _, changes, _ = planned(cursor, folder, rows, fields=(KeyField("crm", "all"),))
    assert [change.key for change in changes] == expected


def test_numbers_of_a_parquet_file_with_empty_cells_stay_the_same_ids(
    cursor: Cursor, folder: Path
) -> None:
    path, out, plan = (fresh(folder) for _ in range(3))
    columns = {
        "crm": pa.array([101.0, None], pa.float64()),
        "list": pa.array([[7.0], []], pa.list_(pa.float64())),
    }
    pq.write_table(pa.table({"profile_id": ["p1", "p2"], **columns}), path)
    write_snapshot(cursor, Upload(path, "parquet"), out, linked=False)
    for name, expected in (("crm", "101"), ("list", "7")):
        spec = create_spec(key="identifiers", fields=(KeyField(name),))
        write_plan(cursor, spec, [LocalManifest((out,))], NOTHING, plan)
        assert [change.key for change in read_plan(None, plan, 0, 10)] == [expected]


@pytest.mark.parametrize("column", ["user_id", "userId", "User ID"])
@pytest.mark.parametrize("named", ["user_id", "userId", "USER-ID"])
def test_an_identifier_is_found_in_any_spelling(
    cursor: Cursor, folder: Path, column: str, named: str
) -> None:
    rows = [{"profile_id": "p1", column: "u1"}]
    stats, changes, _ = planned(cursor, folder, rows, fields=(KeyField(named, map_to="id"),))
    assert ([change.key for change in changes], stats.left_out) == (["u1"], {})
