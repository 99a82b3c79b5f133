"""Members of a membership, read as pages or one by one."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from typing import Any

import orjson

from app.domain.normalise import default_normaliser, folded_sql, trimmed_sql
from app.domain.text_forms import folded, trimmed
from app.snapshots.engine import (
    Cursor,
    LocalManifest,
    json_object,
    sql_name,
    sql_text,
)
from app.snapshots.membership.membership import Members, members_relation


def page_rows(
    cursor: Cursor, manifest: LocalManifest, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """Read up to ``limit`` members after a member id, in the order of their ids.

    Returns rows of the shape of ``find_row``.
    """
    where = f"member_id > {sql_text(after)}" if after is not None else "true"
    return _shown(
        cursor, members_relation(cursor, manifest), f"{where} ORDER BY member_id LIMIT {limit:d}"
    )


def find_row(cursor: Cursor, manifest: LocalManifest, profile_id: str) -> dict[str, Any] | None:
    """Find one member by its member or profile id, else None.

    Returns ``{"member_id", "profile_id", "identifiers": {type: [values]}, "traits": {…}, "entities": {…}}``
    """
    whole = members_relation(cursor, manifest)
    wanted = f"member_id = {sql_text(profile_id)}"
    if "profile_id" in whole.columns:
        wanted = f"({wanted} OR profile_id = {sql_text(profile_id)})"
    found = _shown(cursor, whole, f"{wanted} ORDER BY member_id LIMIT 1")
    return found[0] if found else None


def find_rows(cursor: Cursor, manifest: LocalManifest, sought: str) -> list[dict[str, Any]]:
    """Find up to 10 members by member or profile id, or by the value of any identifier. Letters of e-mails may differ in case.

    Returns rows of the shape of ``find_row``.
    """
    whole = members_relation(cursor, manifest)
    ids = f"({sql_text(sought)}, {sql_text(trimmed(sought))})"
    conditions = [f"member_id IN {ids}"]
    if "profile_id" in whole.columns:
        conditions.append(f"profile_id IN {ids}")
    for name in whole.identifiers:
        text, wanted = (
            (folded_sql("v"), sql_text(folded(sought)))
            if default_normaliser(name) == "email"
            else (trimmed_sql("v"), sql_text(trimmed(sought)))
        )
        values = f"unnest({sql_name('id_' + name)}) AS unnested(v)"
        conditions.append(f"EXISTS (SELECT 1 FROM {values} WHERE {text} = {wanted})")
    return _shown(cursor, whole, f"{' OR '.join(conditions)} ORDER BY member_id LIMIT 10")


def _shown(cursor: Cursor, whole: Members, rest: str) -> list[dict[str, Any]]:
    maps = [
        json_object({key: (sql_name(prefix + key), whole.columns[prefix + key]) for key in keys})
        for prefix, keys in (
            ("id_", whole.identifiers),
            ("t_", list(whole.traits)),
            ("ent_", list(whole.entities)),
        )
    ]
    rows = cursor.execute(
        f"SELECT member_id, {whole.profile}, {', '.join(maps)} FROM {whole.sql} WHERE {rest}"
    ).fetchall()
    return [
        {
            "member_id": member,
            "profile_id": profile,
            "identifiers": orjson.loads(identifiers),
            "traits": orjson.loads(traits),
            "entities": orjson.loads(entities),
        }
        for member, profile, identifiers, traits, entities in rows
    ]
