"""What a revision wants: memberships as destination keys, with identity, traits and the hash of what is used of them.

A key's text is its value; identity type and place follow, each after a unit separator, unless the key is the member
itself and there is but one place. So a key's order is that of its value, and ids need no work at all.
"""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.left_out import LeftOut
from app.domain.normalise import normalise_sql
from app.domain.splits import assign_sql
from app.snapshots.engine import (
    MEMBER,
    Cursor,
    KeyField,
    LocalManifest,
    PlanSpec,
    json_members,
    json_object,
    sql_name,
    sql_text,
)
from app.snapshots.membership import Members, members_relation

SEPARATOR = "chr(31)"
HALF = 2**32 - 1  # of a hash, as a mask


@dataclass(frozen=True, slots=True)
class Wanted:
    """One source's members under a revision.

    ``narrow`` is a query of ``source, member_id, k, place, reason, fp1``, one row per key or left-out member (``reason``
    says why). ``plain``: keys are member ids, each stands once, none is left out and the file is sorted by them.
    """

    spec: PlanSpec
    number: int
    whole: Members
    narrow: str
    plain: bool

    def wide(self, members_of: str, only: str = "true") -> str:
        """A query of ``source, member_id, k`` and all that travels, for the members that a relation names.

        Nothing is worked out for others. ``only`` is a condition on ``member_id``, for skipping parts of the file.
        """
        chosen = f"""(SELECT * FROM {self.whole.sql} AS every SEMI JOIN (SELECT member_id FROM {members_of}
            WHERE source = {self.number}) AS chosen USING (member_id) WHERE {only})"""
        return _wide(self.spec, self.number, replace(self.whole, sql=chosen))


def wanted_sources(
    cursor: Cursor, spec: PlanSpec, manifests: Sequence[LocalManifest]
) -> list[Wanted]:
    """The sources of a plan, in order."""
    return [
        wanted_source(spec, number, members_relation(cursor, manifest))
        for number, manifest in enumerate(manifests)
    ]


def wanted_source(spec: PlanSpec, number: int, whole: Members) -> Wanted:
    """One source."""
    plain = spec.key == "member" and not spec.arms and not spec.place and not spec.consent
    rows, fields = _spread_rows(spec, number, whole)
    key, _, value = _key(spec)
    narrow = f"""SELECT source, member_id, {key} AS k, place, {_reason(spec, value)} AS reason,
        {_hash(spec, whole, fields)} AS fp1 FROM {rows}"""
    return Wanted(spec, number, whole, narrow, plain)


def _wide(spec: PlanSpec, number: int, whole: Members) -> str:
    rows, fields = _spread_rows(spec, number, whole)
    key, kind, value = _key(spec)
    return f"""SELECT source, member_id, {key} AS k, {kind} AS key_type, {value} AS value, place, profile_id,
        nullif({_identity(spec, fields)}, '{{}}') AS identity, nullif({_traits(spec, whole)}, '{{}}') AS traits,
        nullif({_entities(spec, whole)}, '{{}}') AS entities, {_hash(spec, whole, fields)} AS fp1
        FROM {rows} WHERE {_reason(spec, value)} IS NULL"""


def _spread_rows(spec: PlanSpec, number: int, whole: Members) -> tuple[str, list[_Field]]:
    fields = _fields(spec, whole)
    rows = _rows(spec, number, whole, fields)
    return (_spread(rows, fields) if spec.key == "identifiers" else rows), fields


# Identifiers


@dataclass(frozen=True, slots=True)
class _Field:
    """A key field over one membership: its list of usable values, and how it travels."""

    entry: KeyField
    values: str
    column: str  # the name that the list has in the rows

    @property
    def travels_as(self) -> str:
        return self.entry.map_to or self.entry.external_id


def _fields(spec: PlanSpec, whole: Members) -> list[_Field]:
    entries = spec.fields
    if not entries and spec.key == "member":
        entries = [
            KeyField(kind, "last", "email" if kind == "email" else "text")
            for kind in whole.identifiers
        ]
    return [
        _Field(entry, _values(entry, whole), f"_v{index}") for index, entry in enumerate(entries)
    ]


def _values(entry: KeyField, whole: Members) -> str:
    """The usable values by the strategy, as a list; empty where there is none."""
    if entry.external_id in whole.identifiers:
        given = sql_name("id_" + entry.external_id)
    elif (kind := whole.traits.get(entry.external_id)) is not None:
        column = sql_name("t_" + entry.external_id)
        given = (
            f"CAST({column} AS VARCHAR[])" if kind.id == "list" else f"[CAST({column} AS VARCHAR)]"
        )
    else:
        return "CAST([] AS VARCHAR[])"
    usable = normalise_sql("v", entry.normaliser)
    if entry.rule == "user_id_unless_email":
        usable = f"CASE WHEN NOT contains(v, '@') THEN {usable} END"
    elif entry.rule not in {
        None,
        "phone_with_country",
    }:  # the phone normaliser asks for the country already
        raise ValueError(f"unknown rule of an identity field: {entry.rule}")
    made = f"list_filter(list_transform({given}, lambda v: {usable}), lambda v: v IS NOT NULL)"
    match entry.strategy:
        case "first":
            return f"coalesce({made}[1:1], [])"
        case "last":
            return f"coalesce({made}[-1:], [])"
        case "all":
            return f"coalesce(list_sort(list_distinct({made})), [])"


def _arm(spec: PlanSpec, whole: Members) -> str:
    if not spec.arms:
        return "CAST(NULL AS VARCHAR)"
    arms = [(arm.name, arm.weight) for arm in spec.arms]
    return f"CAST({assign_sql(spec.split_seed, arms, whole.profile)} AS VARCHAR)"


def _place(spec: PlanSpec) -> str:
    if not spec.arms:
        return f"CAST({sql_text(spec.place) if spec.place is not None else 'NULL'} AS VARCHAR)"
    whens = " ".join(
        f"WHEN {sql_text(arm.name)} THEN {sql_text(arm.place)}"
        for arm in spec.arms
        if arm.place is not None
    )
    return f"CAST(CASE arm {whens} END AS VARCHAR)" if whens else "CAST(NULL AS VARCHAR)"


def _rows(spec: PlanSpec, number: int, whole: Members, fields: list[_Field]) -> str:
    """The membership with values, arm and consent worked out once for each member."""
    extra = [f"{field.values} AS {field.column}" for field in fields]
    kept = [
        sql_name(column) for column in whole.columns if column not in {"member_id", "profile_id"}
    ]
    consent = _consent(spec, whole)
    parts = [
        f"{number} AS source",
        "member_id",
        f"{whole.profile} AS profile_id",
        f"{_arm(spec, whole)} AS arm",
        f"{_place(spec)} AS place",
        f"{consent} AS _consent",
        *extra,
        *kept,
    ]
    return f"(SELECT {', '.join(parts)} FROM {whole.sql})"


def _consent(spec: PlanSpec, whole: Members) -> str:
    if not spec.consent:
        return "true"
    if spec.consent not in whole.traits:
        return "false"
    return f"coalesce(TRY_CAST({sql_name('t_' + spec.consent)} AS BOOLEAN), false)"


# Keys


def _key(spec: PlanSpec) -> tuple[str, str, str]:
    """Key text, identity type and value of a row, as expressions."""
    kind, value = (sql_text(MEMBER), "member_id") if spec.key == "member" else ("_kind", "_value")
    if spec.key == "member" and not any(spec.places):
        return value, kind, value
    return f"{value} || {SEPARATOR} || {kind} || {SEPARATOR} || coalesce(place, '')", kind, value


def _spread(rows: str, fields: list[_Field]) -> str:
    """One row for each value of the first field that has any; a member without keeps one row without a value."""
    if not fields:
        return f"(SELECT *, '' AS _kind, CAST(NULL AS VARCHAR) AS _value FROM {rows})"
    whens = " ".join(
        f"WHEN len({field.column}) > 0 THEN {index}" for index, field in enumerate(fields)
    )
    kinds = " ".join(
        f"WHEN {index} THEN {sql_text(field.travels_as)}" for index, field in enumerate(fields)
    )
    lists = " ".join(f"WHEN {index} THEN {field.column}" for index, field in enumerate(fields))
    if all(field.entry.strategy != "all" for field in fields):
        value = f"CASE _field {lists} END[1]"
    else:
        value = f"unnest(coalesce(CASE _field {lists} END, [NULL]))"
    return f"""(SELECT *, CASE _field {kinds} ELSE '' END AS _kind, {value} AS _value
        FROM (SELECT *, CASE {whens} END AS _field FROM {rows}))"""


def _reason(spec: PlanSpec, value: str) -> str:
    whens = []
    if spec.consent:
        whens.append(f"WHEN NOT _consent THEN {sql_text(LeftOut.NO_CONSENT)}")
    control = [sql_text(arm.name) for arm in spec.arms if not arm.sent]
    if control:
        whens.append(f"WHEN arm IN ({', '.join(control)}) THEN {sql_text(LeftOut.CONTROL)}")
    if spec.key == "identifiers":
        whens.append(f"WHEN {value} IS NULL THEN {sql_text(LeftOut.NO_IDENTIFIER)}")
    return f"CASE {' '.join(whens)} END" if whens else "CAST(NULL AS VARCHAR)"


# What travels


def _identity(spec: PlanSpec, fields: list[_Field]) -> str:
    shown = {}
    for index, field in enumerate(fields):
        single = f"CAST(to_json({field.column}[1]) AS VARCHAR)"
        several = (
            f"CASE WHEN len({field.column}) > 0 THEN CAST(to_json({field.column}) AS VARCHAR) END"
        )
        value = several if field.entry.strategy == "all" else single
        if spec.key == "identifiers":
            value = (
                f"CASE WHEN _field = {index} THEN CAST(to_json(_value) AS VARCHAR) ELSE {value} END"
            )
        shown[field.travels_as] = value
    return json_members(shown)


def _used_traits(spec: PlanSpec, whole: Members) -> list[str]:
    if spec.traits is None:
        return sorted(whole.traits)
    return [trait for trait in spec.traits if trait in whole.traits]


def _traits(spec: PlanSpec, whole: Members, *, canonical: bool = False) -> str:
    used = {
        trait: (sql_name("t_" + trait), whole.traits[trait]) for trait in _used_traits(spec, whole)
    }
    return json_object(used, canonical=canonical)


def _entities(spec: PlanSpec, whole: Members, *, canonical: bool = False) -> str:
    parts = {}
    for relationship, properties in spec.entities.items():
        kind = whole.entities.get(relationship)
        column = sql_name(f"ent_{relationship}")
        if kind is not None and str(kind) == "JSON":
            parts[relationship] = _json_entities(column, properties)
        elif kind is not None and kind.id == "list":
            shape = dict(dict(kind.children)["child"].children)
            picked = {
                key: (f"(x).{sql_name(key)}", shape[key])
                for key in properties or shape
                if key in shape
            }
            parts[relationship] = _each(column, json_object(picked, canonical=canonical, depth=1))
    return json_members(parts)


def _each(entities: str, shown: str) -> str:
    return f"'[' || array_to_string(list_transform({entities}, lambda x: {shown}), ',') || ']'"


def _json_entities(column: str, properties: Sequence[str]) -> str:
    """Entities that came as JSON: a list of objects whose keys are sorted already."""
    if not properties:
        return f"CAST({column} AS VARCHAR)"
    picked = {
        key: f"nullif(CAST(json_extract(x, {sql_text(_pointer(key))}) AS VARCHAR), 'null')"
        for key in properties
    }
    return _each(f"CAST({column} AS JSON[])", json_members(picked))


def _pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _hash(spec: PlanSpec, whole: Members, fields: list[_Field]) -> str:
    """The hash fp1 over what the revision uses: the other identifiers, traits, entities. Constant for nothing.

    Where arms travel its upper half is the arm's (``decisions`` may compare it alone).
    """
    whole_hash = _hash_of_values(spec, whole, fields)
    if not spec.tells_arms:
        return whole_hash
    upper = f"(md5_number_lower(coalesce(arm, '')) & {HALF}) * {HALF + 1}"
    return f"CAST({upper} + ({whole_hash} & {HALF}) AS UBIGINT)"


def _hash_of_values(spec: PlanSpec, whole: Members, fields: list[_Field]) -> str:
    parts = []
    single = len(fields) == 1 and fields[0].entry.strategy != "all"
    if fields and not (spec.key == "identifiers" and single):
        parts.append(_identity(spec, fields))
    if _used_traits(spec, whole):
        parts.append(_traits(spec, whole, canonical=True))
    if spec.entities:
        parts.append(_entities(spec, whole, canonical=True))
    if not parts:
        return "CAST(0 AS UBIGINT)"
    return f"md5_number_lower({' || '.join(parts)})"
