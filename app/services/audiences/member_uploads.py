"""Supplied membership: uploads of all members of an audience."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Conflict
from app.domain.refused_keys import RefusedKeys
from app.services.audiences import runs
from app.services.platform import (
    Platform,
    audience_folder,
    fetch_manifest,
    fresh_key,
    receive_upload,
    store_file,
    usual_delimiter,
)
from app.services.tenancy import read_refused, record_change
from app.snapshots.engine import Manifest, SnapshotStats, StoredFile, Upload
from app.snapshots.membership import write_snapshot
from app.storage.models import Audience, Run
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.snapshots import SnapshotRepository
from app.storage.repositories.spaces import SpaceRepository


async def put_members(
    platform: Platform,
    stream: AsyncIterator[bytes],
    *,
    space_id: str,
    audience_id: str,
    content_type: str | None,
    content_encoding: str | None,
    announced: int | None,
    delimiter: str | None = None,
    actor: str,
    now: datetime,
) -> Run:
    """Receive all members as a stream, and open the run that makes them current.

    The upload is read, checked and sorted here, so that Invalid (with row and column) is raised before anything changes;
    the run only compares it and makes it current. No transaction is open while the upload is received. Raises NotFound,
    and Conflict if a definition computes the audience.
    """
    async with platform.unit_of_work() as session:
        audience = await require_supplied(session, space_id, audience_id)
        words = await SpaceRepository(session).absent_words(space_id)
        refused = await read_refused(session, platform.keyring, space_id)
    receiving = receive_upload(
        platform.engine,
        platform.settings,
        stream,
        content_type=content_type,
        content_encoding=content_encoding,
        announced=announced,
        delimiter=delimiter,
    )
    file, stats = await _store(platform, audience, receiving, words, refused)
    async with platform.unit_of_work() as session:
        audience = await require_supplied(session, space_id, audience_id)
        await record_change(session, "audience", audience, "Audience Members Supplied", actor)
        return await runs.open_run(
            session,
            space_id=space_id,
            audience=audience,
            kind="upload",
            trigger="upload",
            actor=actor,
            now=now,
            input=_input(file, stats),
        )


async def _store(
    platform: Platform,
    audience: Audience,
    receiving: AbstractAsyncContextManager[Upload],
    words: frozenset[str],
    refused: RefusedKeys | None,
) -> tuple[StoredFile, SnapshotStats]:
    """Write an upload as the file of a snapshot."""
    linked = audience.audience_type == "LINKED"
    out = platform.engine.scratch_file(".parquet")
    try:
        async with receiving as received:
            former = await fetch_manifest(platform.objects, await _current(platform, audience))
            usual = await _usual_delimiter(platform, audience)
            upload = replace(received, usual_delimiter=usual, absent_words=words, refused=refused)
            owner = await platform.owner_of(audience.space_id)
            stats = await platform.engine.run_on_upload(
                owner, write_snapshot, upload, out, linked=linked, former=former
            )
        key = fresh_key(f"{audience_folder(audience.space_id, audience.id)}/uploads", "members")
        return await store_file(platform.objects, out, key, stats.rows), stats
    finally:
        out.unlink(missing_ok=True)


async def _usual_delimiter(platform: Platform, audience: Audience) -> str | None:
    async with platform.unit_of_work() as session:
        last = await RunRepository(session).last_upload(audience.space_id, audience.id)
    return usual_delimiter((last.input or {}).get("reading") if last else None)


async def _current(platform: Platform, audience: Audience) -> Manifest:
    if audience.current_snapshot_id is None:
        return Manifest()
    async with platform.unit_of_work() as session:
        snapshot = await SnapshotRepository(session).get(
            audience.space_id, audience.current_snapshot_id
        )
    return Manifest.from_json(snapshot.manifest if snapshot else None)


def _input(file: StoredFile, stats: SnapshotStats) -> dict[str, Any]:
    return {
        "file": file.to_json(),
        "format": "snapshot",
        "stats": {
            "rows": stats.rows,
            "traits": dict(stats.traits),
            "identifiers": list(stats.identifiers),
            "absent": stats.absent,
            "refused": stats.refused,
        },
        "typeChanges": [asdict(change) for change in stats.changes],
        "reading": asdict(stats.reading) if stats.reading else None,
    }


async def require_supplied(session: AsyncSession, space_id: str, audience_id: str) -> Audience:
    """Return an audience with supplied members. Raises NotFound, and Conflict if a definition computes it."""
    audience = await AudienceRepository(session).require(space_id, audience_id)
    if audience.query.strip():
        raise Conflict("The audience is computed by its definition; members cannot be supplied.")
    return audience
