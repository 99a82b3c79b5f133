"""Reach says what a plan of the same membership would want, without making one."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from app.snapshots.engine import Arm, Cursor, KeyField, LocalManifest
from app.snapshots.plans import count_reach, write_plan
from tests.apart import rest_in_walks
from tests.unit.snapshots.files import create_spec, fresh, snapshot

EMAIL = KeyField("email", "last", "email")
USER = KeyField("user_id", "last", "text", "external_id", "user_id_unless_email")
SPLIT = {"arms": (Arm("a", 3), Arm("b", 1, sent=False)), "split_seed": "x"}
SPECS: list[dict[str, Any]] = [
    {},
    {"consent": "ok"},
    {"key": "identifiers", "fields": (EMAIL,)},
    {"key": "identifiers", "fields": (EMAIL, USER), "consent": "ok"},
    {"key": "identifiers", "fields": (USER,), **SPLIT},
    {"key": "identifiers", "fields": (EMAIL, USER), "consent": "ok", **SPLIT},
]


def people(chance: random.Random, count: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "profile_id": f"p{i}",
            "email": [f"P{chance.randrange(60)}@x.com"] if chance.random() < 0.7 else [],
            "user_id": [f"u{i}"] if chance.random() < 0.6 else [],
            "ok": chance.random() < 0.8,
        }
        for i in range(first, first + count)
    ]


@pytest.mark.parametrize("given", SPECS)
@pytest.mark.parametrize("seed", rest_in_walks(range(4)))
def test_equals_what_a_plan_counts(
    cursor: Cursor, tmp_path: Path, given: dict[str, Any], seed: int
) -> None:
    spec = create_spec(**given)
    members = snapshot(cursor, tmp_path, people(random.Random(seed), 80))
    reach = count_reach(cursor, spec, [members])
    stats = write_plan(cursor, spec, [members], LocalManifest(), fresh(tmp_path))
    assert (reach.size, reach.reachable) == (80, stats.wanted)
    assert dict(reach.left_out) == dict(stats.left_out)
    assert reach.size == reach.reachable + sum(reach.left_out.values())


@pytest.mark.parametrize("given", SPECS)
def test_members_of_several_audiences_count_once(
    cursor: Cursor, tmp_path: Path, given: dict[str, Any]
) -> None:
    spec = create_spec(**given)
    first = people(random.Random(1), 50)
    second = [*first[30:], *people(random.Random(2), 20, first=50)]
    sources = [snapshot(cursor, tmp_path, rows) for rows in (first, second)]
    reach = count_reach(cursor, spec, sources)
    stats = write_plan(cursor, spec, sources, LocalManifest(), fresh(tmp_path))
    assert (reach.size, reach.reachable) == (70, stats.wanted)


def test_a_member_with_several_keys_counts_once(cursor: Cursor, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"profile_id": "p1", "email": ["a@x.com", "b@x.com"]},
        {"profile_id": "p2", "email": ["b@x.com"]},  # p1's
        {"profile_id": "p3", "email": ["b@x.com", "c@x.com"]},
        {"profile_id": "p4", "email": []},
        {"profile_id": "p5", "email": ["d@x.com"]},
        {"profile_id": "p6", "email": ["d@x.com", "e@x.com"]},
    ]
    spec = create_spec(key="identifiers", fields=(KeyField("email", "all", "email"),))
    reach = count_reach(cursor, spec, [snapshot(cursor, tmp_path, rows)])
    assert (reach.size, reach.reachable) == (6, 4)
    assert reach.left_out == {"no_identifier": 1, "shared_key": 1}


def test_nobody_is_nobody(cursor: Cursor, tmp_path: Path) -> None:
    spec = create_spec(key="identifiers", fields=(EMAIL,))
    reach = count_reach(cursor, spec, [snapshot(cursor, tmp_path, [])])
    assert (reach.size, reach.reachable, reach.left_out) == (0, 0, {})
