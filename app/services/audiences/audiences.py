"""Audiences: creating, reading, changing and removing them, and computing one on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.core.pagination import Page, PageRequest, make_page
from app.domain.run_states import RunState
from app.domain.slugs import slug_of
from app.services.audiences import runs
from app.services.audiences.resolution import saved_definition
from app.services.tenancy import record_change
from app.storage.models import Audience, Run
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import (
    AudienceRepository,
    AudienceView,
    Search,
    Sort,
    sort_key,
)
from app.storage.repositories.connections import ConnectionRepository

__all__ = ["AudienceChanges", "AudienceView", "Search", "Sort"]

DEFAULT_IDENTIFIERS = ["user_id", "email", "android.idfa", "ios.idfa"]
_MAX_KEY = 100
_NAMED = 10  # users of an audience that an error names
_CLOCK_SLACK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class AudienceChanges:
    """Changes of an audience. A field that is None stays as it is."""

    name: str | None = None
    description: str | None = None
    enabled: bool | None = None
    query: str | None = None
    target_entity: str | None = None
    options: Mapping[str, Any] | None = None


def audience_status(view: AudienceView) -> str:
    """Return the status of an audience in the words of the contract."""
    if not view.audience.enabled:
        return "Disabled"
    by_run = {RunState.NEW: "Preparing", RunState.RUNNING: "Computing", RunState.FAILED: "Failed"}
    if view.run_state and RunState(view.run_state) in by_run:
        return by_run[RunState(view.run_state)]
    return "Live" if view.audience.snapshot_id else "Not Computing"


def audience_fields(audience: Audience) -> dict[str, Any]:
    """Return the properties of an audience that a user sets, and its key: ``{name, key, definition, …}``."""
    definition: dict[str, Any] = {"query": audience.query}
    if audience.target_entity is not None:
        definition["targetEntity"] = audience.target_entity
    fields: dict[str, Any] = {
        "name": audience.name,
        "key": audience.key,
        "enabled": audience.enabled,
        "definition": definition,
        "audienceType": audience.audience_type,
    }
    if audience.description is not None:
        fields["description"] = audience.description
    if audience.options is not None:
        fields["options"] = audience.options
    return fields


async def create_audience(
    session: AsyncSession,
    *,
    space_id: str,
    name: str,
    query: str,
    audience_type: str,
    target_entity: str | None = None,
    enabled: bool = True,
    description: str | None = None,
    options: Mapping[str, Any] | None = None,
    actor: str,
    now: datetime,
) -> AudienceView:
    """Create an audience; nothing is computed yet. Raises Invalid if the definition is not valid."""
    repository = AudienceRepository(session)
    query = await saved_definition(session, space_id, query, audience_type)
    key = await _free_key(repository, space_id, name)
    audience = Audience(
        space_id=space_id,
        id=new_id("aud"),
        name=name,
        key=key,
        description=description,
        enabled=enabled,
        audience_type=audience_type,
        query=query,
        target_entity=target_entity,
        options=dict(options) if options is not None else None,
        created_by=actor,
        updated_by=actor,
        created_at=now,
        updated_at=now,
    )
    repository.add(audience)
    await session.flush()
    after = audience_fields(audience)
    await record_change(session, "audience", audience, "Audience Created", actor, after=after)
    return AudienceView(audience, None, None)


async def get_audience(session: AsyncSession, space_id: str, audience_id: str) -> AudienceView:
    """Read an audience of a space. Raises NotFound."""
    return await AudienceRepository(session).require_view(space_id, audience_id)


async def page_audiences(
    session: AsyncSession, space_id: str, search: Search | None, request: PageRequest
) -> Page[AudienceView]:
    """Return a page of the audiences of a space, oldest first."""
    repository = AudienceRepository(session)
    position, sort = request.position(width=2), Sort()
    found = await repository.walk_views(space_id, search, sort, position, request.count + 1)
    total = await repository.count_found(space_id, search)
    return _page(found, total, sort, request)


async def page_consumers(
    session: AsyncSession,
    space_id: str,
    audience_id: str,
    search: Search | None,
    sort: Sort,
    request: PageRequest,
) -> Page[AudienceView]:
    """Return a page of the other audiences whose activations also send this one's members. Raises NotFound."""
    repository = AudienceRepository(session)
    await repository.require(space_id, audience_id)
    position = request.position(width=2)
    found = await repository.walk_consumers(
        space_id, audience_id, search, sort, position, request.count + 1
    )
    total = await repository.count_consumers(space_id, audience_id, search)
    return _page(found, total, sort, request)


def _page(
    found: Sequence[AudienceView], total: int, sort: Sort, request: PageRequest
) -> Page[AudienceView]:
    return make_page(
        found,
        request=request,
        position=request.position(width=2),
        key=lambda view: sort_key(view.audience, sort),
        total=total,
    )


async def update_audience(
    session: AsyncSession,
    space_id: str,
    audience_id: str,
    changes: AudienceChanges,
    *,
    actor: str,
    now: datetime,
) -> AudienceView:
    """Change an audience; nothing is computed. Raises NotFound, and Invalid if the new definition is not valid."""
    repository = AudienceRepository(session)
    audience = await repository.require(space_id, audience_id, lock="update")
    before = audience_fields(audience)
    if changes.query is not None and changes.query != audience.query:
        audience.query = await saved_definition(
            session, space_id, changes.query, audience.audience_type
        )
    _apply(changes, audience)
    audience.updated_by, audience.updated_at = actor, now
    await session.flush()
    after = audience_fields(audience)
    await record_change(
        session, "audience", audience, "Audience Modified", actor, before=before, after=after
    )
    return await get_audience(session, space_id, audience_id)


def _apply(changes: AudienceChanges, audience: Audience) -> None:
    for name in ("name", "description", "enabled", "target_entity"):
        value = getattr(changes, name)
        if value is not None:
            setattr(audience, name, value)
    if changes.options is not None:
        audience.options = {**(audience.options or {}), **changes.options}


async def remove_audience(
    session: AsyncSession, space_id: str, audience_id: str, *, actor: str
) -> None:
    """Remove an audience. Raises Conflict while it is used, or while a sync of a removed activation is open."""
    repository = AudienceRepository(session)
    audience = await repository.require(space_id, audience_id, lock="remove")
    users = [
        *await ConnectionRepository(session).ids_of_audience(space_id, audience_id),
        *await ActivationRepository(session).ids_reading(space_id, audience_id),
    ]
    if users:
        more = f" and {len(users) - _NAMED} more" if len(users) > _NAMED else ""
        raise Conflict(
            f"The audience is used by {', '.join(users[:_NAMED])}{more}. Remove these connections and activations first.",
            data={"users": list(users)},
        )
    if await repository.has_open_sync(space_id, audience_id):
        raise Conflict("a sync of a removed activation is still ending; try again in a moment")
    before = audience_fields(audience)
    await record_change(session, "audience", audience, "Audience Deleted", actor, before=before)
    await repository.remove(audience)


async def force_run(
    session: AsyncSession,
    space_id: str,
    audience_id: str,
    *,
    as_of: datetime | None = None,
    make_current: bool = False,
    actor: str,
    now: datetime,
) -> Run:
    """Open a run that computes an audience now.

    Raises:
        NotFound: there is no such audience.
        Conflict: its members are supplied, or it is disabled.
        Invalid: ``as_of`` is in the future.
    """
    audience = await AudienceRepository(session).require(space_id, audience_id, lock="keep")
    _require_computed(audience)
    if as_of is not None and as_of > now + _CLOCK_SLACK:
        # No later run would be newer, so no later snapshot would become current.
        raise Invalid("asOf lies in the future", field="asOf")
    run = await runs.open_run(
        session,
        space_id=space_id,
        audience=audience,
        kind="definition",
        trigger="api",
        actor=actor,
        now=now,
        as_of=as_of,
        make_current=make_current,
    )
    await record_change(session, "audience", audience, "Audience Run Forced", actor)
    return run


def _require_computed(audience: Audience) -> None:
    if not audience.query:
        raise Conflict(
            "The audience has no definition: its members are supplied, not computed. Upload them (PUT …/members), or give it "
            "a definition first."
        )
    if not audience.enabled:
        raise Conflict("The audience is disabled. Enable it first (PATCH with enabled: true).")


async def _free_key(repository: AudienceRepository, space_id: str, name: str) -> str:
    """Return the first key of a name that no audience has and that no deleted audience left at a partner."""
    base = slug_of(name, separator="_", limit=_MAX_KEY, fallback="audience")
    taken = await repository.keys_like(space_id, base)
    key, number = base, 1
    while key in taken:
        number += 1
        key = f"{base}_{number}"
    return key


async def pinned_to(
    session: AsyncSession, space_id: str, audience_id: str, snapshot_id: str
) -> Audience:
    """Return the audience if it is pinned to a snapshot. Raises Conflict if it is not, and NotFound."""
    audience = await AudienceRepository(session).require(space_id, audience_id)
    if audience.pinned_snapshot_id != snapshot_id:
        raise Conflict("The audience is not pinned to this snapshot.")
    return audience


async def require_audience(session: AsyncSession, space_id: str, audience_id: str) -> Audience:
    """Read an audience of a space. Raises NotFound."""
    return await AudienceRepository(session).require(space_id, audience_id)
