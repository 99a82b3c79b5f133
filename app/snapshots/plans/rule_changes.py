"""Keys that are held under an older rule: how many of them a new rule changes."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.domain.column_names import spellings
from app.domain.key_rules import VALUES, RuleChanges, column_rule, words_rule
from app.domain.normalise import normalise_sql
from app.snapshots.engine import MEMBER, Cursor, LocalManifest, PlanSpec, fetch_one, sql_text
from app.snapshots.holdings import HELD, VALUE, holdings_relation
from app.snapshots.plans.key_fields import absent_in, held_text, key_fields
from app.snapshots.plans.sides import Sides
from app.snapshots.plans.wanted import Wanted


def rules_of(spec: PlanSpec, sources: Sequence[Wanted]) -> frozenset[str]:
    """Return the rules that decide the keys of a plan (``app.domain.key_rules``)."""
    spelled = (
        field.entry.external_id
        for source in sources
        for field in key_fields(spec, source.whole)
        if _is_spelled(field.entry.external_id, source)
    )
    own = frozenset(word for source in sources for word in source.whole.marks.absent)
    words = [words_rule(own)] if own else []
    return frozenset({VALUES, *map(column_rule, spelled), *words})


def _is_spelled(name: str, source: Wanted) -> bool:
    """Return whether an identifier comes from a column in another spelling, which is a trait too."""
    return name in source.whole.identifiers and bool(spellings(name, source.whole.traits))


def count_rule_changes(
    cursor: Cursor, spec: PlanSpec, sides: Sides, holdings: LocalManifest, rules: Iterable[str]
) -> RuleChanges:
    """Count the held keys that new rules change. Members who left the audience do not count: they would leave anyway.

    A held key is changed if its value has another form now, or, under a new rule for columns, if its member has a key of
    another identifier.
    """
    columns = any(rule.startswith(column_rule("")) for rule in rules)
    moved = "w.member IS NOT NULL"
    other = f"OR ({moved} AND NOT list_contains(w.kinds, key_type))" if columns else ""
    changed = f"(form IS DISTINCT FROM value {other})"
    members = " UNION ".join(
        f"SELECT member_id AS member FROM {source.whole.sql}" for source in sides.sources
    )
    row = fetch_one(
        cursor,
        f"""SELECT count(*) FILTER ({changed} AND NOT {moved}), count(*) FILTER ({changed} AND {moved})
        FROM ({_unwanted(spec, sides, holdings)}) AS h SEMI JOIN ({members}) AS there USING (member)
            LEFT JOIN (SELECT member_id AS member, list(split_part(k, chr(31), -2)) AS kinds
                FROM {sides.keys} AS keys GROUP BY member_id) AS w USING (member)""",
    )
    return RuleChanges(*row)


def _unwanted(spec: PlanSpec, sides: Sides, holdings: LocalManifest) -> str:
    """Return the query of held keys that are not wanted: ``value``, its ``form`` now, and ``member`` as it is written now."""
    member = normalise_sql("coalesce(member_id, value)", "text")
    return f"""SELECT value, key_type, {_form(spec, sides.sources)} AS form, {member} AS member
        FROM (SELECT k, key_type, member_id, {VALUE} AS value FROM {holdings_relation(holdings)} AS rows WHERE {HELD}) AS held
        ANTI JOIN (SELECT k FROM {sides.keys} AS keys) AS wanted USING (k)"""


def _form(spec: PlanSpec, sources: Sequence[Wanted]) -> str:
    """Return the expression of the form that a held ``value`` has now, by its ``key_type``."""
    if spec.key == MEMBER:
        return normalise_sql("value", "text")
    forms = {
        field.travels_as: normalise_sql(
            held_text("value", field.entry, source.whole),
            field.entry.normaliser,
            words=absent_in(field.entry, source.whole),
        )
        for source in sources
        for field in key_fields(spec, source.whole)
    }
    whens = " ".join(f"WHEN {sql_text(name)} THEN {form}" for name, form in forms.items())
    return f"CASE key_type {whens} ELSE value END" if whens else "value"
