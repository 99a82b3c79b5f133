"""Errors of the engine about a query, as sentences with the place in the query and the name that is meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import orjson

from app.core.suggestions import did_you_mean, listed

_PREFIX = re.compile(r"\A[A-Za-z ]+ Error: ")
_NO_COLUMN = re.compile(r'\ATable "(.+)" does not have a column named "(.+)"')
_NO_TABLE = re.compile(r'\AReferenced table "(.+)" not found!')
_CANDIDATES = re.compile(r"\n\s*Candidate (?:functions|bindings|tables):.*", re.DOTALL)
_HINT = re.compile(r'\s*Did you mean "[^"]*"\?')


def place_of(sql: str, offset: int) -> str:
    """Return ``Line 2, column 3`` for an offset in the UTF-8 bytes of a query."""
    before = sql.encode()[: max(offset, 0)].decode(errors="ignore")
    return f"Line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def fault_of(error: str, sql: str, columns: Collection[str], *, shift: int = 0) -> str:
    """Return what an error of the engine (with ``errors_as_json``) says about a query, as one sentence or several.

    ``columns`` are those of the tables that the query reads. ``shift`` is the number of bytes before the query in the text
    that the engine was given.
    """
    details = _details(error)
    message = _message(details, columns)
    position = str(details.get("position", ""))
    if not position.isdecimal():
        return message
    return f"{place_of(sql, int(position) - shift)}: {message}"


#: A name that a column may have without quotes; any other unknown one was most likely meant as a text.
_COLUMN = re.compile(r"\w+")
_QUOTES = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\"'`\u00b4"  # straight and typographic ones


def _details(error: str) -> Mapping[str, Any]:
    text = _PREFIX.sub("", error.strip(), count=1)
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"exception_message": text}
    return parsed if isinstance(parsed, dict) else {"exception_message": text}


def _message(details: Mapping[str, Any], columns: Collection[str]) -> str:
    text = str(details.get("exception_message", ""))
    name = str(details.get("name", ""))
    if details.get("error_subtype") == "COLUMN_NOT_FOUND":
        return _unknown_column(name, "", details, columns)
    if found := _NO_COLUMN.match(text):
        return _unknown_column(found[2], f" in {found[1]}", details, columns)
    if found := _NO_TABLE.match(text):
        return f"the query has no table or alias {found[1]}"
    if details.get("error_subtype") == "MISSING_ENTRY" and name:
        kind = (
            str(details.get("type", "name")).lower().removeprefix("scalar ").removeprefix("table ")
        )
        candidates = _candidates(details)
        hint = did_you_mean(name, candidates) or (
            f" Similar: {candidates[0]}." if candidates else ""
        )
        return f"there is no {kind} {name}.{hint}"
    plain = _HINT.sub("", _CANDIDATES.sub("", text)).strip().replace("\n", " ")
    return f"{plain[:1].lower()}{plain[1:]}" if plain[1:2].islower() else plain


def _unknown_column(
    name: str, where: str, details: Mapping[str, Any], columns: Collection[str]
) -> str:
    near = did_you_mean(name, columns) or did_you_mean(name, _candidates(details))
    if not near and not _COLUMN.fullmatch(name):
        near = f" Texts are written in straight single quotes: '{name.strip(_QUOTES)}'."
    known = f" The columns are {listed(columns)}." if columns else ""
    return f"there is no column {name}{where}.{near}{known}"


def _candidates(details: Mapping[str, Any]) -> list[str]:
    return [one for one in str(details.get("candidates", "")).split(",") if one]
