"""Previews: definitions that a worker computes before they are saved, to show the first members."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import ConnectorError
from app.core.errors import AppError, Invalid
from app.core.ids import new_id
from app.core.json_bytes import to_json
from app.core.logging import get_logger
from app.core.objects import StoreError
from app.domain.preview_states import PreviewState
from app.services.audiences.definition_rows import Reading, write_rows
from app.services.audiences.resolution import saved_definition
from app.services.platform import (
    Platform,
    is_lost,
    retry_transaction,
    run_leased,
    wake_preview,
)
from app.services.tenancy import read_refused, record_event
from app.snapshots.definitions import DefinitionFailed
from app.snapshots.engine import LocalManifest, Upload
from app.snapshots.membership import page_rows, write_snapshot
from app.storage.models import AudiencePreview
from app.storage.repositories.previews import PreviewRepository
from app.storage.repositories.spaces import SpaceRepository

log = get_logger(__name__)

SHOWN = 100  # members in a preview's results
KEPT = timedelta(days=7)
_TIMEOUT = timedelta(minutes=1)
_LEASE = 2 * _TIMEOUT + timedelta(seconds=30)  # databases are read first
# For the whole computation, including the wait for a slot, because the lease is not renewed.
_LATEST = _LEASE - timedelta(seconds=15)
_MAX_ATTEMPTS = 3
_MOST_BYTES = 1024**2  # of the rows that are stored
_SIZES = {"USERS": "USERS", "ACCOUNTS": "ACCOUNTS", "LINKED": "ENTITIES"}


async def create_preview(
    session: AsyncSession,
    *,
    space_id: str,
    audience_type: str,
    query: str,
    target_entity: str | None = None,
    options: Mapping[str, Any] | None = None,
    actor: str,
    now: datetime,
) -> AudiencePreview:
    """Create a preview and wake a worker for it. Raises Invalid if the definition is empty or not valid."""
    query = await saved_definition(session, space_id, query, audience_type)
    if not query:
        raise Invalid(
            "there is nothing to preview in an empty definition", field="definition.query"
        )
    preview = AudiencePreview(
        space_id=space_id,
        id=new_id("pre"),
        audience_type=audience_type,
        query=query,
        target_entity=target_entity,
        options=dict(options or {}),
        status=PreviewState.RUNNING,
        attempts=0,
        created_at=now,
    )
    PreviewRepository(session).add(preview)
    await session.flush()
    await record_event(
        session,
        space_id=space_id,
        type="Audience Preview Created",
        actor=actor,
        resource_type="audience-preview",
        resource_id=preview.id,
        resource_name=preview.id,
    )
    wake_preview(session, preview)
    return preview


async def get_preview(session: AsyncSession, space_id: str, preview_id: str) -> AudiencePreview:
    """Read a preview of a space. Raises NotFound."""
    return await PreviewRepository(session).require(space_id, preview_id)


async def forget_old_previews(session: AsyncSession, *, now: datetime) -> int:
    """Remove previews that are older than a week. Returns their number."""
    return await PreviewRepository(session).forget_before(now - KEPT)


async def compute_preview(platform: Platform, space_id: str, preview_id: str) -> bool:
    """Compute one preview. Returns False if it is not due, or if another worker has it."""

    async def claim() -> AudiencePreview | None:
        async with platform.unit_of_work() as session:
            return await PreviewRepository(session).claim(space_id, preview_id, _LEASE)

    async def work(preview: AudiencePreview) -> None:
        outcome = await _outcome(platform, preview)

        async def write(session: AsyncSession) -> None:
            await PreviewRepository(session).finish(
                space_id, preview_id, preview.attempts, **outcome
            )

        await retry_transaction(platform.unit_of_work, write)

    return await run_leased(
        lease=_LEASE, claim=claim, renew=None, work=work, give_back=None, later=None
    )


async def _outcome(platform: Platform, preview: AudiencePreview) -> dict[str, Any]:
    if preview.attempts > _MAX_ATTEMPTS:
        return _failed(
            "The preview was begun three times and never ended. Most likely it needs too much memory; "
            "the worker's log says more."
        )
    deadline = asyncio.timeout(_LATEST.total_seconds())
    try:
        async with deadline:
            return await _results(platform, preview)
    except AppError as error:
        return _failed("; ".join(problem.message for problem in error.problems))
    except (DefinitionFailed, ConnectorError) as error:
        return _failed(error.message)
    except Exception as error:
        if deadline.expired():
            return _failed(
                "There was no room for the preview among other work; try it again later."
            )
        log.error("preview_failed", preview_id=preview.id, exc_info=error)
        return _failed(_words_of(error))


def _words_of(error: Exception) -> str:
    """Name what was away, for an error that the definition did not cause."""
    if isinstance(error, StoreError):
        return "The object store is unavailable; try again."
    if is_lost(error):
        return "The database is unavailable; try again."
    return "The computation broke; see the worker's log."


def _failed(reason: str) -> dict[str, Any]:
    return {"status": "FAILED", "failure_reason": reason}


async def _results(platform: Platform, preview: AudiencePreview) -> dict[str, Any]:
    linked = preview.audience_type == "LINKED"
    with ExitStack() as files:
        rows = _scratch(platform, files, ".rows.parquet")
        snapshot = _scratch(platform, files, ".parquet")
        await _write_rows(platform, preview, rows)
        async with platform.unit_of_work() as session:
            words = await SpaceRepository(session).absent_words(preview.space_id)
            refused = await read_refused(session, platform.keyring, preview.space_id)
        upload = Upload(rows, "parquet", absent_words=words, refused=refused)
        stats = await platform.engine.run(write_snapshot, upload, snapshot, linked=linked)
        local = LocalManifest((snapshot,))
        members = await platform.engine.run(page_rows, local, None, SHOWN, lane="small")
    return {
        "status": "COMPLETED",
        "results": [_result(preview, member) for member in members],
        "rows": _bounded(members),
        "size": {"type": _SIZES[preview.audience_type], "count": stats.rows},
    }


async def _write_rows(platform: Platform, preview: AudiencePreview, out: Path) -> None:
    await write_rows(
        platform,
        preview.space_id,
        preview.query,
        preview.created_at,
        out,
        reading=Reading(),
        room=platform.readings.short,
        at_most=_TIMEOUT,
    )


def _scratch(platform: Platform, files: ExitStack, suffix: str) -> Path:
    path = platform.engine.scratch_file(suffix)
    files.callback(path.unlink, missing_ok=True)
    return path


def _bounded(members: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the first members that have room in a row of the database."""
    kept, size = [], 0
    for member in members:
        size += len(to_json(member))
        if size > _MOST_BYTES:
            break
        kept.append(dict(member))
    return kept


def _result(preview: AudiencePreview, member: Mapping[str, Any]) -> dict[str, Any]:
    if preview.audience_type != "LINKED":
        return {"id": member["member_id"]}
    return {
        "id": member["member_id"],
        "idProperty": "entity_id",
        "relationshipSlug": preview.target_entity or "entity",
        "profilesTruncated": False,
        "profiles": [{"id": member["profile_id"]}],
    }
