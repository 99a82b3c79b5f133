"""Supplied membership: whole uploads, changes of single members, and looking into what is current."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Conflict, Invalid
from app.core.json_bytes import to_lines
from app.core.pagination import Page, PageRequest, Position
from app.domain import retry
from app.services.audiences import runs
from app.services.platform import (
    Platform,
    audience_folder,
    fetch_manifest,
    fresh_key,
    receive_upload,
    store_file,
)
from app.services.tenancy import record_event
from app.snapshots.engine import Manifest
from app.snapshots.membership import check_patch, find_row, page_rows, write_snapshot
from app.storage.models import Audience, Run, Snapshot
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.due import DueQueries
from app.storage.repositories.member_patches import MemberPatchRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.snapshots import SnapshotRepository

_LEFT_AT_ONCE = 100  # audiences
_LOOKED_BACK = 50  # snapshots that are searched for the one in which a member came


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether somebody is a member now; ``since`` is exact unless more snapshots held it than are kept and searched."""

    id: str
    snapshot: Snapshot | None
    member: Mapping[str, Any] | None
    since: Snapshot | None
    since_is_exact: bool


async def put_members(
    platform: Platform,
    stream: AsyncIterator[bytes],
    *,
    space_id: str,
    audience_id: str,
    content_type: str | None,
    content_encoding: str | None,
    announced: int | None,
    actor: str,
    now: datetime,
) -> Run:
    """Take the whole membership as a stream and open the run that makes it current.

    The upload is read, checked and sorted here, so that what is wrong with it is said at once (Invalid, with row and
    column) and nothing has changed; the run has only to compare and to point. No transaction is open meanwhile.
    """
    async with platform.unit_of_work() as session:
        audience = await _supplied(session, space_id, audience_id)
    linked = audience.audience_type == "LINKED"
    out = platform.engine.scratch_file(".parquet")
    try:
        async with receive_upload(
            platform.engine,
            platform.settings,
            stream,
            content_type=content_type,
            content_encoding=content_encoding,
            announced=announced,
        ) as upload:
            stats = await platform.engine.run(write_snapshot, upload, out, linked=linked)
        key = fresh_key(f"{audience_folder(space_id, audience_id)}/uploads", "members")
        file = await store_file(platform.objects, out, key, stats.rows)
    finally:
        out.unlink(missing_ok=True)
    async with platform.unit_of_work() as session:
        audience = await _supplied(session, space_id, audience_id)
        await _record(session, audience, "Audience Members Supplied", actor)
        return await runs.open_run(
            session,
            space_id=space_id,
            audience=audience,
            kind="upload",
            trigger="upload",
            actor=actor,
            now=now,
            input={
                "file": file.to_json(),
                "format": "snapshot",
                "stats": {
                    "rows": stats.rows,
                    "traits": dict(stats.traits),
                    "identifiers": list(stats.identifiers),
                },
            },
        )


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
    """Accept a change of single members, and answer the run that will carry it out (with others that wait)."""
    if not add and not remove:
        raise Invalid('give members in "add" or "remove"', field="add")
    async with platform.unit_of_work() as session:
        audience = await _supplied(session, space_id, audience_id)
        current = await _snapshot(session, audience, audience.current_snapshot_id)
    await _check(platform, audience, current, add, remove)
    async with platform.unit_of_work() as session:
        audience = await _supplied(session, space_id, audience_id)
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
        await _record(session, audience, "Audience Members Changed", actor)
        return run


async def resume_uploads(session: AsyncSession, now: datetime | None = None) -> int:
    """Open runs for the changes that failed runs have left behind, where they have waited long enough; how many.

    ``now`` is the database's clock unless given.
    """
    if now is None:
        now = await RunRepository(session).database_now()
    repository = RunRepository(session)
    opened = 0
    for audience, since in await DueQueries(session).left_patches(_LEFT_AT_ONCE):
        failed = await repository.last_failed_patch(audience.space_id, audience.id)
        if failed is None or failed.finished_at is None:
            continue
        if now < failed.finished_at + retry.patience(failed.finished_at - since):
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


async def _check(
    platform: Platform,
    audience: Audience,
    current: Snapshot | None,
    add: Sequence[Mapping[str, Any]],
    remove: Sequence[str],
) -> None:
    linked = audience.audience_type == "LINKED"
    manifest = Manifest.from_json(current.manifest if current else None)
    local = await fetch_manifest(platform.objects, manifest)
    rows = platform.engine.scratch_file(".ndjson")
    scratch = platform.engine.scratch_file(".parquet")
    try:
        rows.write_bytes(to_lines(add))
        await platform.engine.run(
            check_patch, rows if add else None, remove, local, scratch, linked=linked, lane="small"
        )
    except Invalid as error:
        raise _placed(error) from None
    finally:
        rows.unlink(missing_ok=True)


def _placed(error: Invalid) -> Invalid:
    """The same fault with its place in the body in place of a line of a file."""
    data = error.data if isinstance(error.data, dict) else {}
    row, column = data.get("row"), data.get("column")
    if row is None:
        return Invalid(error.message, field="add", data=error.data)
    field = f"add.{row - 1}.{column}" if column else f"add.{row - 1}"
    message = error.message.replace(f"Line {row}", f"add.{row - 1}")
    return Invalid(message, field=field, data=error.data)


async def page_members(
    platform: Platform, *, space_id: str, audience_id: str, request: PageRequest
) -> tuple[Page[Mapping[str, Any]], Snapshot | None]:
    """Members in the order of their ids; all pages of one walk come from the same snapshot."""
    position = request.position(width=2)
    async with platform.unit_of_work() as session:
        audience = await AudienceRepository(session).require(space_id, audience_id)
        wanted = position.key[0] if position.key else audience.snapshot_id
        snapshot = await _snapshot(session, audience, wanted)
    if snapshot is None:
        return Page([], current=position.encode(), total=0), None
    local = await fetch_manifest(platform.objects, Manifest.from_json(snapshot.manifest))
    after = unquote(position.key[1]) if position.key else None
    found = await platform.engine.run(page_rows, local, after, request.count + 1, lane="small")
    entries = found[: request.count]
    following = None
    if len(found) > request.count:
        # Ids may hold any character, cursors only plain ones.
        last = quote(entries[-1]["member_id"], safe="")
        following = Position("after", (snapshot.id, last)).encode()
    shown: Page[Mapping[str, Any]] = Page(
        entries, current=position.encode(), next=following, total=snapshot.row_count
    )
    return shown, snapshot


async def find_member(
    platform: Platform, *, space_id: str, audience_id: str, profile_id: str
) -> Membership:
    """Whether a profile (or entity) is in the audience, with what, and since which snapshot."""
    async with platform.unit_of_work() as session:
        audience = await AudienceRepository(session).require(space_id, audience_id)
        snapshot = await _snapshot(session, audience, audience.snapshot_id)
        if snapshot is None:
            return Membership(profile_id, None, None, None, True)
        earlier = await SnapshotRepository(session).newest(
            space_id, audience_id, before=snapshot.version, limit=_LOOKED_BACK
        )
    member = await _look_up(platform, snapshot, profile_id)
    if member is None:
        return Membership(profile_id, snapshot, None, None, True)
    since = snapshot
    for older in earlier:
        if await _look_up(platform, older, profile_id) is None:
            return Membership(profile_id, snapshot, member, since, True)
        since = older
    return Membership(profile_id, snapshot, member, since, since.version == 1)


async def _look_up(
    platform: Platform, snapshot: Snapshot, profile_id: str
) -> Mapping[str, Any] | None:
    local = await fetch_manifest(platform.objects, Manifest.from_json(snapshot.manifest))
    return await platform.engine.run(find_row, local, profile_id, lane="small")


async def _supplied(session: AsyncSession, space_id: str, audience_id: str) -> Audience:
    """The audience, if its membership is supplied; Conflict where SQL computes it."""
    audience = await AudienceRepository(session).require(space_id, audience_id)
    if audience.query.strip():
        raise Conflict("The audience is computed by its definition; members cannot be supplied.")
    return audience


async def _snapshot(
    session: AsyncSession, audience: Audience, snapshot_id: str | None
) -> Snapshot | None:
    if snapshot_id is None:
        return None
    snapshot = await SnapshotRepository(session).get(audience.space_id, snapshot_id)
    if snapshot is None or snapshot.audience_id != audience.id:
        raise Invalid("the cursor's snapshot is gone; begin anew", field="pagination.cursor")
    return snapshot


async def _record(session: AsyncSession, audience: Audience, event: str, actor: str) -> None:
    await record_event(
        session,
        space_id=audience.space_id,
        type=event,
        actor=actor,
        resource_type="audience",
        resource_id=audience.id,
        resource_name=audience.name,
    )
