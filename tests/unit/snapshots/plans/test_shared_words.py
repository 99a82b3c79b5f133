"""Words that mean "no value" in ids only if two rows share them, and a space's own words, in plans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.domain.absent_words import word_of
from app.domain.changes import ChangeKind
from app.domain.key_rules import RuleChanges, words_rule
from app.snapshots.engine import Cursor, KeyField, LocalManifest, Upload
from app.snapshots.membership import write_delta, write_snapshot
from app.snapshots.plans import (
    pick_member,
    pick_rows,
    read_plan,
    write_plan,
    write_single_plan,
)
from tests.unit.snapshots.files import create_spec, fresh, ndjson, snapshot
from tests.unit.snapshots.plans.test_plan import delivered, planned

BY_ID: dict[str, Any] = {
    "key": "identifiers",
    "fields": (KeyField("user_id", "last"), KeyField("email", "last", "email")),
}


def people(*ids: Any) -> list[dict[str, Any]]:
    return [
        {"profile_id": f"p{n}", "user_id": value, "email": f"p{n}@x.io"}
        for n, value in enumerate(ids)
    ]


@pytest.mark.parametrize(
    ("ids", "keys"),
    [
        (["none", "u1"], ["none", "u1"]),
        (["none", "None "], ["p0@x.io", "p1@x.io"]),
        (["none", "nan"], ["none", "nan"]),
        (["-", "u1", "-"], ["p0@x.io", "u1", "p2@x.io"]),
        ([["NaN", "nan"], "u1"], ["nan", "u1"]),  # one row
        (["N/A", "none"], ["p0@x.io", "none"]),
        (["nobody", "nobody"], ["nobody"]),
        (["none".ljust(36), "\u00a0NONE" + "\u3000" * 9], ["p0@x.io", "p1@x.io"]),
    ],
)
def test_rows_that_share_a_word(
    cursor: Cursor, tmp_path: Path, ids: list[Any], keys: list[str]
) -> None:
    stats, changes, _ = planned(cursor, tmp_path, people(*ids), **BY_ID)
    assert sorted(change.key for change in changes) == sorted(keys)
    assert stats.left_out.get("shared_key", 0) == (len(ids) - len(keys))


def test_a_trait_as_an_identifier(cursor: Cursor, tmp_path: Path) -> None:
    rows = [{"profile_id": f"p{n}", "crm": value} for n, value in enumerate(["none", "none", "c"])]
    spec: dict[str, Any] = {"key": "identifiers", "fields": (KeyField("crm", "last"),)}
    stats, changes, _ = planned(cursor, tmp_path, rows, **spec)
    assert [change.key for change in changes] == ["c"]
    assert stats.left_out == {"no_identifier": 2}


def test_all_identifiers_of_member_keys_without_fields(cursor: Cursor, tmp_path: Path) -> None:
    _, changes, _ = planned(cursor, tmp_path, people("none", "None", "u1"), key="member")
    assert [change.identity for change in changes] == [
        {"email": "p0@x.io"},
        {"email": "p1@x.io"},
        {"email": "p2@x.io", "user_id": "u1"},
    ]


def test_an_identifier_that_only_a_mapping_reads(cursor: Cursor, tmp_path: Path) -> None:
    spec: dict[str, Any] = {"key": "identifiers", "fields": BY_ID["fields"][1:]}
    named: dict[str, Any] = {"traits": ("user_id",), "named": ("user_id",)}
    _, changes, _ = planned(cursor, tmp_path, people("none", "None", "u1"), **spec, **named)
    assert [change.traits for change in changes] == [{}, {}, {"user_id": "u1"}]


def test_a_picked_member_with_a_trait_as_an_identifier(cursor: Cursor, tmp_path: Path) -> None:
    rows = [{"profile_id": f"p{n}", "crm": value} for n, value in enumerate(["none", "none"])]
    spec, out = create_spec(key="identifiers", fields=(KeyField("crm", "last"),)), fresh(tmp_path)
    picked = pick_member(cursor, spec, [snapshot(cursor, tmp_path, rows)], "p1", tmp_path)
    stats = write_plan(cursor, spec, picked, LocalManifest(), out)
    assert (stats.entered, stats.left_out) == (0, {"no_identifier": 1})


@pytest.mark.walk
def test_a_change_that_brings_the_second_row(cursor: Cursor, tmp_path: Path) -> None:
    rows = people("none", "u1")
    stats, _, plan = planned(cursor, tmp_path, rows, **BY_ID)
    holdings = delivered(cursor, tmp_path, plan, stats, **BY_ID)
    base, delta, out = snapshot(cursor, tmp_path, rows), fresh(tmp_path), fresh(tmp_path)
    write_delta(cursor, ndjson(tmp_path, people(0, 0, "none")[2:]), [], base, delta)
    both = LocalManifest(base.base, (delta,))
    write_plan(cursor, create_spec(**BY_ID), [both], holdings, out)
    assert [(change.kind, change.key) for change in read_plan(None, out, 0, 10)] == [
        ("exited", "none"),
        ("entered", "p0@x.io"),
        ("entered", "p2@x.io"),
    ]
    # An explanation of one of the two finds what a sync finds.
    picked = pick_rows(cursor, create_spec(**BY_ID), [both], "p0", tmp_path)
    write_plan(cursor, create_spec(**BY_ID), picked, LocalManifest(), out)
    assert [change.key for change in read_plan(None, out, 0, 10)] == ["p0@x.io"]
    # A test send of one of the two finds what a sync finds.
    picked = pick_member(cursor, create_spec(**BY_ID), [both], "p2", tmp_path)
    write_single_plan(
        cursor, create_spec(**BY_ID), picked, LocalManifest(), ChangeKind.ENTERED, out
    )
    assert [change.key for change in read_plan(None, out, 0, 10)] == ["p2@x.io"]


@pytest.mark.walk
def test_words_of_the_space_stay_with_the_file(cursor: Cursor, tmp_path: Path) -> None:
    rows = people("u0", "Unbekannt", "u2")
    rows[2]["email"] = rows[0]["email"] = "no@example.com"
    stats, _, plan = planned(cursor, tmp_path, rows, **BY_ID)
    holdings = delivered(cursor, tmp_path, plan, stats, **BY_ID)
    words, read, out = frozenset({"unbekannt", "no@example.com"}), fresh(tmp_path), fresh(tmp_path)
    upload = Upload(ndjson(tmp_path, rows), "ndjson", absent_words=words)
    absent = write_snapshot(cursor, upload, read, linked=False).absent
    assert absent == {"user_id": {"word": 1}, "email": {"word": 2}}
    stats = write_plan(
        cursor,
        create_spec(**BY_ID),
        [LocalManifest((read,))],
        holdings,
        out,
        known_rules=stats.rules,
    )
    changes = list(read_plan(None, out, 0, 10))
    assert [(change.kind, change.key) for change in changes] == [
        ("exited", "Unbekannt"),
        ("entered", "p1@x.io"),
        ("updated", "u0"),
        ("updated", "u2"),
    ]
    assert changes[2].identity == {"user_id": "u0"}
    # A new word changes held keys: the plan waits.
    assert words_rule(words) in stats.rules
    assert stats.rule_changes == RuleChanges(moved=1)


@pytest.mark.parametrize("word", ["BELİRTİLMEMİŞ", "ΑΓΝΩΣΤΟΣ"])
def test_words_of_the_space_in_letters_that_python_lowers_otherwise(
    cursor: Cursor, tmp_path: Path, word: str
) -> None:
    rows, read, out = people(word, word.lower(), "u2"), fresh(tmp_path), fresh(tmp_path)
    upload = Upload(ndjson(tmp_path, rows), "ndjson", absent_words=frozenset({word_of(word)}))
    stats = write_snapshot(cursor, upload, read, linked=False)
    assert stats.absent == {"user_id": {"word": 2}}
    write_plan(cursor, create_spec(**BY_ID), [LocalManifest((read,))], LocalManifest(), out)
    keys = [change.key for change in read_plan(None, out, 0, 10)]
    assert keys == ["p0@x.io", "p1@x.io", "u2"]
