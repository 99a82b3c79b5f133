"""What columns of a file probably are, and the definition that reads them so."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest

from app.console.column_choices import audience_kind, definition_of, guessed
from app.core.errors import Invalid


@pytest.mark.parametrize(
    ("names", "person", "roles"),
    [
        (["Kunden-ID", "emial", "Stadt"], "Kunden-ID", ["none", "email", "trait"]),
        (["E-Mail", "Tel", "plan"], "E-Mail", ["email", "phone", "trait"]),
        (["profile_id", "email", "mail"], "profile_id", ["none", "email", "trait"]),
        (["user_id", "Phone Number"], "user_id", ["user_id", "phone"]),
        (["Vorname", "Nachname"], "Vorname", ["none", "trait"]),
        (["email", "emial", "customer_id"], "customer_id", ["email", "trait", "none"]),
    ],
)
def test_columns_are_guessed_by_their_names(
    names: list[str], person: str, roles: list[str]
) -> None:
    found, columns = guessed([(name, "VARCHAR") for name in names])
    assert found == person
    assert [one.role for one in columns] == roles


def test_the_definition_reads_the_columns_as_chosen() -> None:
    chosen = [('Kunden "ID"', "none"), ("emial", "email"), ("E-Mail", "trait"), ("x", "none")]
    sql = definition_of("people", 'Kunden "ID"', chosen)
    database = duckdb.connect()
    database.execute('CREATE TABLE people ("Kunden ""ID""" INT, emial TEXT, "E-Mail" TEXT, x TEXT)')
    rows = [(1, "a@example.com", "b", "c"), (2, "d@example.com", None, "f"), (None, "g", "h", "i")]
    database.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", rows)
    found = database.execute(sql)
    assert [one[0] for one in found.description or ()] == ["profile_id", "email", "E-Mail (file)"]
    assert found.fetchall() == [("1", "a@example.com", "b"), ("2", "d@example.com", None)]


def test_a_property_is_converted_if_that_was_chosen() -> None:
    conversions = {"amount": "CAST(replace(\"amount\", ',', '.') AS DECIMAL(18, 2))"}
    database = duckdb.connect()
    database.execute("CREATE TABLE people AS SELECT 'a@example.com' AS mail, '12,50' AS amount")
    for role, value in (("converted", Decimal("12.50")), ("trait", "12,50")):
        sql = definition_of("people", "mail", [("mail", "email"), ("amount", role)], conversions)
        found = database.execute(sql)
        assert [one[0] for one in found.description or ()][2] == "amount"
        assert found.fetchall() == [("a@example.com", "a@example.com", value)]


def test_an_address_as_id_is_the_same_in_any_case() -> None:
    sql = definition_of("people", "mail", [("mail", "email")])
    database = duckdb.connect()
    database.execute("CREATE TABLE people AS SELECT ' Ada@Example.com ' AS mail")
    assert database.execute(sql).fetchall() == [("ada@example.com", " Ada@Example.com ")]


@pytest.mark.parametrize(
    ("chosen", "person", "field"),
    [
        ([("a", "trait")], "a", "role"),
        ([("a", "email"), ("b", "email")], "a", "role"),
        ([("a", "email")], "gone", "person"),
    ],
)
def test_choices_that_make_no_audience_are_refused(
    chosen: list[tuple[str, str]], person: str, field: str
) -> None:
    with pytest.raises(Invalid) as fault:
        definition_of("people", person, chosen)
    assert fault.value.field == field


def test_an_audience_from_chosen_columns_is_an_uploaded_list() -> None:
    for person in ("mail", "nr"):
        chosen = [("mail", "email"), ("nr", "none"), ("Vor name", "trait")]
        assert audience_kind(definition_of("people", person, chosen)) == "Uploaded list"
    assert audience_kind("") == audience_kind(None) == "Uploaded list"
    assert audience_kind("SELECT nr AS profile_id FROM people") == "Computed from a query"
