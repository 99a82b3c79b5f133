"""Names of a person in texts and JSON."""

from __future__ import annotations

import hashlib

import duckdb
import pytest

from app.domain.persons import ERASED, Person, is_contact_column, is_distinctive, is_id_column

ADA = Person.of(["42", "p-ada-17"], ["Ada@Example.com", "+4915112345678"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada@example.com", True),
        ("+4915112345678", True),
        ("p-ada-17", True),
        ("42", False),
        ("100234", False),
        ("christopher", False),
    ],
)
def test_distinctive(text: str, expected: bool) -> None:
    assert is_distinctive(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Refused: ADA@example.com.", f"Refused: {ERASED}."),
        ("joann-ada@example.com", "joann-ada@example.com"),
        ("ada@example.com.au", "ada@example.com.au"),
        ("x?email=ada%40example.com&y", f"x?email={ERASED}&y"),
        ("tel 4915112345678", f"tel {ERASED}"),
        ("tel 004915112345678", f"tel {ERASED}"),
        ("age 42", "age 42"),
        ("/profiles/email%3Aada%40example.com", f"/profiles/email%3A{ERASED}"),
        ("?q=%22ada@example.com%22", f"?q=%22{ERASED}%22"),
        ('{"note":"call\\nada@example.com"}', f'{{"note":"call\\n{ERASED}"}}'),
        ('{"note":"\\u003cada@example.com>"}', f'{{"note":"\\u003c{ERASED}>"}}'),
        ("?of=YWRhQGV4YW1wbGUuY29t&x", f"?of={ERASED}&x"),
        ("cC1hZGEtMTc=", f"{ERASED}="),
        ("%C3%B6ada@example.com", "%C3%B6ada@example.com"),
        ("joe%2Bada@example.com", "joe%2Bada@example.com"),
        ("\\u00f6ada@example.com", "\\u00f6ada@example.com"),
    ],
)
def test_inside_a_text(text: str, expected: str) -> None:
    assert ADA.scrubbed(text) == expected
    with duckdb.connect() as engine:
        query = "SELECT regexp_matches(lower(?), ?)"
        found = engine.execute(query, [text, ADA.pattern]).fetchall()
    assert found == [(text != expected,)], "the engine finds what Python finds"


def test_what_is_known_about_the_person_goes_with_its_id() -> None:
    rows = [
        {"profileId": "42", "traits": {"family": "Lovelace"}, "entities": [{"city": "Bonn"}]},
        {"profileId": "43", "traits": {"family": "Hopper", "friend": "ada@example.com"}},
    ]
    assert ADA.scrubbed(rows) == [
        {"profileId": ERASED, "traits": {}, "entities": []},
        {"profileId": "43", "traits": {"family": "Hopper", "friend": ERASED}},
    ]
    request = {"url": "https://p.example/x", "body": '[{"id":"ada@example.com","n":"Lovelace"}]'}
    assert ADA.scrubbed(request) == {"url": "https://p.example/x", "body": ERASED}


def test_in_json() -> None:
    value = {"profileId": "42", "age": 42, "rows": ["42", {"ada@example.com": 1}], "id": 7}
    assert ADA.scrubbed(value) == {
        "profileId": ERASED,
        "age": 42,
        "rows": ["42", {ERASED: 1}],
        "id": 7,
    }
    clean = {"profileId": "43", "list": [1, 2.5, None, True]}
    assert ADA.scrubbed(clean) is clean


def test_hashes_of_an_address_are_names_too() -> None:
    digest = "b5fc85e55755f9e0d030a14ab4429b57b1a1ab5fc0f1ba28a12e5b3ef25f3ea2"
    assert any(len(text) == len(digest) for text in ADA.anywhere)
    assert hashlib.sha256(b"4915112345678").hexdigest() in ADA.anywhere
    spelled = Person.of(["usr-ada-99"], [], ["Usr-Ada-99", "Usr-Other-1"])
    assert hashlib.md5(b"Usr-Ada-99").hexdigest() in spelled.anywhere
    assert hashlib.md5(b"Usr-Other-1").hexdigest() not in spelled.anywhere


def test_columns() -> None:
    assert [is_id_column(name) for name in ("Customer ID", "user_id", "amount")] == [
        True,
        True,
        False,
    ]
    assert is_contact_column("e-mail address")
    assert not is_contact_column("amount")
