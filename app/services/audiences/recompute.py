"""Computation of runs: from their input to the current snapshot and the syncs that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.core.logging import get_logger
from app.domain.run_states import RunState
from app.services.audiences.definition_rows import Reading
from app.services.audiences.run_failures import (
    WorkersEnded,
    give_back,
    record_error,
    report_alive,
    wake_next,
)
from app.services.audiences.write_snapshot import Computed, Work, compute_snapshot
from app.services.platform import (
    MAX_LOST_LEASES,
    LeaseLost,
    Platform,
    lease_owner,
    retry_transaction,
    run_leased,
)
from app.services.syncs import report_complete_run, snapshot_changed
from app.services.tenancy import read_refused
from app.snapshots.engine import SnapshotStats
from app.storage.models import Audience, MemberPatch, Run, Snapshot
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.member_patches import MemberPatchRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.snapshots import SnapshotRepository
from app.storage.repositories.spaces import SpaceRepository

log = get_logger(__name__)

_SLACK = timedelta(minutes=1)  # between the clocks of hosts that are set alike


async def recompute_audience(platform: Platform, space_id: str, run_id: str, *, lane: str) -> bool:
    """Compute one run. Returns False if it is not due, or if another worker has it."""
    return await run_leased(
        lease=platform.settings.lease,
        claim=partial(_claim, platform, space_id, run_id, lease_owner(lane)),
        renew=partial(_renew, platform),
        work=partial(_recompute, platform),
        give_back=partial(give_back, platform),
        later=partial(record_error, platform),
        lost=partial(report_alive, platform),
    )


async def _recompute(platform: Platform, work: Work) -> None:
    if work.run.lost_leases >= MAX_LOST_LEASES:
        raise WorkersEnded(
            f"Computing it ended {work.run.lost_leases} workers in a row; most likely it needs more memory than there is."
        )
    computed = await compute_snapshot(platform, work)
    await _make_current(platform, work, computed)


async def _renew(platform: Platform, work: Work) -> bool:
    run = work.run
    async with platform.unit_of_work() as session:
        return await RunRepository(session).renew(
            run.space_id, run.id, run.lease_token, platform.settings.lease, sources=work.sources
        )


async def _claim(platform: Platform, space_id: str, run_id: str, owner: str) -> Work | None:
    async with platform.unit_of_work() as session:
        repository = RunRepository(session)
        run = await repository.claim(space_id, run_id, owner, platform.settings.lease)
        if run is None:
            return None
        audience = await AudienceRepository(session).get(space_id, run.audience_id)
        assert audience is not None  # noqa: S101  a foreign key says so
        previous = None
        if audience.current_snapshot_id is not None:
            previous = await SnapshotRepository(session).get(space_id, audience.current_snapshot_id)
        patches: Sequence[MemberPatch] = ()
        if run.kind == "patch":
            patches = await MemberPatchRepository(session).take(space_id, run.audience_id, run.id)
        words = await SpaceRepository(session).absent_words(space_id)
        refused = await read_refused(session, platform.keyring, space_id)
        return Work(run, audience, previous, patches, Reading(), words, refused)


async def _make_current(platform: Platform, work: Work, computed: Computed) -> None:
    """Make the snapshot current, in one fenced transaction (R2, R6)."""
    await retry_transaction(platform.unit_of_work, partial(_write_current, work, computed))
    log.info("run_complete", run_id=work.run.id, members=computed.stats.rows)


async def _write_current(work: Work, computed: Computed, session: AsyncSession) -> None:
    """Write the snapshot's row, the audience's pointer and the syncs. Raises LeaseLost."""
    audience = await _lock_audience(session, work)
    audience.version += 1
    snapshot = _snapshot_row(work, computed, audience.version)
    session.add(snapshot)
    becomes_current = _is_newer(work, await RunRepository(session).database_now())
    if becomes_current:
        audience.current_snapshot_id = snapshot.id
    await session.flush()
    await _finish(session, work, computed, snapshot.id, becomes_current)
    await _drop_patches(session, work.run)
    await report_complete_run(session, work.run)
    if becomes_current and audience.pinned_snapshot_id is None:
        await snapshot_changed(
            session, audience.space_id, audience.id, actor=work.run.created_by, trigger="run"
        )
    await wake_next(session, work.run)


async def _lock_audience(session: AsyncSession, work: Work) -> Audience:
    """Lock the audience of a run. Raises LeaseLost if it has been removed or another run has changed it."""
    audience = await AudienceRepository(session).get(
        work.run.space_id, work.run.audience_id, lock="update"
    )
    if audience is None or audience.version != work.audience.version:
        # Runs of an audience are computed one after the other; this is a second fence.
        raise LeaseLost
    return audience


async def _finish(
    session: AsyncSession, work: Work, computed: Computed, snapshot_id: str, becomes_current: bool
) -> None:
    """Complete the run. Raises LeaseLost if another worker has it."""
    written = await RunRepository(session).finish(
        work.run.space_id,
        work.run.id,
        work.run.lease_token,
        state=RunState.COMPLETE,
        snapshot_id=snapshot_id,
        became_current=becomes_current,
        members=computed.stats.rows,
        entered=computed.comparison.entered,
        exited=computed.comparison.exited,
        sources=work.sources,
        notes=work.notes,
        absent=computed.stats.absent,
        refused=computed.stats.refused,
        error=None,
        **_type_changes(work.run, computed.stats),
    )
    if not written:
        raise LeaseLost


def _type_changes(run: Run, stats: SnapshotStats) -> dict[str, Any]:
    """Return the run's input with changes of types that are known only now: an upload's are known when it is accepted."""
    if not stats.changes:
        return {}
    return {"input": {**(run.input or {}), "typeChanges": list(map(asdict, stats.changes))}}


async def _drop_patches(session: AsyncSession, run: Run) -> None:
    """Remove the patches that are part of the new snapshot, or that an upload or definition has replaced."""
    repository = MemberPatchRepository(session)
    if run.kind == "patch":
        await repository.drop(run.space_id, run.id)
    else:
        await repository.drop_left(run.space_id, run.audience_id, run.created_at)


def _snapshot_row(work: Work, computed: Computed, version: int) -> Snapshot:
    return Snapshot(
        space_id=work.run.space_id,
        id=new_id("snp"),
        audience_id=work.run.audience_id,
        run_id=work.run.id,
        version=version,
        as_of=work.run.as_of,
        manifest=computed.manifest.to_json(),
        traits=dict(computed.stats.traits),
        identifiers=list(computed.stats.identifiers),
        row_count=computed.stats.rows,
        byte_count=sum(file.bytes for file in computed.manifest.files),
    )


def _is_newer(work: Work, now: datetime) -> bool:
    """Return whether a run becomes current.

    A snapshot of a time to come, by the database's clock, comes from a host whose clock was ahead: it does not keep later runs out.
    """
    if work.run.kind != "definition":
        # Supplied members count in the order of acceptance, not by the clocks of the hosts.
        return True
    if work.previous is None or work.run.make_current or work.previous.as_of > now + _SLACK:
        return True
    return work.run.as_of >= work.previous.as_of
