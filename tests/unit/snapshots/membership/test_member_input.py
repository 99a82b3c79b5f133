"""Columns of a membership: spellings of identifiers, and ids as real files have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, LocalManifest, SnapshotStats, Upload
from app.snapshots.membership import in_one_spelling, page_rows, write_snapshot
from tests.unit.snapshots.files import fresh, ndjson


def written(
    cursor: Cursor, folder: Path, upload: Upload, *, linked: bool = False
) -> tuple[SnapshotStats, list[dict[str, Any]]]:
    out = fresh(folder)
    stats = write_snapshot(cursor, upload, out, linked=linked)
    return stats, page_rows(cursor, LocalManifest((out,)), None, 100)


def csv(folder: Path, text: str) -> Upload:
    path = fresh(folder, ".csv")
    path.write_text(text)
    return Upload(path, "csv")


def parquet(folder: Path, **columns: Any) -> Upload:
    path = fresh(folder)
    pq.write_table(pa.table(columns), path)
    return Upload(path, "parquet")


def test_identifiers_are_recognised_in_another_spelling(cursor: Cursor, folder: Path) -> None:
    upload = csv(
        folder, "Profile_ID,Email,Phone Number,userId\np1,a@example.com,+4917012345678,7\n"
    )
    stats, (row,) = written(cursor, folder, upload)
    assert list(stats.identifiers) == ["email", "phone", "user_id"]
    assert row["identifiers"] == {
        "email": ["a@example.com"],
        "phone": ["+4917012345678"],
        "user_id": ["7"],
    }


def test_the_column_stays_a_trait_under_its_name(cursor: Cursor, folder: Path) -> None:
    _, (row,) = written(cursor, folder, csv(folder, "profile_id,E-Mail\np1,Ann@Example.com\n"))
    assert row["traits"] == {"E-Mail": "Ann@Example.com"}


def test_an_exact_name_is_an_identifier_only(cursor: Cursor, folder: Path) -> None:
    text = "profile_id,email,E-Mail\np1,a@example.com,b@example.com\n"
    _, (row,) = written(cursor, folder, csv(folder, text))
    assert row["identifiers"] == {"email": ["a@example.com"]}
    assert row["traits"] == {"E-Mail": "b@example.com"}


def test_two_spellings_of_one_identifier_are_refused(cursor: Cursor, folder: Path) -> None:
    with pytest.raises(Invalid, match="E-Mail, Email Address are all read as email"):
        written(cursor, folder, csv(folder, "profile_id,E-Mail,Email Address\np1,a@x.io,b@x.io\n"))


def test_definitions_name_their_columns_in_any_case(cursor: Cursor, folder: Path) -> None:
    upload = parquet(folder, PROFILE_ID=["p1"], Email=["a@example.com"], userId=[5])
    stats, (row,) = written(cursor, folder, upload)
    assert row["member_id"] == "p1"
    assert row["identifiers"] == {"email": ["a@example.com"]}
    assert stats.traits == {"Email": "VARCHAR", "userId": "BIGINT"}


def test_json_of_another_spelling_may_be_no_text(cursor: Cursor, folder: Path) -> None:
    rows = [{"profileId": "p1", "userId": 5, "Email": {"work": "a@example.com"}}]
    _, (row,) = written(cursor, folder, Upload(ndjson(folder, rows), "ndjson"))
    assert row["identifiers"] == {}
    assert row["traits"] == {"userId": 5, "Email": {"work": "a@example.com"}}


def test_linked_members_have_both_ids_in_another_spelling(cursor: Cursor, folder: Path) -> None:
    upload = csv(folder, "EntityId,ProfileId\ne1,p1\n")
    _, (row,) = written(cursor, folder, upload, linked=True)
    assert (row["member_id"], row["profile_id"]) == ("e1", "p1")


def test_ids_are_trimmed(cursor: Cursor, folder: Path) -> None:
    _, rows = written(cursor, folder, csv(folder, "profile_id\n p1 \n\u200bp2\u00a0\nP 3\n"))
    assert [row["member_id"] for row in rows] == ["P 3", "p1", "p2"]


def test_ids_that_become_equal_are_refused(cursor: Cursor, folder: Path) -> None:
    text = "profile_id\np1\n p1\np2\np2 \np3\np3\u00a0\np4\np4\u200b\n"
    with pytest.raises(Invalid) as caught:
        written(cursor, folder, csv(folder, text))
    assert caught.value.data == {"column": "profile_id", "duplicates": ["p1", "p2", "p3"]}


@pytest.mark.parametrize("word", ["NULL", "\\N", " n/a ", "undefined", "#N/A", "\u200b"])
def test_a_word_for_no_value_is_a_missing_id(cursor: Cursor, folder: Path, word: str) -> None:
    for upload in (
        csv(folder, f"Profile ID,n\np1,1\n{word},2\n"),
        Upload(ndjson(folder, [{"Profile ID": "p1"}, {"Profile ID": word}]), "ndjson"),
        parquet(folder, **{"Profile ID": ["p1", word]}),
    ):
        with pytest.raises(Invalid, match="has no Profile ID") as caught:
            written(cursor, folder, upload)
        row = {"csv": 3, "ndjson": 2, "parquet": 2}[upload.format]
        assert caught.value.data == {"row": row, "column": "Profile ID"}


def test_one_row_may_have_the_id_none(cursor: Cursor, folder: Path) -> None:
    _, rows = written(cursor, folder, csv(folder, "profile_id\nnone\nnan\n-\n"))
    assert [row["member_id"] for row in rows] == ["-", "nan", "none"]


def test_changes_of_several_spellings_can_be_combined() -> None:
    one = [{"profileId": "p1", "Email": "a@example.com", "plan": "x"}, {"profileId": "p2"}]
    two = [{"profile_id": "p3", "E-Mail": "b@example.com"}]
    assert in_one_spelling([one, two], linked=False) == [
        [{"profile_id": "p1", "email": "a@example.com", "plan": "x"}, {"profile_id": "p2"}],
        [{"profile_id": "p3", "email": "b@example.com"}],
    ]


def test_changes_of_one_spelling_stay_as_they_are() -> None:
    changes = [[{"profileId": "p1", "Email": "a@example.com"}], [{"profileId": "p2"}]]
    assert in_one_spelling(changes, linked=False) == changes


def test_a_number_in_another_spelling_stays_a_trait(cursor: Cursor, folder: Path) -> None:
    """Alone, each of these changes is accepted."""
    changes: list[list[dict[str, Any]]] = [
        [{"profile_id": "a", "userId": 7.5}, {"profile_id": "b", "userId": "y"}],
        [{"profile_id": "c", "user_id": "x"}],
        [{"profile_id": "d", "User-ID": 7}],
    ]
    rows = [row for change in in_one_spelling(changes, linked=False) for row in change]
    out = fresh(folder)
    write_snapshot(cursor, Upload(ndjson(folder, rows), "ndjson"), out, linked=False)
    found = {
        row["profile_id"]: (row["identifiers"], row["traits"])
        for row in page_rows(cursor, LocalManifest((out,)), None, 10)
    }
    assert found == {
        "a": ({}, {"userId": 7.5}),
        "b": ({"user_id": ["y"]}, {}),
        "c": ({"user_id": ["x"]}, {}),
        "d": ({}, {"User-ID": 7}),
    }
