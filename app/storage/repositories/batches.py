"""Batches and their attempts: the claim before a call, and the record after it."""

# ruff: noqa: S608  (the SQL texts take values of enums only)

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.domain.batch_states import BatchState
from app.storage.models import Attempt, Batch
from app.storage.repositories.base import DATABASE_NOW
from app.storage.repositories.batch_counts import (
    SUSPECT,
    Claimed,
    Kept,
    Recorded,
    batch_columns,
    call_columns,
)
from app.storage.repositories.batch_reads import BatchReads
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.due import batch_is_due, no_exit_is_left, owners_are_recorded
from app.storage.repositories.syncs import Candidate, SyncRepository

# These statements take columns as arrays: one round trip for any number of batches, each with its lease token. ``held``
# locks their rows in the order of rule R7: an UPDATE of many rows locks them in the order of its plan.
_HELD = """
    held AS (
        SELECT b.space_id, b.sync_id, b.number
        FROM batch AS b JOIN unnest(CAST(:space_ids AS text[]), CAST(:sync_ids AS text[]), CAST(:numbers AS int[]))
            AS h (space_id, sync_id, number) USING (space_id, sync_id, number)
        ORDER BY b.space_id, b.sync_id, b.number
        FOR NO KEY UPDATE OF b)
"""
_RECORD = text(
    f"""
    WITH {_HELD}
    UPDATE batch AS b
    SET state = '{BatchState.RECORDED}', receipts = v.receipts, rejected = v.rejected, skipped = v.skipped,
        delivered = b.row_count - v.rejected - v.skipped - v.unknown,
        failing_since = NULL, continuation = NULL, progress = NULL, lease_owner = NULL, lease_until = NULL
    FROM unnest(CAST(:space_ids AS text[]), CAST(:sync_ids AS text[]), CAST(:numbers AS int[]),
                CAST(:tokens AS bigint[]), CAST(:receipts AS jsonb[]), CAST(:rejected AS bigint[]),
                CAST(:skipped AS bigint[]), CAST(:unknown AS bigint[]))
        AS v (space_id, sync_id, number, token, receipts, rejected, skipped, unknown)
    JOIN held USING (space_id, sync_id, number)
    WHERE b.space_id = v.space_id AND b.sync_id = v.sync_id AND b.number = v.number
      AND b.lease_token = v.token AND b.state = '{BatchState.SENDING}'
    """
)
_END_ATTEMPTS = text(
    f"""
    UPDATE attempt AS a
    SET ended_at = clock_timestamp(), outcome = v.outcome, http_status = v.http_status,
        vendor_request_id = v.vendor_request_id, error = v.error,
        calls = v.calls, calls_delivered = v.delivered, calls_failed = v.failed
    FROM unnest(CAST(:space_ids AS text[]), CAST(:sync_ids AS text[]), CAST(:numbers AS int[]),
                CAST(:attempts AS int[]), CAST(:tokens AS bigint[]), CAST(:statuses AS int[]),
                CAST(:requests AS text[]), CAST(:outcomes AS text[]), CAST(:errors AS text[]),
                CAST(:calls AS int[]), CAST(:delivered AS int[]), CAST(:failed AS int[]))
        AS v (space_id, sync_id, number, n, token, http_status, vendor_request_id, outcome, error, calls, delivered, failed)
    JOIN batch AS b USING (space_id, sync_id, number)
    WHERE a.space_id = v.space_id AND a.sync_id = v.sync_id AND a.number = v.number AND a.n = v.n
      AND b.lease_token = v.token AND b.state = '{BatchState.RECORDED}'
    """
)
# Also returns whether no further call may be made: the sync is being closed, or the breaker of its account is open.
_KEEP = text(
    f"""
    WITH {_HELD}
    UPDATE batch AS b
    SET progress = v.progress, receipts = v.receipts, delivered = v.delivered, rejected = v.rejected, skipped = v.skipped
    FROM unnest(CAST(:space_ids AS text[]), CAST(:sync_ids AS text[]), CAST(:numbers AS int[]),
                CAST(:tokens AS bigint[]), CAST(:progress AS jsonb[]), CAST(:receipts AS jsonb[]),
                CAST(:delivered AS bigint[]), CAST(:rejected AS bigint[]), CAST(:skipped AS bigint[]))
        AS v (space_id, sync_id, number, token, progress, receipts, delivered, rejected, skipped)
    JOIN held USING (space_id, sync_id, number)
    JOIN sync AS s ON s.space_id = v.space_id AND s.id = v.sync_id
    JOIN destination AS d ON d.space_id = s.space_id AND d.id = s.destination_id
    WHERE b.space_id = v.space_id AND b.sync_id = v.sync_id AND b.number = v.number
      AND b.lease_token = v.token AND b.state = '{BatchState.SENDING}'
    RETURNING b.space_id, b.sync_id, b.number,
        s.closing IS NOT NULL OR coalesce(d.open_until > clock_timestamp(), false) AS is_halted
    """
)
_RENEW = text(
    f"""
    WITH {_HELD}
    UPDATE batch AS b SET lease_until = clock_timestamp() + :lease
    FROM unnest(CAST(:space_ids AS text[]), CAST(:sync_ids AS text[]), CAST(:numbers AS int[]),
                CAST(:tokens AS bigint[])) AS v (space_id, sync_id, number, token)
    JOIN held USING (space_id, sync_id, number)
    WHERE b.space_id = v.space_id AND b.sync_id = v.sync_id AND b.number = v.number
      AND b.lease_token = v.token AND b.state = '{BatchState.SENDING}'
    RETURNING b.space_id, b.sync_id, b.number
    """
)
_GIVE_BACK = text(
    f"""
    WITH {_HELD}, back AS (
        UPDATE batch AS b
        SET state = '{BatchState.WAITING}', attempts = b.attempts - 1, lease_owner = NULL, lease_until = NULL
        FROM unnest(CAST(:space_ids AS text[]), CAST(:sync_ids AS text[]), CAST(:numbers AS int[]),
                    CAST(:tokens AS bigint[])) AS v (space_id, sync_id, number, token)
        JOIN held USING (space_id, sync_id, number)
        WHERE b.space_id = v.space_id AND b.sync_id = v.sync_id AND b.number = v.number
          AND b.lease_token = v.token AND b.state = '{BatchState.SENDING}'
        RETURNING b.space_id, b.sync_id, b.number, b.attempts)
    DELETE FROM attempt AS a USING back
    WHERE a.space_id = back.space_id AND a.sync_id = back.sync_id AND a.number = back.number
      AND a.n = back.attempts + 1
    """
)


class BatchRepository(BatchReads):
    """Tables ``batch`` and ``attempt``. The state of a batch changes here only."""

    # Claims and leases

    async def claim(
        self,
        *,
        owner: str,
        lease: timedelta,
        limit: int,
        busy: Sequence[str] = (),
        filled: Sequence[str] = (),
        resyncs: int | None = None,
        suspects: bool = False,
    ) -> list[Claimed]:
        """Claim due batches of about ``limit`` calls, insert their attempts (R8) and mark their syncs as running.

        ``busy`` are destinations that have as many calls in flight in this worker as they may, ``filled`` those of
        which no more batches of resyncs are wanted, ``resyncs`` is the maximum number of calls of resyncs (None:
        ``limit``). Resyncs come last. ``suspects``: only batches that may be what ends workers, else only all others.
        """
        left, taken = limit if resyncs is None else resyncs, 0
        candidates = await SyncRepository(self.session).lock_candidates(
            busy=busy, filled=filled, resyncs=left, suspects=suspects
        )
        claimed: list[Claimed] = []
        share = max(2, limit // max(1, len(candidates)))
        for sync in candidates:
            room = min(limit - taken, 1 if sync.probing else share, left if sync.resync else limit)
            if room <= 0:
                break
            if sync.probing and not await DestinationRepository(self.session).begin_probe(
                sync.space_id, sync.sync_id, lease
            ):
                continue
            most = -(-room // sync.batch_calls)
            batches = await self._take(sync, owner, lease, most, suspects=suspects)
            claimed.extend(Claimed(batch, sync.probing) for batch in batches)
            taken += len(batches) * sync.batch_calls
            left -= len(batches) * sync.batch_calls if sync.resync else 0
        if claimed:
            await self._write_attempts([item.batch for item in claimed], owner)
        return claimed

    async def _take(
        self, sync: Candidate, owner: str, lease: timedelta, limit: int, *, suspects: bool
    ) -> Sequence[Batch]:
        due = (
            select(Batch.number, Batch.state)
            .where(Batch.space_id == sync.space_id, Batch.sync_id == sync.sync_id, batch_is_due())
            .where(Batch.lost_leases >= SUSPECT if suspects else Batch.lost_leases < SUSPECT)
            .order_by(Batch.priority, Batch.number)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
        )
        if sync.exits_first:
            due = due.where(no_exit_is_left())
        if sync.owners_until:
            due = due.where(owners_are_recorded(sync.owners_until))
        rows = (await self.session.execute(due)).all()
        if not rows:
            return []
        statement = (
            update(Batch)
            .where(
                Batch.space_id == sync.space_id,
                Batch.sync_id == sync.sync_id,
                Batch.number.in_([number for number, _ in rows]),
            )
            .values(
                # The worker whose lease expired may have sent it: the result stays unknown (R8).
                ambiguous=case((Batch.state == BatchState.SENDING, True), else_=Batch.ambiguous),
                lost_leases=case(
                    (Batch.state == BatchState.SENDING, Batch.lost_leases + 1),
                    else_=Batch.lost_leases,
                ),
                state=BatchState.SENDING,
                attempts=Batch.attempts + 1,
                lease_owner=owner,
                lease_token=Batch.lease_token + 1,
                lease_until=DATABASE_NOW + lease,
            )
            .returning(Batch)
            .execution_options(populate_existing=True)
        )
        batches = sorted(await self.session.scalars(statement), key=lambda batch: batch.number)
        await SyncRepository(self.session).mark_claimed(
            sync.space_id,
            sync.sync_id,
            taken_over=any(state == BatchState.SENDING for _, state in rows),
        )
        return batches

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
        """Extend leases. Returns space, sync and number of the batches whose lease was not lost."""
        if not batches:
            return set()
        kept = await self.session.execute(_RENEW, {**batch_columns(batches), "lease": lease})
        return {(row.space_id, row.sync_id, row.number) for row in kept}

    async def give_back(self, batches: Sequence[Batch]) -> None:
        """Return batches whose call was not started, and delete their attempts."""
        await self.session.execute(_GIVE_BACK, batch_columns(batches))

    async def report_alive(self, batch: Batch) -> None:
        """Do not count the loss of this lease: its worker is alive. The next worker's claim may have counted it."""
        had_it = (Batch.lease_token >= batch.lease_token, Batch.state == BatchState.SENDING)
        statement = update(Batch).where(*_row(batch), *had_it)
        await self._write(statement.values(lost_leases=Batch.lost_leases - 1))

    # Results

    async def keep(self, kept: Sequence[Kept]) -> dict[tuple[str, str, int], bool]:
        """Write the progress of batches whose calls go on.

        Returns, by space, sync and number, whether the calls of a batch must stop. A batch whose lease was lost is missing.
        """
        unknown = {(item.batch.space_id, item.batch.sync_id) for item in kept if item.is_unknown}
        for space_id, sync_id in sorted(unknown):
            await SyncRepository(self.session).mark_unknown(space_id, sync_id)
        rows = await self.session.execute(
            _KEEP,
            {
                **batch_columns([item.batch for item in kept]),
                "progress": [item.progress for item in kept],
                "receipts": [item.receipts for item in kept],
                "delivered": [item.delivered for item in kept],
                "rejected": [item.rejected for item in kept],
                "skipped": [item.skipped for item in kept],
            },
        )
        return {(row.space_id, row.sync_id, row.number): row.is_halted for row in rows}

    async def record(self, recorded: Sequence[Recorded]) -> None:
        """Write receipts and end attempts. A batch whose lease was lost is left to its new owner."""
        columns = batch_columns([item.batch for item in recorded])
        await self.session.execute(
            _RECORD,
            {
                **columns,
                "receipts": [item.receipts for item in recorded],
                "rejected": [item.rejected for item in recorded],
                "skipped": [item.skipped for item in recorded],
                "unknown": [item.unknown for item in recorded],
            },
        )
        await self.session.execute(
            _END_ATTEMPTS,
            {
                **columns,
                "attempts": [item.batch.attempts for item in recorded],
                "statuses": [item.http_status for item in recorded],
                "requests": [item.vendor_request_id for item in recorded],
                "outcomes": [item.outcome for item in recorded],
                "errors": [item.error for item in recorded],
                **call_columns(recorded),
            },
        )

    async def put_back(
        self,
        batch: Batch,
        *,
        wait: timedelta | None,
        attempt: dict[str, Any],
        failing: bool,
        **values: Any,
    ) -> bool:
        """Let a batch wait for its next attempt, and end this one. Returns False if the lease was lost.

        ``attempt`` holds columns of the attempt, ``values`` those of the batch; with ``failing`` the batch counts as
        failing from now on. If the lease was lost, nothing is written.
        """
        values |= {"state": BatchState.WAITING, "lost_leases": 0}
        if wait is not None:
            values["next_at"] = DATABASE_NOW + wait
        if failing:
            values["failing_since"] = func.coalesce(Batch.failing_since, DATABASE_NOW)
        statement = (
            update(Batch)
            .where(
                *_row(batch),
                Batch.lease_token == batch.lease_token,
                Batch.state == BatchState.SENDING,
            )
            .values(lease_owner=None, lease_until=None, **values)
        )
        if not await self._write(statement):
            return False
        await self._write(
            update(Attempt)
            .where(
                Attempt.space_id == batch.space_id,
                Attempt.sync_id == batch.sync_id,
                Attempt.number == batch.number,
                Attempt.n == batch.attempts,
            )
            .values(ended_at=DATABASE_NOW, **attempt)
        )
        return True

    async def forget_call(self, batch: Batch) -> None:
        """Forget the call that a batch of an ended sync left with the partner. Until now it may have been applied."""
        await self._write(update(Batch).where(*_row(batch)).values(continuation=None))
        await SyncRepository(self.session).mark_unknown(batch.space_id, batch.sync_id)

    async def ask_later(self, batch: Batch, wait: timedelta) -> bool:
        """Let a call that was left with the partner be asked about after ``wait``. Returns False if another worker has."""
        statement = update(Batch).where(*_row(batch), Batch.next_at == batch.next_at)
        return await self._write(statement.values(next_at=DATABASE_NOW + wait)) > 0

    async def take_from_senders(self, space_id: str, sync_id: str) -> int:
        """Let batches of a sync whose lease has expired wait, with an unknown result. Returns their number."""
        statement = (
            update(Batch)
            .where(
                Batch.space_id == space_id,
                Batch.sync_id == sync_id,
                Batch.state == BatchState.SENDING,
                Batch.lease_until < DATABASE_NOW,
            )
            .values(
                state=BatchState.WAITING,
                ambiguous=True,
                lease_token=Batch.lease_token + 1,
                lease_owner=None,
                lease_until=None,
            )
        )
        return await self._write(statement)

    # Removal

    async def drop(self, space_id: str, sync_id: str) -> None:
        """Delete the batches of a sync that has sent nothing."""
        await self.session.execute(
            delete(Batch).where(Batch.space_id == space_id, Batch.sync_id == sync_id)
        )

    async def forget(self, space_id: str, sync_id: str, most: int) -> int:
        """Delete up to ``most`` batches of a sync with their attempts. Returns their number."""
        of_it = (Batch.space_id == space_id, Batch.sync_id == sync_id)
        some = select(Batch.number).where(*of_it).limit(most)
        return await self._write(delete(Batch).where(*of_it, Batch.number.in_(some)))

    async def forget_attempts(self, age: timedelta) -> int:
        """Delete attempts that began longer than ``age`` ago. Returns their number."""
        return await self._write(
            delete(Attempt).where(Attempt.started_at < func.clock_timestamp() - age)
        )


def _row(batch: Batch) -> tuple[ColumnElement[bool], ...]:
    return (
        Batch.space_id == batch.space_id,
        Batch.sync_id == batch.sync_id,
        Batch.number == batch.number,
    )
