"""Which kinds of values all values of text columns are."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from app.snapshots.engine import Cursor, fetch_values

_SAMPLE = 20_000

#: Returns the SQL test of a text value, given its expression and the kind.
Test = Callable[[str, str], str]


def surviving_kinds(
    cursor: Cursor, relation: str, values: Mapping[str, str], kinds: Collection[str], test: Test
) -> dict[str, list[str]]:
    """Return for each column those of the kinds that all its values are, in the order of ``kinds``.

    ``values`` maps columns to expressions of their text over ``relation``. A column without values has no kind.
    """
    left = {column: list(kinds) for column in values}
    # One value can rule a kind out, so a sample leaves few tests for the whole relation.
    for part in (f"(SELECT * FROM {relation} LIMIT {_SAMPLE})", relation):
        left = _survivors(cursor, part, values, left, test)
    return left


def _survivors(
    cursor: Cursor,
    relation: str,
    values: Mapping[str, str],
    left: Mapping[str, Sequence[str]],
    test: Test,
) -> dict[str, list[str]]:
    asked = [(column, kind) for column, kinds in left.items() for kind in kinds]
    # For a column without values every test is NULL.
    checks = [
        f"bool_and({test(values[column], kind)}) FILTER ({values[column]} IS NOT NULL)"
        for column, kind in asked
    ]
    kept: dict[str, list[str]] = {column: [] for column in values}
    for (column, kind), holds in zip(asked, fetch_values(cursor, checks, relation), strict=True):
        if holds:
            kept[column].append(kind)
    return kept
