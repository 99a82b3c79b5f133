"""How many rows a piece of work reads, before it is claimed: large work must not take the slots of small work."""

from __future__ import annotations

import asyncpg

# The rows of the upload and of the current snapshot. A definition counts as large: how long it takes is not known.
_RUN = """
    SELECT CASE WHEN r.kind = 'definition' THEN 9223372036854775807
        ELSE coalesce((r.input #>> '{stats,rows}')::bigint, 0) + coalesce(s.row_count, 0) END
    FROM run r JOIN audience a ON a.space_id = r.space_id AND a.id = r.audience_id
        LEFT JOIN snapshot s ON s.space_id = a.space_id AND s.id = a.current_snapshot_id
    WHERE r.space_id = $1 AND r.id = $2
"""
_SYNC = """
    SELECT v.held + (SELECT coalesce(sum(s.row_count), 0) FROM activation_source o
            JOIN audience a ON a.space_id = o.space_id AND a.id = o.audience_id
            JOIN snapshot s ON s.space_id = a.space_id AND s.id = coalesce(a.pinned_snapshot_id, a.current_snapshot_id)
        WHERE o.space_id = v.space_id AND o.activation_id = v.id)
    FROM sync y JOIN activation v ON v.space_id = y.space_id AND v.id = y.activation_id
    WHERE y.space_id = $1 AND y.id = $2
"""


async def rows_of_run(pool: asyncpg.Pool[asyncpg.Record], space_id: str, run_id: str) -> int:
    """Return how many rows a run reads, 0 if there is no such run. Example: 2 for a patch of an audience of two."""
    return int(await pool.fetchval(_RUN, space_id, run_id) or 0)


async def rows_of_sync(pool: asyncpg.Pool[asyncpg.Record], space_id: str, sync_id: str) -> int:
    """Return how many rows the plan of a sync reads, wanted and held; 0 if there is no such sync."""
    return int(await pool.fetchval(_SYNC, space_id, sync_id) or 0)
