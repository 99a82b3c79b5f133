"""What the database says, asked past the proxy: who works on what, what is left, and whether the counts add up."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

_BUSY = """
SELECT lease_owner FROM batch WHERE state = 'sending' AND lease_until > clock_timestamp()
UNION ALL SELECT lease_owner FROM sync WHERE lease_until > clock_timestamp() AND lease_owner IS NOT NULL
UNION ALL SELECT lease_owner FROM run WHERE lease_until > clock_timestamp() AND lease_owner IS NOT NULL
"""
_PATCHES_OF = (
    "SELECT id FROM run WHERE lease_owner LIKE $1 AND state = 'running' AND kind = 'patch'"
)
_OVERTAKEN = """
SELECT count(*) FROM run JOIN run AS later USING (space_id, audience_id)
WHERE run.id = ANY($1::text[]) AND run.state = 'complete' AND later.state = 'complete' AND later.created_at > run.created_at
"""
_LEFT = """
SELECT 'run ' || id || ' ' || state FROM run WHERE state IN ('new', 'running')
UNION ALL SELECT 'sync ' || id || ' ' || state || coalesce(' ' || (error ->> 'message'), '')
    FROM sync WHERE state IN ('new', 'pending', 'held', 'running')
UNION ALL SELECT 'patch of ' || audience_id FROM member_patch
"""
_FAILED = """
SELECT 'run ' || id || ' failed: ' || coalesce(error::text, '') FROM run WHERE state = 'failed'
UNION ALL SELECT 'sync ' || id || ' failed: ' || coalesce(error::text, '') FROM sync WHERE state = 'failed'
UNION ALL SELECT 'activation ' || name || ' is ' || state || coalesce(last_error::text, '')
    FROM activation WHERE state <> 'active'
"""
# Each change of a complete sync is delivered, rejected or skipped. Of a cancelled one, some are pending.
_UNCOUNTED = """
SELECT 'sync ' || id || ' ' || state || ' of ' || entered + exited + updated || ': ' || delivered || ' delivered, ' ||
    rejected || ' rejected, ' || skipped || ' skipped' FROM sync
WHERE state IN ('complete', 'cancelled', 'failed') AND kind <> 'dry_run' AND
    (delivered + rejected + skipped > entered + exited + updated OR rejected > 0 OR skipped > 0
     OR (state = 'complete' AND delivered < entered + exited + updated))
"""
_TAKEN_OVER = """
SELECT (SELECT count(*) FROM attempt WHERE ended_at IS NULL) + (SELECT sum(lost_leases) FROM sync)
    + (SELECT count(*) FROM run WHERE attempts > 1)
"""
# The last one: the connection ended while a statement was prepared.
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_SYNCS = "SELECT state || ' ' || count(*) FROM sync GROUP BY state"


class Observer:
    """Asks the database. A question waits while the server is being started."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def ask(self, query: str, *arguments: Any) -> list[Any]:
        """Return the first column."""
        for _ in range(200):
            try:
                connection = await asyncpg.connect(self.url, timeout=5)
                try:
                    return [row[0] for row in await connection.fetch(query, *arguments)]
                finally:
                    await connection.close(timeout=5)
            except _AWAY:
                await asyncio.sleep(0.1)
        raise RuntimeError("PostgreSQL does not answer")

    async def busy(self) -> list[int]:
        """Return the pid of each worker that holds a lease now, once for each lease."""
        return [int(owner.split(":")[1]) for owner in await self.ask(_BUSY) if owner]

    async def patches_of(self, pid: int) -> list[str]:
        """Return the ids of the runs of patches that a worker holds."""
        return await self.ask(_PATCHES_OF, f"%:{pid}:%")

    async def is_overtaken(self, runs: list[str]) -> bool:
        """Return whether a run has been made complete, and after it another of its audience."""
        return bool((await self.ask(_OVERTAKEN, runs))[0])

    async def left(self) -> list[str]:
        """Return what is not finished."""
        return await self.ask(_LEFT)

    async def failed(self) -> list[str]:
        """Return what has failed for good."""
        return await self.ask(_FAILED)

    async def uncounted(self) -> list[str]:
        """Return the syncs whose counts do not add up."""
        return await self.ask(_UNCOUNTED)

    async def takeovers(self) -> int:
        """Return how often work whose worker was lost was taken over."""
        return int((await self.ask(_TAKEN_OVER))[0] or 0)

    async def syncs(self) -> list[str]:
        """Return the number of syncs by state."""
        return await self.ask(_SYNCS)
