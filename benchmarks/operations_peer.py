"""The peer of benchmarks/operations.py: plain FastAPI and asyncpg with the statements that each operation needs."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import asyncpg
from fastapi import FastAPI, Request

SHOWN = 20  # entries of a page
_VIEW = """
SELECT a.*, s.row_count,
  (SELECT r.state FROM run r WHERE r.space_id = a.space_id AND r.audience_id = a.id ORDER BY r.id DESC LIMIT 1) AS run
FROM audience a LEFT JOIN snapshot s ON s.space_id = a.space_id
  AND s.id = coalesce(a.pinned_snapshot_id, a.current_snapshot_id)
WHERE a.space_id = $1"""
_ACTIVATION = """
SELECT a.*, r.config FROM activation a
JOIN activation_revision r ON r.space_id = a.space_id AND r.id = a.revision_id
WHERE a.space_id = $1 AND a.audience_id = $2 AND a.deleted_at IS NULL"""
_SYNC = "SELECT * FROM sync WHERE space_id = $1 AND activation_id = $2"
_EVENT = """
INSERT INTO audit_event (workspace_id, id, space_id, type, actor, resource_id, resource_type, resource_name)
SELECT s.workspace_id, gen_random_uuid()::text, s.id, 'Modified', 'bench', $2, 'audience', 'A' FROM space s WHERE s.id = $1"""

#: The statements of the peer by operation: s, a, t are the ids of space, audience and activation, n a new name.
STATEMENTS: dict[str, Sequence[tuple[str, str]]] = {
    "GET activation": ((_ACTIVATION + " AND a.id = $3", "sat"),),
    "GET audience": ((_VIEW + " AND a.id = $2", "sa"),),
    "GET audiences": (
        (_VIEW + f" ORDER BY a.created_at, a.id LIMIT {SHOWN + 1}", "s"),
        ("SELECT count(*) FROM audience WHERE space_id = $1", "s"),
    ),
    "GET activations": (
        ("SELECT id FROM audience WHERE space_id = $1 AND id = $2", "sa"),
        (_ACTIVATION + f" ORDER BY a.id LIMIT {SHOWN + 1}", "sa"),
        ("SELECT count(*) FROM activation WHERE space_id = $1 AND audience_id = $2", "sa"),
    ),
    "GET status": (
        ("SELECT * FROM activation WHERE space_id = $1 AND id = $2", "st"),
        (_SYNC + " AND state NOT IN ('complete', 'failed', 'cancelled', 'superseded')", "st"),
        (_SYNC + " AND revision_id IS NOT NULL ORDER BY number DESC LIMIT 1", "st"),
        (
            "SELECT max(number) FROM activation_revision WHERE space_id = $1 AND activation_id = $2",
            "st",
        ),
        (
            "SELECT revision_id FROM sync WHERE space_id = $1 AND activation_id = $2 AND state = 'complete' LIMIT 1",
            "st",
        ),
        (
            "SELECT h.* FROM held_place h JOIN held_place t ON t.workspace_id = h.workspace_id AND t.place = h.place "
            "WHERE h.space_id = $1 AND h.activation_id = $2",
            "st",
        ),
    ),
    "GET syncs": (
        ("SELECT * FROM activation WHERE space_id = $1 AND id = $2", "st"),
        (_SYNC + " ORDER BY id DESC LIMIT 201", "st"),
        ("SELECT count(*) FROM sync WHERE space_id = $1 AND activation_id = $2", "st"),
    ),
    "GET destinations": (
        (
            "SELECT space_id, id, slug, name, breaker, created_at FROM destination WHERE space_id = $1 ORDER BY id LIMIT 201",
            "s",
        ),
        ("SELECT count(*) FROM destination WHERE space_id = $1", "s"),
    ),
    "GET runs": (
        ("SELECT id FROM audience WHERE space_id = $1 AND id = $2", "sa"),
        (
            "SELECT * FROM run WHERE space_id = $1 AND audience_id = $2 ORDER BY id DESC LIMIT 201",
            "sa",
        ),
        ("SELECT count(*) FROM run WHERE space_id = $1 AND audience_id = $2", "sa"),
    ),
    "GET audit events": (
        (
            "SELECT * FROM audit_event WHERE workspace_id = (SELECT workspace_id FROM space WHERE id = $1) "
            "ORDER BY timestamp DESC, id DESC LIMIT 21",
            "s",
        ),
    ),
    "PATCH audience": (
        ("SELECT id FROM audience WHERE space_id = $1 AND id = $2 FOR NO KEY UPDATE", "sa"),
        (
            "UPDATE audience SET name = $3, updated_at = now() WHERE space_id = $1 AND id = $2",
            "san",
        ),
        (_EVENT, "sa"),
    ),
    "PATCH activation": (
        (_ACTIVATION + " AND a.id = $3 FOR NO KEY UPDATE OF a", "sat"),
        (
            "UPDATE activation SET name = $3, updated_at = now() WHERE space_id = $1 AND id = $2",
            "stn",
        ),
        (_EVENT, "st"),
    ),
    "POST activation": (
        ("SELECT id FROM audience WHERE space_id = $1 AND id = $2 FOR KEY SHARE", "sa"),
        (
            "SELECT * FROM destination_connection WHERE space_id = $1 AND audience_id = $2 FOR SHARE",
            "sa",
        ),
        (
            "INSERT INTO activation (space_id, id, audience_id, connection_id, destination_id, name, enabled, state, "
            "revision_id, options) SELECT space_id, $3, audience_id, id, destination_id, 'Spring', false, 'inactive', $3, "
            "'{}' FROM destination_connection WHERE space_id = $1 AND audience_id = $2",
            "san",
        ),
        (
            "INSERT INTO activation_source (space_id, activation_id, position, audience_id) VALUES ($1, $3, 0, $2)",
            "san",
        ),
        (
            "INSERT INTO activation_revision (space_id, id, activation_id, number, config, created_by) "
            "SELECT $1, $2, $2, 1, config, 'b' FROM activation_revision WHERE space_id = $1 AND activation_id = $3",
            "snt",
        ),
        (_EVENT, "sn"),
    ),
}


def bare() -> FastAPI:
    """Return the program to compare with: for each operation its statements, in a transaction if they write."""
    pool: asyncpg.Pool[asyncpg.Record] | None = None
    numbers = count()
    begun = time.time_ns()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        nonlocal pool
        pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=8)
        yield
        await pool.close()

    app = FastAPI(lifespan=lifespan)

    async def rows(connection: Any, name: str, request: Request) -> list[list[dict[str, Any]]]:
        new = f"n{begun}_{next(numbers)}"
        ids = {"n": new, **{key: request.query_params[key] for key in "sat"}}
        return [
            [dict(row) for row in await connection.fetch(sql, *(ids[key] for key in keys))]
            for sql, keys in STATEMENTS[name]
        ]

    @app.get("/{name}")
    async def read(name: str, request: Request) -> dict[str, Any]:
        assert pool is not None
        async with pool.acquire() as connection:
            return {"data": await rows(connection, name, request)}

    @app.post("/{name}")
    async def write(name: str, request: Request) -> dict[str, Any]:
        assert pool is not None
        await request.json()
        async with pool.acquire() as connection, connection.transaction():
            return {"data": await rows(connection, name, request)}

    return app
