"""Held keys that a new rule changes: counted once, apart from what the data changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from app.domain.key_rules import VALUES, RuleChanges
from app.snapshots.engine import Cursor, KeyField, LocalManifest, PlanStats
from app.snapshots.plans import write_plan
from tests.unit.snapshots.files import create_spec, fresh, snapshot
from tests.unit.snapshots.plans.test_plan import delivered, planned

NONE: frozenset[str] = frozenset()
LIST = ("email", "phone", "user_id")
PEOPLE: list[dict[str, Any]] = [
    {"profile_id": "a", "email": "ann@example.com"},
    {"profile_id": "b", "email": "NULL", "phone": "+4402079460018"},
    {"profile_id": "c", "email": "NA <c@example.com>", "user_id": "u3"},
    {"profile_id": "d", "user_id": "NULL"},
    {"profile_id": "e", "phone": "+4402079460019"},
    {"profile_id": "f", "email": "n/a"},
]


def fields(*, old: bool) -> tuple[KeyField, ...]:
    """The identifier list. Under the old rule any text is a value."""
    return tuple(KeyField(name, "last", _how(name, old), map_to=name) for name in LIST)


def _how(name: str, old: bool) -> Any:
    return "text" if old or name == "user_id" else name


def held(cursor: Cursor, folder: Path, people: list[dict[str, Any]]) -> LocalManifest:
    """Holdings in which the texts that the old rule took are keys. Words that are absent now are written with a mark."""
    marked = [
        {name: f"§{text}" if text in {"NULL", "n/a"} else text for name, text in one.items()}
        for one in people
    ]
    spec: dict[str, Any] = {"key": "identifiers", "fields": fields(old=True)}
    stats, _, plan = planned(cursor, folder, marked, **spec)
    found = delivered(cursor, folder, plan, stats, **spec)
    table = pq.read_table(found.deltas[0])
    for name in ("k", "identity"):
        column = pc.replace_substring(table[name], "§", "")
        table = table.set_column(table.column_names.index(name), name, column)
    out = fresh(folder)
    pq.write_table(table.sort_by("k"), out)
    return LocalManifest((out,))


def plan_now(
    cursor: Cursor,
    folder: Path,
    people: list[dict[str, Any]],
    holdings: LocalManifest,
    known: frozenset[str] | None = NONE,
    **changes: Any,
) -> PlanStats:
    spec = create_spec(**({"key": "identifiers", "fields": fields(old=False)} | changes))
    out = fresh(folder)
    members = snapshot(cursor, folder, people)
    return write_plan(cursor, spec, [members], holdings, out, known_rules=known)


@pytest.mark.walk
def test_keys_that_are_invalid_now_and_keys_that_move(cursor: Cursor, tmp_path: Path) -> None:
    stats = plan_now(cursor, tmp_path, PEOPLE, held(cursor, tmp_path, PEOPLE))
    # b moves from its e-mail to its phone, c to its user id, e to the right number; d and f have no key now.
    assert stats.rule_changes == RuleChanges(invalid=2, moved=3)
    assert (stats.entered, stats.exited) == (3, 5)
    reason = stats.rule_changes.hold_reason
    assert reason is not None
    assert "2 are not valid now" in reason


@pytest.mark.walk
@pytest.mark.parametrize("mode", ["append", "remove"])
def test_in_other_modes_they_count_too(cursor: Cursor, tmp_path: Path, mode: str) -> None:
    stats = plan_now(cursor, tmp_path, PEOPLE, held(cursor, tmp_path, PEOPLE), mode=mode)
    assert stats.rule_changes == RuleChanges(invalid=2, moved=3)


def test_what_the_data_changed_does_not_count(cursor: Cursor, tmp_path: Path) -> None:
    holdings = held(cursor, tmp_path, PEOPLE)
    later = [
        {"profile_id": "a", "email": "other@example.com"}
    ]  # a has moved house, the others left
    stats = plan_now(cursor, tmp_path, later, holdings)
    assert (stats.entered, stats.exited, stats.rule_changes) == (1, 6, RuleChanges())


@pytest.mark.walk
def test_a_known_rule_changes_nothing(cursor: Cursor, tmp_path: Path) -> None:
    holdings = held(cursor, tmp_path, PEOPLE)
    for known in (frozenset({VALUES}), None):
        stats = plan_now(cursor, tmp_path, PEOPLE, holdings, known)
        assert stats.rules == {VALUES}
        assert stats.rule_changes == RuleChanges()


@pytest.mark.walk
def test_a_column_that_is_recognised_now(cursor: Cursor, tmp_path: Path) -> None:
    before = [{"profile_id": name, "user_id": f"u-{name}"} for name in "abc"]
    holdings = held(cursor, tmp_path, before)
    now = [{**one, "E-Mail": f"{one['profile_id']}@example.com"} for one in before[:2]]
    known = frozenset({VALUES})
    stats = plan_now(cursor, tmp_path, now, holdings, known)
    assert stats.rules == {VALUES, "column-email"}
    assert (stats.exited, stats.rule_changes) == (3, RuleChanges(moved=2))
    exact = [{"profile_id": "a", "user_id": "u-a", "email": "a@example.com"}]
    assert plan_now(cursor, tmp_path, exact, holdings, known).rule_changes == RuleChanges()


@pytest.mark.walk
@pytest.mark.parametrize(
    ("numbers", "before"),
    [([1001.0, 1003.5], ["1001.0", "1003.5"]), (["x", {"a": 1}], ['"x"', '{"a":1}'])],
)
def test_keys_from_traits_that_earlier_versions_wrote_otherwise(
    cursor: Cursor, tmp_path: Path, numbers: list[Any], before: list[str]
) -> None:
    spec: dict[str, Any] = {"key": "identifiers", "fields": (KeyField("crm", "last"),)}
    people = [{"profile_id": f"p{n}", "crm": text} for n, text in enumerate(before)]
    stats, _, plan = planned(cursor, tmp_path, people, **spec)
    holdings = delivered(cursor, tmp_path, plan, stats, **spec)
    now = [{"profile_id": f"p{n}", "crm": value} for n, value in enumerate(numbers)]
    stats = plan_now(cursor, tmp_path, now, holdings, frozenset({"values-2"}), **spec)
    assert stats.rule_changes.moved == 1
