"""Columns of an uploaded file: what each of them probably is, and the definition of an audience that reads them so."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from app.console.key_columns import likely_key
from app.core.errors import Invalid
from app.core.suggestions import nearest
from app.domain.column_names import spellings, squashed
from app.domain.known_columns import meaning_of
from app.domain.row_keys import KeyCounts, has_key_sql, row_key_sql

#: What a column can be, in words. Identifiers are found by these names.
ROLES: Mapping[str, str] = {
    "email": "E-mail address",
    "phone": "Phone number",
    "user_id": "User id at the destination",
    "trait": "Property",
    "none": "Not a property",
}
CONVERTED = "converted"  # a property, by the conversion of its column
IDENTIFIERS = ("email", "phone", "user_id")


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """A column with what it probably is; ``guess`` says why if its name is not one of the usual spellings.

    ``note`` says that its texts look like numbers or dates, and ``conversion`` is the expression that makes them such.
    """

    name: str
    type: str
    role: str
    guess: str = ""
    note: str = ""
    conversion: str | None = None


def guessed(
    columns: Sequence[tuple[str, str]], counts: Mapping[str, KeyCounts] | None = None
) -> tuple[str, list[ColumnChoice]]:
    """Return the column that names a person, and all columns with what they probably are. ``columns`` are names and types.

    ``counts`` say which columns have a value of its own in each row.
    """
    names = [name for name, _ in columns]
    roles = guessed_roles(names)
    person = likely_key(names, roles, counts or {})
    return person, [
        ColumnChoice(name, kind, *_guess(name, roles.get(name), person)) for name, kind in columns
    ]


def guessed_roles(names: Sequence[str]) -> dict[str, str]:
    """Return the identifier by column: by its usual spellings first, else by a name that is nearly the same."""
    found: dict[str, str] = {}
    for role in IDENTIFIERS:
        if known := spellings(role, names):
            found[known[0]] = role
    for name in names:
        near = meaning_of(name) or nearest(squashed(name), ("email", "phone"))
        if near in ("email", "phone") and near not in found.values():
            found[name] = near
    return found


def _guess(name: str, role: str | None, person: str) -> tuple[str, str]:
    if role is None:
        return ("none" if name == person else "trait"), ""
    if name in spellings(role, [name]):
        return role, ""
    return role, f"“{name}” looks like {ROLES[role].lower()}."


def definition_of(
    table: str,
    person: str,
    chosen: Sequence[tuple[str, str]],
    conversions: Mapping[str, str] | None = None,
    words: Collection[str] = (),
) -> str:
    """Return the definition of the audience: one row for each person. ``chosen`` has the role by column, ``conversions`` expressions.

    Rows in which ``person`` has no value, or one that no member can have as its id, are left out. ``words`` are the space's own words for "no value".
    Raises Invalid if no column is an identifier, or two are the same one.
    """
    named = [role for _, role in chosen if role in IDENTIFIERS]
    if not named:
        raise Invalid(
            "Choose the column of the e-mail address, phone number or user id.", field="role"
        )
    twice = next((role for role in named if named.count(role) > 1), None)
    if twice:
        raise Invalid(f"Only one column can be the {ROLES[twice].lower()}.", field="role")
    if person not in [name for name, _ in chosen]:
        raise Invalid("Choose the column that tells people apart.", field="person")
    key = row_key_sql(_quoted(person), is_address=(person, "email") in chosen)
    lines = [f"{key} AS profile_id"]
    lines += [f"{_quoted(name)} AS {role}" for name, role in chosen if role in IDENTIFIERS]
    known = conversions or {}
    lines += [
        _trait(name, known.get(name) if role == CONVERTED else None)
        for name, role in chosen
        if role in ("trait", CONVERTED)
    ]
    selected = ",\n  ".join(lines)
    return f"SELECT\n  {selected}\nFROM {table}\nWHERE {has_key_sql(key, words)}"


_FROM_COLUMNS = re.compile(
    r"""SELECT\n  (?P<key>(?:lower\()?trim\(CAST\(".+?" AS VARCHAR\)\)\)?) AS profile_id,\n.+\nFROM (?P<table>\w+)\nWHERE (?:(?P=key) <> ''|NOT regexp_full_match\((?P=key), '[^\n]+', 'i'\)(?: AND NOT regexp_matches\((?P=key), '[^\n]+'\))?)""",
    re.DOTALL,
)


def audience_kind(query: str | None) -> str:
    """Return where the members of an audience come from: a list that was uploaded, also as a dataset whose columns were chosen, or SQL."""
    is_list = not query or _FROM_COLUMNS.fullmatch(query) is not None
    return "Uploaded list" if is_list else "Computed from a query"


def table_of(query: str | None) -> str | None:
    """Return the dataset of an audience whose columns were chosen; None of any other."""
    found = _FROM_COLUMNS.fullmatch(query or "")
    return found["table"] if found else None


def _trait(name: str, conversion: str | None = None) -> str:
    """Return a column that keeps its name; one that would be read as an identifier gets another."""
    taken = {squashed(one) for one in (*IDENTIFIERS, "profile_id")}
    if squashed(name) in taken:
        return f"{conversion or _quoted(name)} AS {_quoted(f'{name} (file)')}"
    return f"{conversion} AS {_quoted(name)}" if conversion else _quoted(name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
