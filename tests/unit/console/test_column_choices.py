"""What columns of a file probably are, and the definition that reads them so."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest

from app.console.column_choices import audience_kind, definition_of, guessed
from app.core.errors import Invalid
from app.domain.absent_words import ABSENT_WORDS, word_of
from app.domain.row_keys import KeyCounts, has_value_sql


@pytest.mark.parametrize(
    ("names", "person", "roles"),
    [
        (["Kunden-ID", "emial", "Stadt"], "Kunden-ID", ["none", "email", "trait"]),
        (["E-Mail", "Tel", "plan"], "E-Mail", ["email", "phone", "trait"]),
        (["profile_id", "email", "mail"], "profile_id", ["none", "email", "trait"]),
        (["user_id", "Phone Number"], "user_id", ["user_id", "phone"]),
        (["Vorname", "Nachname"], "Vorname", ["none", "trait"]),
        (["email", "emial", "customer_id"], "customer_id", ["email", "trait", "none"]),
        (["e_mial", "Kundennr", "Hausnummer"], "Kundennr", ["email", "none", "trait"]),
    ],
)
def test_columns_are_guessed_by_their_names(
    names: list[str], person: str, roles: list[str]
) -> None:
    found, columns = guessed([(name, "VARCHAR") for name in names])
    assert found == person
    assert [one.role for one in columns] == roles


@pytest.mark.parametrize(
    ("faults", "person"),
    [
        ({}, "store_id"),
        ({"store_id": (0, 9)}, "Kundennr"),
        ({"store_id": (0, 9), "Kundennr": (1, 0)}, "e_mial"),
        ({"store_id": (0, 9), "Kundennr": (0, 1), "e_mial": (1, 0)}, "e_mial"),
        ({"store_id": (0, 9), "Kundennr": (240, 0), "e_mial": (0, 1)}, "Umsatz"),
        (dict.fromkeys(("store_id", "Kundennr", "e_mial", "Umsatz"), (0, 1)), "store_id"),
    ],
)
def test_the_key_is_a_column_with_its_own_value_in_each_row(
    faults: dict[str, tuple[int, int]], person: str
) -> None:
    names = ["Umsatz", "e_mial", "store_id", "Kundennr"]
    counts = {name: KeyCounts(240, *faults.get(name, (0, 0))) for name in names}
    assert guessed([(name, "VARCHAR") for name in names], counts)[0] == person


def test_rows_without_a_key_are_left_out() -> None:
    absent = [word.upper() for word in ABSENT_WORDS]
    values = [None, "", "  ", "\u00a0", " N/A ", "n/a\u00a0", "Unbekannt", *absent, "a", "n/a1"]
    values += ["b\x01", "\x7fc", "d\te", "f\t", "g\n", "h\x00"]
    database = duckdb.connect()
    database.execute("CREATE TABLE people (nr TEXT, mail TEXT)")
    database.executemany("INSERT INTO people VALUES (?, 'x')", [[one] for one in values])
    chosen = [("nr", "none"), ("mail", "email")]
    sql = definition_of("people", "nr", chosen, words=["unbekannt", "o'b"])
    kept = ["a", "n/a1", "f\t", "g\n"]
    assert database.execute(sql).fetchall() == [(one, "x") for one in kept], (
        "no row with a control character; tabs and line ends at the end are removed later"
    )
    assert audience_kind(sql) == "Uploaded list"


def test_a_definition_of_an_earlier_version_is_an_uploaded_list() -> None:
    key = 'lower(trim(CAST("mail" AS VARCHAR)))'
    sql = f"SELECT\n  {key} AS profile_id,\n  \"mail\" AS email\nFROM people\nWHERE {key} <> ''"
    assert audience_kind(sql) == "Uploaded list"
    assert audience_kind(f"{sql} AND true") == "Computed from a query"


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


@pytest.mark.parametrize("word", ["BELİRTİLMEMİŞ", "BİLİNMİYOR", "ΑΓΝΩΣΤΟΣ", "Unbekannt"])
def test_words_of_a_space_are_no_keys_in_any_case(word: str) -> None:
    condition = has_value_sql("t", {word_of(word)})
    for text in {word, word.lower(), word.upper()}:
        query = f"SELECT {condition} FROM (SELECT $text AS t)"
        assert duckdb.connect().execute(query, {"text": text}).fetchone() == (False,), text
