"""Batches: the claim before a send, and the record after it."""

# ruff: noqa: S608  (SQL texts take nothing but the values of enums)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import DateTime, case, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.batch_states import BatchState
from app.domain.sync_states import SyncState
from app.storage.models import Activation, Attempt, Batch, Destination, Sync
from app.storage.repositories.due import batch_is_due, no_exit_is_left

_database_now = func.clock_timestamp(type_=DateTime(timezone=True))

# R12: fair over syncs; whoever was served longest ago comes first, and takes a few batches only. The sync's row is
# locked, so that superseding or closing one and claiming from it exclude each other.
_CANDIDATES = text(
    f"""
    SELECT s.space_id, s.id, d.breaker IS NOT NULL AS probing, s.kind = 'resync' AS resync,
      coalesce((s.spec ->> 'exitsFirst')::boolean, false) AS exits_first
    FROM sync s
    JOIN destination d ON d.space_id = s.space_id AND d.id = s.destination_id
    WHERE s.state IN ('{SyncState.PENDING}', '{SyncState.RUNNING}') AND s.closing IS NULL AND s.kind <> 'dry_run'
      AND (d.open_until IS NULL OR d.open_until < clock_timestamp())
      AND d.id <> ALL(:busy)
      AND (s.kind <> 'resync' OR (:resyncs > 0 AND d.id <> ALL(:filled)))
      AND EXISTS (
        SELECT FROM batch b
        WHERE b.space_id = s.space_id AND b.sync_id = s.id AND b.state <> '{BatchState.RECORDED}'
          AND ((b.state = '{BatchState.WAITING}' AND b.next_at <= clock_timestamp())
            OR (b.state = '{BatchState.SENDING}' AND b.lease_until < clock_timestamp()))
          AND (b.kind = 'exited' OR NOT coalesce((s.spec ->> 'exitsFirst')::boolean, false)
            OR NOT EXISTS (
              SELECT FROM batch e
              WHERE e.space_id = s.space_id AND e.sync_id = s.id AND e.state <> '{BatchState.RECORDED}'
                AND e.kind = 'exited')))
    ORDER BY s.kind = 'resync', s.last_claim_at NULLS FIRST, s.id
    LIMIT 16
    FOR UPDATE OF s SKIP LOCKED
    """
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A batch that is ours until its lease ends."""

    batch: Batch
    probing: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """A batch that was delivered: its receipts as JSON, and what of it was not taken."""

    batch: Batch
    receipts: str
    rejected: int
    skipped: int
    http_status: int | None
    vendor_request_id: str | None


# Both statements take columns as arrays: one round trip for any number of batches, each under its own fence.
_SETTLE = text(
    f"""
    UPDATE batch AS b
    SET state = '{BatchState.RECORDED}', receipts = v.receipts, rejected = v.rejected, skipped = v.skipped,
        delivered = b.row_count - v.rejected - v.skipped,
        failing_since = NULL, continuation = NULL, lease_owner = NULL, lease_until = NULL
    FROM unnest(CAST(:space_ids AS text[]), CAST(:sync_ids AS text[]), CAST(:numbers AS int[]),
                CAST(:tokens AS bigint[]), CAST(:receipts AS jsonb[]), CAST(:rejected AS bigint[]),
                CAST(:skipped AS bigint[]))
        AS v (space_id, sync_id, number, token, receipts, rejected, skipped)
    WHERE b.space_id = v.space_id AND b.sync_id = v.sync_id AND b.number = v.number
      AND b.lease_token = v.token AND b.state = '{BatchState.SENDING}'
    """
)
_END_ATTEMPTS = text(
    f"""
    UPDATE attempt AS a
    SET ended_at = clock_timestamp(), outcome = 'delivered', http_status = v.http_status,
        vendor_request_id = v.vendor_request_id
    FROM unnest(CAST(:space_ids AS text[]), CAST(:sync_ids AS text[]), CAST(:numbers AS int[]),
                CAST(:attempts AS int[]), CAST(:tokens AS bigint[]), CAST(:statuses AS int[]),
                CAST(:requests AS text[]))
        AS v (space_id, sync_id, number, n, token, http_status, vendor_request_id)
    JOIN batch AS b USING (space_id, sync_id, number)
    WHERE a.space_id = v.space_id AND a.sync_id = v.sync_id AND a.number = v.number AND a.n = v.n
      AND b.lease_token = v.token AND b.state = '{BatchState.RECORDED}'
    """
)
_RENEW = text(
    f"""
    UPDATE batch AS b SET lease_until = clock_timestamp() + :lease
    FROM unnest(CAST(:space_ids AS text[]), CAST(:sync_ids AS text[]), CAST(:numbers AS int[]),
                CAST(:tokens AS bigint[])) AS v (space_id, sync_id, number, token)
    WHERE b.space_id = v.space_id AND b.sync_id = v.sync_id AND b.number = v.number
      AND b.lease_token = v.token AND b.state = '{BatchState.SENDING}'
    RETURNING b.space_id, b.sync_id, b.number
    """
)
_GIVE_BACK = text(
    f"""
    WITH back AS (
        UPDATE batch AS b
        SET state = '{BatchState.WAITING}', attempts = b.attempts - 1, lease_owner = NULL, lease_until = NULL
        FROM unnest(CAST(:space_ids AS text[]), CAST(:sync_ids AS text[]), CAST(:numbers AS int[]),
                    CAST(:tokens AS bigint[])) AS v (space_id, sync_id, number, token)
        WHERE b.space_id = v.space_id AND b.sync_id = v.sync_id AND b.number = v.number
          AND b.lease_token = v.token AND b.state = '{BatchState.SENDING}'
        RETURNING b.space_id, b.sync_id, b.number, b.attempts)
    DELETE FROM attempt AS a USING back
    WHERE a.space_id = back.space_id AND a.sync_id = back.sync_id AND a.number = back.number
      AND a.n = back.attempts + 1
    """
)


class BatchRepository:
    """All queries about single batches."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def claim(
        self,
        *,
        owner: str,
        lease: timedelta,
        limit: int,
        busy: Sequence[str] = (),
        filled: Sequence[str] = (),
        resyncs: int | None = None,
    ) -> list[Claimed]:
        """Take up to ``limit`` due batches, write their attempts (R8) and mark their syncs as running.

        ``busy`` are accounts that already have as many calls in flight here as they may, ``filled`` those of which no
        more of a resync is wanted, ``resyncs`` how many batches of resyncs may be among them (None: all). Resyncs
        come after everything else.
        """
        left = limit if resyncs is None else resyncs
        values = {"busy": list(busy), "filled": list(filled), "resyncs": left}
        candidates = (await self.session.execute(_CANDIDATES, values)).all()
        claimed: list[Claimed] = []
        share = max(2, limit // max(1, len(candidates)))
        for space_id, sync_id, probing, resync, exits_first in candidates:
            room = min(limit - len(claimed), 1 if probing else share, left if resync else limit)
            if room <= 0:
                break
            if probing and not await self._hold_others_off(space_id, sync_id, lease):
                continue
            batches = await self._take(space_id, sync_id, owner, lease, room, exits_first)
            claimed.extend(Claimed(batch, probing) for batch in batches)
            left -= len(batches) if resync else 0
        if claimed:
            await self._write_attempts([item.batch for item in claimed], owner)
        return claimed

    async def _take(
        self,
        space_id: str,
        sync_id: str,
        owner: str,
        lease: timedelta,
        limit: int,
        exits_first: bool,
    ) -> Sequence[Batch]:
        due = (
            select(Batch.number, Batch.state)
            .where(Batch.space_id == space_id, Batch.sync_id == sync_id, batch_is_due())
            .order_by(Batch.priority, Batch.number)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        if exits_first:
            due = due.where(no_exit_is_left())
        rows = (await self.session.execute(due)).all()
        if not rows:
            return []
        taken_over = any(state == BatchState.SENDING for _, state in rows)
        statement = (
            update(Batch)
            .where(
                Batch.space_id == space_id,
                Batch.sync_id == sync_id,
                Batch.number.in_([number for number, _ in rows]),
            )
            .values(
                # Whoever had it before may have sent it: nobody will ever know (R8).
                ambiguous=case((Batch.state == BatchState.SENDING, True), else_=Batch.ambiguous),
                state=BatchState.SENDING,
                attempts=Batch.attempts + 1,
                lease_owner=owner,
                lease_token=Batch.lease_token + 1,
                lease_until=_database_now + lease,
            )
            .returning(Batch)
            .execution_options(populate_existing=True)
        )
        batches = sorted(await self.session.scalars(statement), key=lambda batch: batch.number)
        values: dict[str, Any] = {
            "state": SyncState.RUNNING,
            "started_at": func.coalesce(Sync.started_at, _database_now),
            "last_claim_at": _database_now,
        }
        if taken_over:
            values["last_unknown_at"] = _database_now
        await self.session.execute(
            update(Sync)
            .where(Sync.space_id == space_id, Sync.id == sync_id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )
        return batches

    async def _hold_others_off(self, space_id: str, sync_id: str, lease: timedelta) -> bool:
        """While a probe of a half-open breaker is under way, nobody else calls that account (R22).

        False where somebody else, or another sync of the account, has the probe.
        """
        account = (
            select(Sync.destination_id)
            .where(Sync.space_id == space_id, Sync.id == sync_id)
            .scalar_subquery()
        )
        held = await self.session.scalars(
            update(Destination)
            .where(
                Destination.space_id == space_id,
                Destination.id == account,
                or_(Destination.open_until.is_(None), Destination.open_until < _database_now),
            )
            .values(open_until=_database_now + lease)
            .returning(Destination.id)
            .execution_options(synchronize_session=False)
        )
        return held.first() is not None

    async def _write_attempts(self, batches: Sequence[Batch], owner: str) -> None:
        await self.session.execute(
            insert(Attempt),
            [
                {
                    "space_id": batch.space_id,
                    "sync_id": batch.sync_id,
                    "number": batch.number,
                    "n": batch.attempts,
                    "lease_token": batch.lease_token,
                    "worker": owner,
                }
                for batch in batches
            ],
        )

    async def renew(self, batches: Sequence[Batch], lease: timedelta) -> set[tuple[str, str, int]]:
        """Keep the leases; those that are lost stay lost. Answers space, sync and number of those that are kept."""
        if not batches:
            return set()
        kept = await self.session.execute(_RENEW, {**_places(batches), "lease": lease})
        return {(row.space_id, row.sync_id, row.number) for row in kept}

    async def give_back(self, batches: Sequence[Batch]) -> None:
        """Return batches whose send was never begun: their attempt did not happen."""
        await self.session.execute(_GIVE_BACK, _places(batches))

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Write receipts and the ends of attempts; a batch whose lease was lost is left to its new owner."""
        places = _places([item.batch for item in settled])
        await self.session.execute(
            _SETTLE,
            {
                **places,
                "receipts": [item.receipts for item in settled],
                "rejected": [item.rejected for item in settled],
                "skipped": [item.skipped for item in settled],
            },
        )
        await self.session.execute(
            _END_ATTEMPTS,
            {
                **places,
                "attempts": [item.batch.attempts for item in settled],
                "statuses": [item.http_status for item in settled],
                "requests": [item.vendor_request_id for item in settled],
            },
        )

    async def record(
        self,
        batch: Batch,
        *,
        values: dict[str, Any],
        wait: timedelta | None,
        attempt: dict[str, Any],
        failing: bool,
    ) -> bool:
        """Write what became of an attempt, under its fence; False where the lease was lost: then nothing is written."""
        if wait is not None:
            values["next_at"] = _database_now + wait
        if failing:
            values["failing_since"] = func.coalesce(Batch.failing_since, _database_now)
        statement = (
            update(Batch)
            .where(
                Batch.space_id == batch.space_id,
                Batch.sync_id == batch.sync_id,
                Batch.number == batch.number,
                Batch.lease_token == batch.lease_token,
                Batch.state == BatchState.SENDING,
            )
            .values(lease_owner=None, lease_until=None, **values)
            .returning(Batch.number)
            .execution_options(synchronize_session=False)
        )
        if (await self.session.scalar(statement)) is None:
            return False
        await self.session.execute(
            update(Attempt)
            .where(
                Attempt.space_id == batch.space_id,
                Attempt.sync_id == batch.sync_id,
                Attempt.number == batch.number,
                Attempt.n == batch.attempts,
            )
            .values(ended_at=_database_now, **attempt)
            .execution_options(synchronize_session=False)
        )
        return True

    async def take_from_senders(self, space_id: str, sync_id: str) -> int:
        """Take the batches of a sync from senders whose lease has ended: nobody will know what became of them."""
        statement = (
            update(Batch)
            .where(
                Batch.space_id == space_id,
                Batch.sync_id == sync_id,
                Batch.state == BatchState.SENDING,
                Batch.lease_until < _database_now,
            )
            .values(
                state=BatchState.WAITING,
                ambiguous=True,
                lease_token=Batch.lease_token + 1,
                lease_owner=None,
                lease_until=None,
            )
            .returning(Batch.number)
            .execution_options(synchronize_session=False)
        )
        return len((await self.session.scalars(statement)).all())

    async def mark_unknown(self, space_id: str, sync_id: str) -> None:
        """An attempt went out and nobody knows what became of it: the settle time begins (R11)."""
        await self.session.execute(
            update(Sync)
            .where(Sync.space_id == space_id, Sync.id == sync_id)
            .values(last_unknown_at=_database_now)
            .execution_options(synchronize_session=False)
        )

    async def failing(self, space_id: str, activation_id: str, *, failing: bool) -> None:
        """Remember since when an activation only fails, or that it no longer does."""
        value = func.coalesce(Activation.failing_since, _database_now) if failing else None
        await self.session.execute(
            update(Activation)
            .where(
                Activation.space_id == space_id,
                Activation.id == activation_id,
                Activation.failing_since.is_(None)
                if failing
                else Activation.failing_since.is_not(None),
            )
            .values(failing_since=value)
            .execution_options(synchronize_session=False)
        )


def _places(batches: Sequence[Batch]) -> dict[str, Any]:
    """Where batches stand and under which fence, as columns."""
    return {
        "space_ids": [batch.space_id for batch in batches],
        "sync_ids": [batch.sync_id for batch in batches],
        "numbers": [batch.number for batch in batches],
        "tokens": [batch.lease_token for batch in batches],
    }
