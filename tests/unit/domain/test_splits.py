"""Splits: shares, stability, least movement, and agreement of Python and SQL."""

from __future__ import annotations

from collections import Counter

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.splits import assign, assign_sql

PROFILES = [f"user-{number}" for number in range(20_000)]
HALVES = [("A", 0.5), ("B", 0.5)]
THIRDS = [*HALVES, ("C", 0.5)]


def assigned(seed: str, arms: list[tuple[str, float]], profiles: list[str]) -> list[str]:
    with duckdb.connect() as connection:
        sql = f"SELECT {assign_sql(seed, arms, 'p')} FROM unnest($p) AS t(p)"
        return [arm for (arm,) in connection.execute(sql, {"p": profiles}).fetchall()]


def test_shares_are_those_of_the_weights() -> None:
    found = Counter(assigned("seed", [("control", 10), ("A", 60), ("B", 30)], PROFILES))
    for arm, weight in {"control": 0.1, "A": 0.6, "B": 0.3}.items():
        assert abs(found[arm] / len(PROFILES) - weight) < 0.01


def test_an_added_arm_moves_only_what_it_takes() -> None:
    before, after = assigned("s", HALVES, PROFILES), assigned("s", THIRDS, PROFILES)
    moved = [new for old, new in zip(before, after, strict=True) if old != new]
    assert set(moved) == {"C"}
    assert abs(len(moved) / len(PROFILES) - 1 / 3) < 0.01


def test_a_removed_arm_moves_only_its_own() -> None:
    before, after = assigned("s", THIRDS, PROFILES), assigned("s", HALVES, PROFILES)
    assert {old for old, new in zip(before, after, strict=True) if old != new} == {"C"}


def test_the_order_of_arms_does_not_matter() -> None:
    assert assigned("s", THIRDS, PROFILES[:5000]) == assigned("s", THIRDS[::-1], PROFILES[:5000])


def test_another_seed_is_another_split() -> None:
    one, other = assigned("a", HALVES, PROFILES), assigned("b", HALVES, PROFILES)
    same = sum(left == right for left, right in zip(one, other, strict=True))
    assert abs(same / len(PROFILES) - 0.5) < 0.01


def test_without_weight_there_is_no_arm() -> None:
    assert assign("s", [("A", 0)], "p") is None
    assert assign("s", [("A", 0), ("B", 1)], "p") == "B"


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)


@pytest.mark.walk
@given(
    seed=NAMES,
    arms=st.lists(
        st.tuples(NAMES, st.floats(0, 100)), min_size=1, max_size=4, unique_by=lambda a: a[0]
    ),
    profiles=st.lists(NAMES, min_size=1, max_size=30),
)
@settings(max_examples=25, deadline=None)
def test_sql_agrees(seed: str, arms: list[tuple[str, float]], profiles: list[str]) -> None:
    assert assigned(seed, arms, profiles) == [assign(seed, arms, profile) for profile in profiles]
