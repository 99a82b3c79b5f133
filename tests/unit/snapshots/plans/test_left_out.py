"""Left-out members are those that a plan of the same membership counts, each with its reason, arm and values."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.domain.batch_states import BatchEnd
from app.domain.left_out import LeftOut
from app.snapshots.engine import Arm, BatchOutcome, Cursor, KeyField, LocalManifest
from app.snapshots.holdings import fold_outcome
from app.snapshots.plans import (
    LISTED,
    PlannedFrom,
    Reach,
    count_arms,
    count_reach,
    read_left_out,
    write_plan,
)
from tests.apart import rest_in_walks
from tests.unit.snapshots.files import create_spec, fresh, snapshot

EMAIL = KeyField("email", "last", "email")
PHONE = KeyField("phone", "last", "phone")
USER = KeyField("user_id", "last", "text", "external_id", "user_id_unless_email")
SPLIT = {"arms": (Arm("a", 3), Arm("b", 1, sent=False)), "split_seed": "x"}
SPECS: list[dict[str, Any]] = [
    {},
    {"consent": "ok"},
    {"key": "identifiers", "fields": (EMAIL,)},
    {"key": "identifiers", "fields": (EMAIL, USER), "consent": "ok"},
    {"key": "identifiers", "fields": (EMAIL, PHONE), **SPLIT},
    {"key": "identifiers", "fields": (EMAIL, USER), "consent": "ok", **SPLIT},
]


def people(chance: random.Random, count: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "profile_id": f"p{i}",
            "email": [f"P{chance.randrange(60)}@x.com"] if chance.random() < 0.6 else [],
            "phone": ["030 1234567"] if chance.random() < 0.5 else [],
            "user_id": [f"u{i}"] if chance.random() < 0.6 else [],
            "ok": chance.random() < 0.8,
        }
        for i in range(first, first + count)
    ]


def everyone(cursor: Cursor, planned: PlannedFrom, count: int = 7) -> list[Any]:
    """All left-out members, page by page."""
    found: list[Any] = []
    while True:
        after = (found[-1].member_id, found[-1].reason.value) if found else None
        page = read_left_out(cursor, planned, LISTED, after, count)
        found += page
        if len(page) < count:
            return found


@pytest.mark.walk
@pytest.mark.parametrize("given", SPECS)
@pytest.mark.parametrize("seed", rest_in_walks(range(3)))
def test_pages_have_those_that_a_plan_counts(
    cursor: Cursor, tmp_path: Path, given: dict[str, Any], seed: int
) -> None:
    spec = create_spec(**given)
    chance = random.Random(seed)
    # Members of both sources have other values in each of them.
    sources = [
        snapshot(cursor, tmp_path, rows) for rows in (people(chance, 50), people(chance, 30, 40))
    ]
    for members in (sources[:1], sources):
        stats = write_plan(cursor, spec, members, LocalManifest(), fresh(tmp_path))
        found = everyone(cursor, PlannedFrom(spec, members, LocalManifest()))
        counted = dict(Counter(one.reason.value for one in found))
        if len(members) > 1 and "shared_key" in stats.left_out:  # counts keys, of each source
            assert 0 < counted["shared_key"] <= stats.left_out["shared_key"]
            counted["shared_key"] = stats.left_out["shared_key"]
        assert counted == dict(stats.left_out)
        assert found == sorted(found, key=lambda one: (one.member_id, one.reason))


@pytest.mark.parametrize("given", [{"consent": "ok"}, {"key": "identifiers", "fields": (EMAIL,)}])
def test_a_member_whom_one_audience_sends_is_not_left_out_by_another(
    cursor: Cursor, tmp_path: Path, given: dict[str, Any]
) -> None:
    spec = create_spec(**given)
    rows = [{"profile_id": f"p{i}", "email": [f"p{i}@x.com"], "ok": True} for i in range(3)]
    rows[0] |= {"email": [], "ok": False}
    rows[1] |= {"email": [], "ok": False}
    sources = [
        snapshot(cursor, tmp_path, rows),
        snapshot(cursor, tmp_path, [{**rows[0], "email": ["p0@x.com"], "ok": True}]),
    ]
    stats = write_plan(cursor, spec, sources, LocalManifest(), fresh(tmp_path))
    assert stats.entered == 2
    reason = LeftOut.NO_CONSENT if spec.consent else LeftOut.NO_IDENTIFIER
    assert stats.left_out == {reason: 1}
    assert count_reach(cursor, spec, sources) == Reach(3, 2, {reason: 1})
    found = everyone(cursor, PlannedFrom(spec, sources, LocalManifest()))
    assert [(one.member_id, one.reason) for one in found] == [("p1", reason)]


def test_a_member_has_its_reason_its_values_and_who_has_its_key(
    cursor: Cursor, tmp_path: Path
) -> None:
    rows = [
        {"profile_id": "1", "email": ["a@x.com"], "phone": [], "ok": True},
        {"profile_id": "2", "email": ["A@x.com "], "phone": [], "ok": True},
        {"profile_id": "3", "email": ["nothing"], "phone": ["0170 1234567"], "ok": True},
        {"profile_id": "4", "email": ["nothing"], "phone": [], "ok": True},
        {"profile_id": "5", "email": ["b@x.com"], "phone": [], "ok": False},
    ]
    spec = create_spec(key="identifiers", fields=(EMAIL, PHONE), consent="ok")
    planned = PlannedFrom(spec, [snapshot(cursor, tmp_path, rows)], LocalManifest())
    found = everyone(cursor, planned)
    assert [(one.member_id, one.reason) for one in found] == [
        ("2", LeftOut.SHARED_KEY),
        ("3", LeftOut.PHONE_WITHOUT_COUNTRY),
        ("4", LeftOut.NO_IDENTIFIER),
        ("5", LeftOut.NO_CONSENT),
    ]
    assert (found[0].key, found[0].key_type, found[0].kept_by) == ("a@x.com", "email", "1")
    assert found[1].values == {"email": ["nothing"], "phone": ["0170 1234567"], "ok": True}
    assert found[3].values == {"email": ["b@x.com"], "phone": [], "ok": False}
    only = read_left_out(cursor, planned, [LeftOut.NO_CONSENT], None, 10)
    assert [one.member_id for one in only] == ["5"]


def test_a_refused_key_is_left_out_by_the_plan_after_the_refusal(
    cursor: Cursor, tmp_path: Path
) -> None:
    spec = create_spec()
    members = [snapshot(cursor, tmp_path, [{"profile_id": one} for one in "abc"])]
    plan, outcome = fresh(tmp_path), fresh(tmp_path)
    write_plan(cursor, spec, members, LocalManifest(), plan)
    batch = BatchOutcome(1, 0, 3, BatchEnd.RECORDED, rejected={1: ("invalid", "no")})
    fold_outcome(cursor, plan, LocalManifest(), [batch], spec, outcome)
    holdings = LocalManifest((outcome,))
    assert everyone(cursor, PlannedFrom(spec, members, holdings, plan)) == [], "it was sent then"
    following = fresh(tmp_path)
    stats = write_plan(cursor, spec, members, holdings, following)
    assert stats.left_out == {"refused_before": 1}
    (found,) = everyone(cursor, PlannedFrom(spec, members, holdings, following))
    assert (found.member_id, found.reason, found.key) == ("b", LeftOut.REFUSED_BEFORE, "b")


def test_arms_have_members_left_out_members_and_changes(cursor: Cursor, tmp_path: Path) -> None:
    spec = create_spec(key="identifiers", fields=(EMAIL, PHONE), **SPLIT)
    members = [snapshot(cursor, tmp_path, people(random.Random(5), 200))]
    plan = fresh(tmp_path)
    stats = write_plan(cursor, spec, members, LocalManifest(), plan)
    planned = PlannedFrom(spec, members, LocalManifest(), plan)
    arms, sent = count_arms(cursor, planned)
    assert [one.arm for one in arms] == ["a", "b"]
    assert sum(one.members for one in arms) == 200
    assert arms[1].left_out == {"control": arms[1].members}
    (only,) = sent
    assert (only.kind, only.arm, only.changes) == ("entered", "a", stats.entered)
    assert arms[0].members == only.changes + sum(arms[0].left_out.values())
