"""Holdings: compaction, counts, pages and single profiles."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from app.domain.changes import Held
from app.snapshots.engine import (
    MEMBER,
    Cursor,
    FileFormat,
    LocalManifest,
    fetch_one,
    format_metadata,
    key_ranges,
    key_value,
    row_group_weights,
    sql_text,
    stored_relation,
    write_sorted,
)
from app.snapshots.holdings.holding_rows import (
    GONE,
    HELD,
    PROFILE,
    REPETITIVE,
    SHOWN,
    VALUE,
    holdings_relation,
)


def compact_holdings(cursor: Cursor, manifest: LocalManifest, out: Path) -> int:
    """Write base and deltas as one base. Returns its rows."""
    rows = holdings_relation(manifest)
    return write_sorted(
        cursor,
        lambda span: f"SELECT {SHOWN} FROM {rows} AS rows WHERE {span.holds('k')} ORDER BY k",
        key_ranges([row_group_weights((*manifest.base, *manifest.deltas), "k")]),
        out,
        repetitive=REPETITIVE,
        metadata=format_metadata(FileFormat.HOLDINGS),
    )


def count_held(cursor: Cursor, manifest: LocalManifest) -> tuple[int, int]:
    """Count the keys that are held (yes or maybe). Returns their number, and how many of them are assumed (never sent)."""
    if not manifest.base and not manifest.deltas:
        return 0, 0
    row = fetch_one(
        cursor,
        f"""SELECT count(*) FILTER ({HELD}), count(*) FILTER ({HELD} AND sync IS NULL)
        FROM {holdings_relation(manifest)} AS rows""",
    )
    return int(row[0]), int(row[1])


def page_holdings(
    cursor: Cursor, manifest: LocalManifest, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """Read up to ``limit`` rows of the holdings, in the order of their keys.

    Returns ``{"position", "key", "key_type", "place", "member_id", "profile_id", "identity", "held", "assumed",
    "refused", "partner_id", "sync"}`` for each row. The next page begins ``after`` the last ``position``.
    """
    where = f"k > {sql_text(after)}" if after is not None else "true"
    return _shown(cursor, manifest, f"WHERE {where} ORDER BY k LIMIT {limit:d}")


def find_held(cursor: Cursor, manifest: LocalManifest, *sought: str) -> list[dict[str, Any]]:
    """Find up to 100 rows of the holdings by profiles or key values. Returns rows of the shape of ``page_holdings``."""
    where = f"WHERE {PROFILE} IN $sought OR {VALUE} IN $sought ORDER BY k LIMIT 100"
    return _shown(cursor, manifest, where, {"sought": list(sought)})


def _shown(
    cursor: Cursor, manifest: LocalManifest, rest: str, values: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    rows = cursor.execute(
        f"""SELECT k, key_type, place, member_id, profile_id, identity, held, fp1_refused, partner_id, sync
        FROM {holdings_relation(manifest)} AS rows {rest}""",
        values,
    ).fetchall()
    found = []
    for k, key_type, place, member, profile, identity, held, refused, partner, sync in rows:
        key = key_value(k, key_type, place)
        found.append(
            {
                "position": k,
                "key": key,
                "key_type": key_type or MEMBER,
                "place": place,
                "member_id": member or key,
                "profile_id": profile or member or key,
                "identity": orjson.loads(identity) if identity else {},
                "held": Held(held),
                "assumed": sync is None and held in {Held.YES, Held.MAYBE},
                "refused": refused is not None,
                "partner_id": partner,
                "sync": sync,
            }
        )
    return found


def find_profile(cursor: Cursor, outcomes: Sequence[Path], profile_id: str) -> list[dict[str, Any]]:
    """Find what outcomes say about a profile, by sync and key.

    Returns ``{"sync_number", "batch", "row", "kind", "disposition", "code", "message", "key", "key_type", "place", "identity",
    "held", "partner_id"}`` for each change. ``held`` None: the row of the holdings did not change.
    """
    if not outcomes:
        return []
    result = cursor.execute(
        f"""SELECT sync_number, batch, row, kind, disposition, code, message, {VALUE} AS key,
            coalesce(key_type, '{MEMBER}') AS key_type, place, identity, nullif(held, '{GONE}') AS held, partner_id
        FROM {stored_relation(outcomes)} WHERE {PROFILE} = $profile OR {VALUE} = $profile
        ORDER BY sync_number, k""",
        {"profile": profile_id},
    )
    columns = [column[0] for column in result.description or []]
    found = [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
    for entry in found:
        entry["identity"] = orjson.loads(entry["identity"]) if entry["identity"] else {}
    return found
