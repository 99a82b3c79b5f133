"""Supplied membership: changes of single members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Invalid
from app.core.json_bytes import to_lines
from app.domain import retry
from app.services.audiences import runs
from app.services.audiences.member_uploads import require_supplied
from app.services.platform import Platform, fetch_manifest
from app.services.tenancy import record_change
from app.snapshots.engine import Manifest
from app.snapshots.membership import check_patch
from app.storage.models import Audience, Run, Snapshot
from app.storage.repositories.due import DueQueries
from app.storage.repositories.member_patches import MemberPatchRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.snapshots import SnapshotRepository
from app.storage.repositories.spaces import SpaceRepository

_LEFT_AT_ONCE = 100  # audiences


async def patch_members(
    platform: Platform,
    *,
    space_id: str,
    audience_id: str,
    add: Sequence[Mapping[str, Any]],
    remove: Sequence[str],
    actor: str,
    now: datetime,
) -> Run:
    """Accept a change of single members. Returns the run that applies it, possibly together with other changes.

    Raises Invalid if the change is empty or not valid, and Conflict if a definition computes the audience.
    """
    if not add and not remove:
        raise Invalid('give members in "add" or "remove"', field="add")
    async with platform.unit_of_work() as session:
        audience = await require_supplied(session, space_id, audience_id)
        current = None
        if audience.current_snapshot_id is not None:
            current = await SnapshotRepository(session).get(space_id, audience.current_snapshot_id)
        words = await SpaceRepository(session).absent_words(space_id)
    await _check(platform, audience, current, add, remove, words)
    async with platform.unit_of_work() as session:
        audience = await require_supplied(session, space_id, audience_id)
        run = await runs.open_run(
            session,
            space_id=space_id,
            audience=audience,
            kind="patch",
            trigger="patch",
            actor=actor,
            now=now,
        )
        await MemberPatchRepository(session).accept(
            space_id,
            audience_id,
            run_id=run.id,
            add=[dict(row) for row in add],
            remove=list(remove),
        )
        await record_change(session, "audience", audience, "Audience Members Changed", actor)
        return run


async def resume_uploads(session: AsyncSession, now: datetime | None = None) -> int:
    """Open runs for changes that failed runs left behind, if they have waited long enough. Returns their number.

    ``now`` is the time of the database unless it is given.
    """
    if now is None:
        now = await RunRepository(session).database_now()
    repository = RunRepository(session)
    opened = 0
    for audience, since in await DueQueries(session).left_patches(_LEFT_AT_ONCE):
        failed = await repository.last_failed_patch(audience.space_id, audience.id)
        if failed is None or not _has_waited(failed, since, now):
            continue
        await runs.open_run(
            session,
            space_id=audience.space_id,
            audience=audience,
            kind="patch",
            trigger="patch",
            actor=failed.created_by,
            now=now,
        )
        opened += 1
    return opened


def _has_waited(failed: Run, since: datetime, now: datetime) -> bool:
    if failed.finished_at is None:
        return False
    return now >= failed.finished_at + retry.patience(failed.finished_at - since)


async def _check(
    platform: Platform,
    audience: Audience,
    current: Snapshot | None,
    add: Sequence[Mapping[str, Any]],
    remove: Sequence[str],
    words: frozenset[str],
) -> None:
    linked = audience.audience_type == "LINKED"
    manifest = Manifest.from_json(current.manifest if current else None)
    local = await fetch_manifest(platform.objects, manifest)
    rows = platform.engine.scratch_file(".ndjson")
    scratch = platform.engine.scratch_file(".parquet")
    try:
        rows.write_bytes(to_lines(add))
        await platform.engine.run(
            check_patch,
            rows if add else None,
            remove,
            local,
            scratch,
            linked=linked,
            absent_words=words,
            lane="small",
        )
    except Invalid as error:
        raise _located(error) from None
    finally:
        rows.unlink(missing_ok=True)


def _located(error: Invalid) -> Invalid:
    """Return the error with the location in the request body instead of the line of a file."""
    data = error.data if isinstance(error.data, dict) else {}
    row, column = data.get("row"), data.get("column")
    if row is None:
        return Invalid(error.message, field="add", data=error.data)
    field = f"add.{row - 1}.{column}" if column else f"add.{row - 1}"
    message = error.message.replace(f"Line {row}", f"add.{row - 1}")
    return Invalid(message, field=field, data=error.data)
