"""The keys of one member are those that a plan would enter if the destination had nothing."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain.changes import ChangeKind, Mode
from app.snapshots.engine import Arm, Cursor, KeyField, LocalManifest, PlannedChange
from app.snapshots.plans import pick_member, read_member, read_plan, write_plan
from tests.apart import examples
from tests.unit.snapshots.files import Instance, create_spec, fresh, snapshot

PROFILES = [f"p{number}" for number in range(4)]
EMAILS = st.sampled_from(["a@x.io", "b@x.io", "-"])
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "email": EMAILS | st.lists(EMAILS, max_size=3),
        "user_id": st.sampled_from(["u1", "none"]),
        "spent": st.sampled_from([0, 1.5]),
        "agreed": st.booleans(),
    },
)
FIELDS: list[tuple[KeyField, ...]] = [
    (),
    (KeyField("email", "last", "email"), KeyField("user_id", "last", "text")),
    (KeyField("email", "all", "email"),),
]
ARMS: list[tuple[Arm, ...]] = [
    (),
    (Arm("A", 50, place="list-a"), Arm("B", 30, place="list-b"), Arm("control", 20, sent=False)),
]  # fmt: skip


def planned(
    cursor: Cursor, folder: Path, spec: Any, members: LocalManifest, profile: str
) -> tuple[list[PlannedChange], dict[str, int]]:
    """What the planner says of a membership with this member only."""
    out = fresh(folder)
    stats = write_plan(
        cursor, spec, pick_member(cursor, spec, [members], profile, folder), LocalManifest(), out
    )
    changes = list(read_plan(cursor, out, 0, stats.changes)) if stats.changes else []
    return changes, {reason: count for reason, count in stats.left_out.items() if count}


@pytest.mark.more_in_walks
@settings(max_examples=examples(12, 50), deadline=None)
@example(  # a word that two rows share, with all identifiers as fields
    rows={"p0": {"user_id": "none"}, "p1": {"user_id": "none"}},
    key="member",
    fields=(),
    arms=(),
    consent=None,
    mode=Mode.MAINTAIN,
    sends=frozenset(ChangeKind),
)
@given(
    rows=st.dictionaries(st.sampled_from(PROFILES), VALUES, min_size=1, max_size=4),
    key=st.sampled_from(["member", "identifiers"]),
    fields=st.sampled_from(FIELDS),
    arms=st.sampled_from(ARMS),
    consent=st.sampled_from([None, "agreed"]),
    mode=st.sampled_from(list(Mode)),
    sends=st.sampled_from([frozenset(ChangeKind), frozenset({ChangeKind.EXITED})]),
)
def test_a_member_has_the_keys_that_a_plan_would_enter(
    engine: Instance, rows: dict[str, Any], mode: Mode, **given: Any
) -> None:
    spec = create_spec(**given, mode=mode, split_seed="seed")
    profile = min(rows)
    with tempfile.TemporaryDirectory() as name, engine.cursor() as cursor:
        folder = Path(name)
        members = snapshot(cursor, folder, [{"profile_id": p, **v} for p, v in rows.items()])
        found, left_out = read_member(cursor, spec, members, profile)
        wanted, reasons = planned(cursor, folder, spec, members, profile)
    assert left_out == reasons
    by_key = sorted(wanted, key=lambda change: (change.key, change.key_type))
    assert [replace(one, row=0) for one in found] == [replace(one, row=0) for one in by_key]
