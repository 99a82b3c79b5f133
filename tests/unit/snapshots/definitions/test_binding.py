"""Names of definitions, resolved over the columns of their tables: places, suggestions, and the columns of ids."""

from __future__ import annotations

import pytest

from app.snapshots.definitions import Binding, bind_definition, key_faults

TABLES = {"people": [("id", "VARCHAR"), ("email", "VARCHAR"), ("Größe", "DOUBLE")]}


async def bound(sql: str, tables: dict[str, list[tuple[str, str]]] | None = None) -> Binding:
    return await bind_definition(sql, TABLES if tables is None else tables, owner="spa_1")


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        ("SELECT emial FROM people", ["Line 1, column 8: there is no column emial", "mean email?"]),
        ('SELECT "Größe",\n ids FROM people', ["Line 2, column 2", "mean id?"]),
        ("SELECT p.emial FROM people p", ["no column emial in p", "mean email?"]),
        ("SELECT q.id FROM people p", ["no table or alias q"]),
        ("SELECT uper(id) FROM people", ["no function uper", "mean upper?"]),
        ("SELECT CAST(id AS txt) FROM people", ["no type txt"]),
        ("SELECT id FROM people WHERE Größe > 'x' || id", ["Line 1"]),
        ("SELECT sum(email) FROM people", ["sum(VARCHAR)"]),
        ("SELECT id, count(*) FROM people", ["GROUP BY"]),
        ("SELECT regexp_matches(id, '(') FROM people", ["missing )"]),
    ],
)
async def test_a_name_that_is_not_there(sql: str, parts: list[str]) -> None:
    binding = await bound(sql)
    assert binding.fault is not None, binding
    for part in parts:
        assert part in binding.fault
    assert "Candidate" not in binding.fault


async def test_the_columns_of_a_result() -> None:
    binding = await bound("SELECT id AS profile_id, Größe, $as_of AS at FROM people; -- the end")
    expected = {"profile_id": "VARCHAR", "Größe": "DOUBLE", "at": "TIMESTAMP"}
    assert binding == Binding(expected)
    assert key_faults(expected, ["profile_id"]) == []
    assert "no column entity_id" in key_faults(expected, ["entity_id"])[0]
    assert "DOUBLE" in key_faults(expected, ["größe"])[0]


async def test_an_id_that_is_always_null_is_a_fault() -> None:
    binding = await bound("SELECT NULL AS profile_id, email FROM people")
    assert binding.columns is not None
    assert "profile_id is NULL in all rows" in key_faults(binding.columns, ["profile_id"])[0]


async def test_what_cannot_be_told_is_no_fault() -> None:
    # A table with a type of another version, and arguments that are computed while types are found.
    assert await bound("SELECT a FROM t", {"t": [("a", "NEWTYPE")]}) == Binding()
    large = "SELECT regexp_matches(id, repeat('x', 2000000000)) FROM people"
    assert (await bound(large)).columns is None
