"""Key fields: the identifiers of a specification, with the expressions of their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.column_names import spellings
from app.domain.normalise import default_normaliser, normalise_sql
from app.domain.phone_numbers import NATIONAL
from app.snapshots.engine import (
    KeyField,
    PlanSpec,
    sql_name,
    sql_text,
)
from app.snapshots.membership import Members


@dataclass(frozen=True, slots=True)
class Field:
    """A key field over one membership: the list of its usable values, and the name it is sent under."""

    entry: KeyField
    values: str
    column: str  # of the list, in ``wanted_rows``
    national: str | None = None  # whether a value is a phone number without a country

    @property
    def travels_as(self) -> str:
        """Name that the identifier is sent under."""
        return self.entry.map_to or self.entry.external_id


def entries_of(spec: PlanSpec, whole: Members) -> Sequence[KeyField]:
    """Return the entries of a specification; all identifiers if keys are member ids and none are given."""
    if spec.fields or spec.key != "member":
        return spec.fields
    return [KeyField(kind, "last", default_normaliser(kind)) for kind in whole.identifiers]


def key_fields(spec: PlanSpec, whole: Members) -> list[Field]:
    """Return the fields of a specification, with their values in one membership."""
    region = _region(spec, whole)
    return [
        Field(entry, _values(entry, whole, region), f"_v{index}", _national(entry, whole, region))
        for index, entry in enumerate(entries_of(spec, whole))
    ]


def usable_values(spec: PlanSpec, entry: KeyField, whole: Members) -> str:
    """Return the expression of the usable values of one entry: a list, empty if there are none."""
    return _values(entry, whole, _region(spec, whole))


def unusable_values(spec: PlanSpec, entry: KeyField, whole: Members) -> str | None:
    """Return the expression of the given values of one entry that are not usable: a list; None if it has no column."""
    given = given_values(entry, whole)
    if given is None:
        return None
    usable = _usable(entry, _region(spec, whole), absent_in(entry, whole))
    return f"coalesce(list_filter({given}, lambda v: trim(v) <> '' AND ({usable}) IS NULL), [])"


def national_values(spec: PlanSpec, entry: KeyField, whole: Members) -> str:
    """Return the expression of the given values of one entry that are phone numbers without a country: a list."""
    given = given_values(entry, whole)
    if entry.normaliser != "phone" or given is None:
        return "CAST([] AS VARCHAR[])"
    national = f"list_filter({given}, lambda v: regexp_full_match(v, {sql_text(NATIONAL)}))"
    return f"CASE WHEN ({_region(spec, whole)}) IS NULL THEN coalesce({national}, []) ELSE [] END"


def _region(spec: PlanSpec, whole: Members) -> str:
    """Return the expression of the country of a member's phone numbers: two capital letters, or NULL.

    The specification's country counts only if the member has none. A country that is not ISO 3166-1 has no region:
    another country's would make a number of another person.
    """
    given = sql_text(spec.phone_country) if spec.phone_country else "NULL"
    columns = spellings("country", whole.traits)
    texts = [
        normalise_sql(_text(sql_name("t_" + column), whole.traits[column]), "text")
        for column in sorted(columns, key=lambda column: column != "country")
    ]
    if not texts:
        return f"CAST({given} AS VARCHAR)"
    iso = [
        f"CASE WHEN upper({text}) = 'UK' THEN 'GB' "
        f"WHEN regexp_full_match(upper({text}), '[A-Z]{{2}}') THEN upper({text}) END"
        for text in texts
    ]
    return f"coalesce({', '.join(iso)}, CASE WHEN coalesce({', '.join(texts)}) IS NULL THEN {given} END)"


def _national(entry: KeyField, whole: Members, region: str) -> str | None:
    """Return the condition that a member has a phone number without a country; None for other identifiers."""
    given = given_values(entry, whole)
    if entry.normaliser != "phone" or given is None:
        return None
    found = f"list_filter({given}, lambda v: regexp_full_match(v, {sql_text(NATIONAL)}))"
    return f"(({region}) IS NULL AND coalesce(len({found}), 0) > 0)"


def _values(entry: KeyField, whole: Members, region: str) -> str:
    """Return the expression of the usable values by the strategy: a list, empty if there are none."""
    given = given_values(entry, whole)
    if given is None:
        return "CAST([] AS VARCHAR[])"
    usable = _usable(entry, region, absent_in(entry, whole))
    texts = f"list_filter(list_transform({given}, lambda v: {usable}), lambda v: v IS NOT NULL)"
    match entry.strategy:
        case "first":
            return f"coalesce({texts}[1:1], [])"
        case "last":
            return f"coalesce({texts}[-1:], [])"
        case "all":
            return f"coalesce(list_sort(list_distinct({texts})), [])"


def absent_in(entry: KeyField, whole: Members) -> frozenset[str]:
    """Return the further words that mean "no value" in a field: the space's own, and those that rows share."""
    prefix = f"{entry.external_id}:"
    shared = {mark.removeprefix(prefix) for mark in whole.marks.shared if mark.startswith(prefix)}
    return whole.marks.absent | shared


def given_values(entry: KeyField, whole: Members) -> str | None:
    """Return the expression of the member's values, from an identifier column or a trait, also of another spelling."""
    if entry.external_id in whole.identifiers:
        return sql_name("id_" + entry.external_id)
    trait = whole.trait(entry.external_id)
    if trait is None:
        meant = spellings(entry.external_id, whole.identifiers)
        return sql_name("id_" + meant[0]) if len(meant) == 1 else None
    return _texts(sql_name("t_" + trait), whole.traits[trait])


def _texts(column: str, kind: Any) -> str:
    """Return the expression of a trait's texts: a list. An object is no text."""
    if str(kind) == "JSON":
        scalar = "json_type(v) NOT IN ('NULL', 'ARRAY', 'OBJECT')"
        listed = f"""CASE WHEN json_type({column}) = 'ARRAY' THEN from_json({column}, '["JSON"]') ELSE [{column}] END"""
        texts = f"list_transform(list_filter({listed}, lambda v: {scalar}), lambda v: v ->> '$')"
        return f"CASE WHEN {column} IS NOT NULL THEN {texts} END"
    if kind.id in {"list", "array"}:
        child = dict(kind.children)["child"]
        return f"list_transform(CAST({column} AS {child}[]), lambda v: {_text('v', child)})"
    return f"[{_text(column, kind)}]"


def _text(value: str, kind: Any) -> str:
    """Return the expression of one value as text. The number 7 is ``7``, also in a column that keeps it as ``7.0``."""
    text = f"CAST({value} AS VARCHAR)"
    if str(kind) == "JSON":
        return f"({value} ->> '$')"
    if kind.id in {"list", "array", "struct", "map"}:
        return "CAST(NULL AS VARCHAR)"
    if kind.id in {"float", "double"}:
        whole = f"{value} = trunc({value}) AND abs({value}) < {2**53}"
        return f"CASE WHEN {whole} THEN CAST(CAST({value} AS BIGINT) AS VARCHAR) ELSE {text} END"
    if kind.id == "decimal" and dict(kind.children)["scale"]:
        return f"rtrim(rtrim({text}, '0'), '.')"
    return text


def _usable(entry: KeyField, region: str, words: frozenset[str]) -> str:
    """Return the expression of the normalised value ``v``, NULL if it is not usable."""
    usable = normalise_sql("v", entry.normaliser, region, words)
    if entry.rule == "user_id_unless_email":
        return f"CASE WHEN NOT contains(v, '@') THEN {usable} END"
    # The phone normaliser requires the country already.
    if entry.rule not in {None, "phone_with_country"}:
        raise ValueError(f"unknown rule of an identity field: {entry.rule}")
    return usable


def held_text(value: str, entry: KeyField, whole: Members) -> str:
    """Return the expression of a held value as :func:`given_values` writes it now. Earlier versions wrote ``7.0`` and ``"x"``."""
    trait = None if entry.external_id in whole.identifiers else whole.trait(entry.external_id)
    if trait is None:
        return value
    kind = whole.traits[trait]
    if kind.id in {"list", "array"}:
        kind = dict(kind.children)["child"]
    if str(kind) == "JSON":
        return f"""CASE WHEN {value} LIKE '"%"' AND json_valid({value}) THEN {value} ->> '$' ELSE {value} END"""
    if kind.id not in {"float", "double", "decimal"}:
        return value
    plain = f"rtrim(rtrim({value}, '0'), '.')"
    return (
        f"CASE WHEN regexp_full_match({value}, '-?[0-9]+\\.[0-9]+') THEN {plain} ELSE {value} END"
    )
