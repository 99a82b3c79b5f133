"""Syncs of activations: reads, leases, and what the delivery of batches writes."""

# ruff: noqa: S608  (the SQL text takes values of enums only)

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Double,
    Select,
    Update,
    case,
    cast,
    delete,
    exists,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute

from app.domain.batch_states import BatchState
from app.domain.sync_states import SyncKind, SyncState
from app.storage.models import ASIDE_KINDS, DUE_AT, OPEN_STATES, Sync
from app.storage.repositories.base import DATABASE_NOW, Lock, Repository
from app.storage.repositories.batch_counts import SUSPECT
from app.storage.repositories.built import built
from app.storage.repositories.due import is_free

ENDED_STATES = (
    SyncState.COMPLETE,
    SyncState.FAILED,
    SyncState.CANCELLED,
)  # a superseded sync has sent nothing

_TIMES = 500  # syncs of an activation whose times are compared

# OFFSET 0 keeps PostgreSQL from joining all due batches: it looks up one of each sync.
_CANDIDATES = f"""
    SELECT s.space_id, s.id, d.breaker IS NOT NULL AS probing, s.kind = 'resync' AS resync,
      coalesce((s.spec ->> 'exitsFirst')::boolean, false) AS exits_first,
      coalesce((s.spec ->> 'ownersUntil')::bigint, 0) AS owners_until,
      coalesce(ceil((s.spec ->> 'calls')::numeric / nullif(s.batches, 0)), 1)::int AS batch_calls
    FROM sync s
    JOIN destination d ON d.space_id = s.space_id AND d.id = s.destination_id
    WHERE s.state IN ('{SyncState.PENDING}', '{SyncState.RUNNING}') AND s.closing IS NULL AND s.kind <> 'dry_run'
      AND (d.open_until IS NULL OR d.open_until < clock_timestamp())
      AND d.id <> ALL(:busy)
      AND (s.kind <> 'resync' OR (:resyncs > 0 AND d.id <> ALL(:filled)))
      AND EXISTS (
        SELECT FROM batch b
        WHERE b.space_id = s.space_id AND b.sync_id = s.id AND b.state <> '{BatchState.RECORDED}'
          AND {DUE_AT.format("b")} <= statement_timestamp()
          AND b.lost_leases %s {SUSPECT}
          AND (b.kind = 'exited' OR NOT coalesce((s.spec ->> 'exitsFirst')::boolean, false)
            OR NOT EXISTS (
              SELECT FROM batch e
              WHERE e.space_id = s.space_id AND e.sync_id = s.id AND e.state <> '{BatchState.RECORDED}'
                AND e.kind = 'exited'))
          AND (coalesce((s.spec ->> 'ownersUntil')::bigint, 0) = 0
            OR b.first_row < (s.spec ->> 'ownersUntil')::bigint
            OR NOT EXISTS (
              SELECT FROM batch o
              WHERE o.space_id = s.space_id AND o.sync_id = s.id AND o.state <> '{BatchState.RECORDED}'
                AND o.kind = 'entered' AND o.first_row < coalesce((s.spec ->> 'ownersUntil')::bigint, 0)))
        OFFSET 0)
    ORDER BY s.kind = 'resync', s.last_claim_at NULLS FIRST, s.id
    LIMIT 16
    FOR NO KEY UPDATE OF s SKIP LOCKED
    """
_CANDIDATES_OF = {
    suspects: text(_CANDIDATES % sign) for suspects, sign in ((False, "<"), (True, ">="))
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A locked sync with a batch that can be claimed."""

    space_id: str
    sync_id: str
    probing: bool  # its destination has an open breaker: one batch may probe it
    resync: bool
    exits_first: bool
    owners_until: int  # the row after the last entry that takes a key over
    batch_calls: int  # calls in one of its batches, on average


def _seconds(moment: InstrumentedAttribute[datetime | None]) -> ColumnElement[float]:
    return cast(func.extract("epoch", moment), Double)


class SyncRepository(Repository[Sync]):
    """Table ``sync``."""

    model = Sync
    noun = "sync"
    key = (Sync.space_id, Sync.id)
    parent = (Sync.space_id, Sync.activation_id)

    async def list(
        self, space_id: str, activation_id: str, *, before: str | None, limit: int
    ) -> Sequence[Sync]:
        """Read syncs of an activation that are older than the id ``before``, newest first."""
        return await self._newest(
            space_id, activation_id, column=Sync.id, before=before or None, limit=limit
        )

    async def open_of(self, space_id: str, activation_id: str, *, lock: Lock = None) -> Sync | None:
        """Read the open sync of an activation, of which there is at most one. Dry runs are left out."""
        return await self._first(_open_of(space_id, activation_id), lock)

    async def last_planned(self, space_id: str, activation_id: str) -> Sync | None:
        """Read the newest sync that was planned and is running or has ended."""
        return await self._first(_last_planned(space_id, activation_id))

    async def last_complete(self, space_id: str, activation_id: str) -> Sync | None:
        """Read the newest sync that was completed."""
        return await self._first(_last_complete(space_id, activation_id))

    async def last_begun(self, space_id: str, activation_id: str) -> Sync | None:
        """Read the newest sync that is running or has ended, planned or not."""
        return await self._first(_last_begun(space_id, activation_id))

    async def newest_dry_run(self, space_id: str, activation_id: str) -> Sync | None:
        """Read the newest dry run of an activation, in any state."""
        dry_runs = _of(space_id, activation_id).where(Sync.kind == SyncKind.DRY_RUN)
        return await self._first(dry_runs.order_by(Sync.number.desc()).limit(1))

    async def is_delivered(self, space_id: str, activation_id: str, revision_id: str) -> bool:
        """Return whether a sync with a revision was completed."""
        query = select(Sync.id).where(
            Sync.space_id == space_id,
            Sync.activation_id == activation_id,
            Sync.revision_id == revision_id,
            Sync.kind.not_in(ASIDE_KINDS),
            Sync.state == SyncState.COMPLETE,
        )
        return await self.session.scalar(query.limit(1)) is not None

    async def state_before(self, sync: Sync) -> str | None:
        """Return the state of the last sync before this one that has ended."""
        query = (
            select(Sync.state)
            .where(
                Sync.space_id == sync.space_id,
                Sync.activation_id == sync.activation_id,
                Sync.number < sync.number,
                Sync.kind.not_in(ASIDE_KINDS),
                Sync.state.in_(ENDED_STATES),
            )
            .order_by(Sync.number.desc())
            .limit(1)
        )
        return await self.session.scalar(query)

    async def in_a_row(self, sync: Sync, triggers: Sequence[str], limit: int) -> int:
        """Return how many of the newest syncs up to this one, without dry runs and tests, have one of the triggers, at most ``limit``."""
        query = (
            select(Sync.trigger)
            .where(
                Sync.space_id == sync.space_id,
                Sync.activation_id == sync.activation_id,
                Sync.number <= sync.number,
                Sync.kind.not_in(ASIDE_KINDS),
            )
            .order_by(Sync.number.desc())
            .limit(limit)
        )
        newest = await self.session.scalars(query)
        return len(list(takewhile(triggers.__contains__, newest)))

    async def any_open(self, space_id: str, activation_ids: Select[str]) -> bool:
        """Return whether any sync of some activations is open."""
        query = select(
            exists().where(
                Sync.space_id == space_id,
                Sync.state.in_(OPEN_STATES),
                Sync.activation_id.in_(activation_ids),
            )
        )
        return bool(await self.session.scalar(query))

    async def settled_at(
        self, space_id: str, activation_id: str, settle: timedelta
    ) -> datetime | None:
        """Return when the settle time after the last unknown attempt of an activation ends (R11), None if it has."""
        newest = (
            select(func.max(Sync.last_unknown_at))
            .where(Sync.space_id == space_id, Sync.activation_id == activation_id)
            .scalar_subquery()
        )
        query = select(case((newest + settle > DATABASE_NOW, newest + settle), else_=None))
        moment: datetime | None = (await self.session.execute(query)).scalar_one()
        return moment

    async def sent_before(self, sync: Sync, age: timedelta) -> dict[int, datetime]:
        """Return when the last call of each earlier sync of the activation ended, by number, if that was within ``age``."""
        ended = func.greatest(Sync.finished_at, Sync.last_unknown_at)
        query = select(Sync.number, ended).where(
            Sync.space_id == sync.space_id,
            Sync.activation_id == sync.activation_id,
            Sync.number < sync.number,
            ended > DATABASE_NOW - age,
        )
        rows = await self.session.execute(query)
        return {number: moment for number, moment in rows.all()}  # noqa: C416  typed

    async def times_of(self, space_id: str, activation_id: str) -> dict[int, tuple[float, float]]:
        """Return when the last syncs of an activation were planned and ended, in seconds, by number; ``inf``: still open."""
        ended = func.coalesce(_seconds(Sync.finished_at), math.inf)
        query = (
            select(Sync.number, _seconds(Sync.planned_at), ended)
            .where(Sync.space_id == space_id, Sync.activation_id == activation_id)
            .where(Sync.planned_at.is_not(None), Sync.kind != "dry_run")
            .order_by(Sync.number.desc())
            .limit(_TIMES)
        )
        rows = await self.session.execute(query)
        return {number: (first, last) for number, first, last in rows.all()}

    # Leases

    async def claim(
        self, space_id: str, sync_id: str, states: tuple[str, ...], owner: str, lease: timedelta
    ) -> Sync | None:
        """Claim a sync for planning or settling. Returns None if it is not due or another worker has it."""
        statement = (
            update(Sync)
            .where(
                Sync.space_id == space_id,
                Sync.id == sync_id,
                Sync.state.in_(states),
                is_free(),
            )
            .values(
                attempts=Sync.attempts + 1,
                lost_leases=case((Sync.lease_until.is_not(None), Sync.lost_leases + 1), else_=0),
                lease_owner=owner,
                lease_token=Sync.lease_token + 1,
                lease_until=DATABASE_NOW + lease,
            )
            .returning(Sync)
            .execution_options(populate_existing=True)
        )
        return (await self.session.scalars(statement)).first()

    async def report_alive(self, space_id: str, sync_id: str, token: int) -> None:
        """Take back that a claim after ``token`` counted its worker as lost: the worker is alive, but came too late."""
        await self._write(
            update(Sync)
            .where(Sync.space_id == space_id, Sync.id == sync_id, Sync.lease_token > token)
            .values(lost_leases=func.greatest(Sync.lost_leases - 1, 0))
        )

    async def renew(self, space_id: str, sync_id: str, token: int, lease: timedelta) -> bool:
        """Extend a lease. Returns False if it was lost."""
        return await self.fenced(space_id, sync_id, token, lease_until=DATABASE_NOW + lease)

    async def release(
        self,
        space_id: str,
        sync_id: str,
        token: int,
        *,
        wait: timedelta | None = None,
        until: datetime | None = None,
        **values: Any,
    ) -> bool:
        """Release a sync, due again after ``wait`` or at ``until``. Returns False if the lease was lost."""
        next_at = until if until is not None else (DATABASE_NOW + wait if wait else None)
        return await self.fenced(
            space_id, sync_id, token, lease_owner=None, lease_until=None, next_at=next_at, **values
        )

    async def fenced(self, space_id: str, sync_id: str, token: int, **values: Any) -> bool:
        """Write columns under a lease (R9). Returns False if the lease was lost or the sync has ended."""
        statement = (
            update(Sync)
            .where(
                Sync.space_id == space_id,
                Sync.id == sync_id,
                Sync.lease_token == token,
                Sync.state.in_(OPEN_STATES),
            )
            .values(**values)
            .returning(Sync.id)
            .execution_options(synchronize_session=False)
        )
        return (await self.session.scalar(statement)) is not None

    # The delivery of its batches

    async def lock_candidates(
        self,
        *,
        busy: Sequence[str],
        filled: Sequence[str],
        resyncs: int,
        suspects: bool = False,
    ) -> Sequence[Candidate]:
        """Lock up to 16 syncs with batches that can be claimed; the one served longest ago comes first (R12).

        The lock excludes closing and superseding a sync while a batch of it is claimed. ``busy`` are destinations that
        are left out, ``filled`` those whose resyncs are left out; if ``resyncs`` is 0, all resyncs are left out.
        ``suspects``: only batches that may be what ends workers, else only all others.
        """
        values = {"busy": list(busy), "filled": list(filled), "resyncs": resyncs}
        rows = await self.session.execute(_CANDIDATES_OF[suspects], values)
        return [Candidate(*row) for row in rows]

    async def mark_claimed(self, space_id: str, sync_id: str, *, taken_over: bool) -> None:
        """Write that a batch was claimed, and set the state of the sync to running.

        The one change of state outside ``syncs.lifecycle``: it must be in the transaction of the claim, and
        :meth:`lock_candidates` has checked that the sync was pending or running. With ``taken_over`` a batch had an
        attempt whose result is unknown.
        """
        values: dict[str, Any] = {
            "state": SyncState.RUNNING,
            "started_at": func.coalesce(Sync.started_at, DATABASE_NOW),
            "last_claim_at": DATABASE_NOW,
        }
        if taken_over:
            values["last_unknown_at"] = DATABASE_NOW
        await self._write(_row(space_id, sync_id).values(**values))

    async def mark_unknown(self, space_id: str, sync_id: str) -> None:
        """Write that the result of an attempt is unknown: the settle time begins (R11)."""
        await self._write(_row(space_id, sync_id).values(last_unknown_at=DATABASE_NOW))

    async def note(self, space_id: str, sync_id: str, values: dict[str, Any]) -> None:
        """Merge values into the report of a sync. ``values`` is JSON in the form of a part of ``Sync.report``."""
        report = func.coalesce(Sync.report, cast({}, JSONB)).op("||")(cast(values, JSONB))
        await self._write(_row(space_id, sync_id).values(report=report))

    # Removal

    async def forget_files(self, space_id: str, sync_id: str) -> None:
        """Clear the plan and outcome of a sync; the collector then deletes the files."""
        await self._write(_row(space_id, sync_id).values(plan=None, outcome=None))

    async def delete_all(self, space_id: str, activation_ids: Select[str]) -> None:
        """Delete all syncs of some activations, with their batches and pins."""
        await self._write(
            delete(Sync).where(Sync.space_id == space_id, Sync.activation_id.in_(activation_ids))
        )


def _row(space_id: str, sync_id: str) -> Update:
    return update(Sync).where(Sync.space_id == space_id, Sync.id == sync_id)


def _of(space_id: str, activation_id: str) -> Select[Sync]:
    return select(Sync).where(Sync.space_id == space_id, Sync.activation_id == activation_id)


@built
def _open_of(space_id: str, activation_id: str) -> Select[Sync]:
    return _of(space_id, activation_id).where(
        Sync.kind != SyncKind.DRY_RUN, Sync.state.in_(OPEN_STATES)
    )


@built
def _last_begun(space_id: str, activation_id: str) -> Select[Sync]:
    return _last(space_id, activation_id)


@built
def _last_planned(space_id: str, activation_id: str) -> Select[Sync]:
    return _last(space_id, activation_id).where(Sync.revision_id.is_not(None))


@built
def _last_complete(space_id: str, activation_id: str) -> Select[Sync]:
    return _last(space_id, activation_id).where(Sync.state == SyncState.COMPLETE)


def _last(space_id: str, activation_id: str) -> Select[Sync]:
    return (
        _of(space_id, activation_id)
        .where(
            Sync.kind.not_in(ASIDE_KINDS),
            Sync.state.in_((*ENDED_STATES, SyncState.RUNNING)),
        )
        .order_by(Sync.number.desc())
        .limit(1)
    )
