"""Queries of audiences. The space is the first argument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from sqlalchemy import Row, Select, and_, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql import ColumnElement

from app.core.errors import NotFound
from app.core.pagination import Position
from app.domain.sync_states import OPEN_STATES
from app.storage.models import (
    Activation,
    ActivationSource,
    Audience,
    DestinationConnection,
    Notice,
    Run,
    Snapshot,
    Space,
    Sync,
)
from app.storage.repositories import keyset

Views = Select[Audience, str | None, int | None]
S = TypeVar("S", bound=Select[*tuple[Any, ...]])

SearchType = Literal["NAME", "KEY", "DEFINITION"]
SortField = Literal["NAME", "CREATED_AT", "UPDATED_AT"]


@dataclass(frozen=True, slots=True)
class Search:
    """Text to look for: in names and definitions anywhere, in keys at the beginning."""

    type: SearchType
    query: str


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of audiences."""

    field: SortField = "CREATED_AT"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class AudienceView:
    """An audience with the state of its newest run and the size of its membership, None where there is none."""

    audience: Audience
    run_state: str | None
    members: int | None


_SORTED: dict[SortField, InstrumentedAttribute[Any]] = {
    "NAME": Audience.name,
    "CREATED_AT": Audience.created_at,
    "UPDATED_AT": Audience.updated_at,
}


def sort_key(audience: Audience, sort: Sort) -> tuple[str, ...]:
    """Where an audience stands in a listing."""
    if sort.field == "NAME":
        return (audience.name, audience.id)
    moment = audience.created_at if sort.field == "CREATED_AT" else audience.updated_at
    return (keyset.moment_text(moment), audience.id)


class AudienceRepository:
    """The audiences of a space."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def require(self, space_id: str, audience_id: str) -> Audience:
        """Read an audience of a space. Raises NotFound."""
        audience = await self.get(space_id, audience_id)
        if audience is None:
            raise NotFound("audience not found")
        return audience

    async def get(
        self, space_id: str, audience_id: str, *, lock: Literal["share", "update"] | None = None
    ) -> Audience | None:
        """One audience; ``share`` keeps it from being removed, ``update`` from being changed by another."""
        query = select(Audience).where(Audience.space_id == space_id, Audience.id == audience_id)
        if lock is not None:
            shared = lock == "share"
            query = query.with_for_update(read=shared, key_share=shared).execution_options(
                populate_existing=True
            )
        return (await self._session.scalars(query)).first()

    async def view(self, space_id: str, audience_id: str) -> AudienceView | None:
        """One audience with its state and size."""
        row = (
            await self._session.execute(_views(space_id).where(Audience.id == audience_id))
        ).first()
        return _view(row) if row else None

    async def walk(
        self, space_id: str, search: Search | None, sort: Sort, position: Position, limit: int
    ) -> list[AudienceView]:
        """In an order, from a position on; before one, in the opposite order."""
        query = _sorted(_searched(_views(space_id), search), sort, position, limit)
        return [_view(row) for row in await self._session.execute(query)]

    async def count(self, space_id: str, search: Search | None) -> int:
        """How many audiences match."""
        query = select(func.count()).select_from(Audience).where(Audience.space_id == space_id)
        return (await self._session.scalar(_searched(query, search))) or 0

    async def walk_consumers(
        self,
        space_id: str,
        audience_id: str,
        search: Search | None,
        sort: Sort,
        position: Position,
        limit: int,
    ) -> list[AudienceView]:
        """Other audiences whose activations also send this one's members."""
        query = _views(space_id).where(_consumes(space_id, audience_id))
        query = _sorted(_searched(query, search), sort, position, limit)
        return [_view(row) for row in await self._session.execute(query)]

    async def count_consumers(self, space_id: str, audience_id: str, search: Search | None) -> int:
        """How many those are."""
        query = select(func.count()).select_from(Audience).where(_consumes(space_id, audience_id))
        return (await self._session.scalar(_searched(query, search))) or 0

    async def keys_like(self, space_id: str, base: str) -> set[str]:
        """Keys that are taken and begin like this one. Holds the space until the transaction ends, so that the
        answer stays true for who asks."""
        await self._session.execute(
            select(Space.id).where(Space.id == space_id).with_for_update(key_share=True)
        )
        query = select(Audience.key).where(
            Audience.space_id == space_id, Audience.key.startswith(base, autoescape=True)
        )
        return set(await self._session.scalars(query))

    def add(self, audience: Audience) -> None:
        """A new audience."""
        self._session.add(audience)

    async def users_of(self, space_id: str, audience_id: str) -> Sequence[str]:
        """Ids of the connections and living activations that use an audience."""
        connections = select(DestinationConnection.id).where(
            DestinationConnection.space_id == space_id,
            DestinationConnection.audience_id == audience_id,
        )
        activations = (
            select(ActivationSource.activation_id)
            .join(
                Activation,
                and_(
                    Activation.space_id == ActivationSource.space_id,
                    Activation.id == ActivationSource.activation_id,
                ),
            )
            .where(
                ActivationSource.space_id == space_id,
                ActivationSource.audience_id == audience_id,
                Activation.deleted_at.is_(None),
            )
        )
        return [
            *await self._session.scalars(connections.order_by(DestinationConnection.id)),
            *await self._session.scalars(activations.order_by(ActivationSource.activation_id)),
        ]

    async def has_open_sync(self, space_id: str, audience_id: str) -> bool:
        """Whether a removed activation of the audience still has a sync that is ending."""
        query = select(
            exists().where(
                Sync.space_id == space_id,
                Sync.state.in_(OPEN_STATES),
                Sync.activation_id.in_(_dead(space_id, audience_id)),
            )
        )
        return bool(await self._session.scalar(query))

    async def remove(self, audience: Audience) -> None:
        """Remove an audience that nobody uses, with its runs, snapshots and all that its removed activations left."""
        space_id, audience_id = audience.space_id, audience.id
        dead = _dead(space_id, audience_id)
        for statement in (
            delete(Notice).where(Notice.space_id == space_id, Notice.activation_id.in_(dead)),
            delete(Sync).where(Sync.space_id == space_id, Sync.activation_id.in_(dead)),
            delete(Activation).where(Activation.space_id == space_id, Activation.id.in_(dead)),
            delete(Snapshot).where(
                Snapshot.space_id == space_id, Snapshot.audience_id == audience_id
            ),
            delete(Run).where(Run.space_id == space_id, Run.audience_id == audience_id),
            delete(Audience).where(Audience.space_id == space_id, Audience.id == audience_id),
        ):
            await self._session.execute(statement.execution_options(synchronize_session=False))
        self._session.expunge(audience)


def _dead(space_id: str, audience_id: str) -> Select[str]:
    """Removed activations that have the audience among their sources, or as their own."""
    sources = select(ActivationSource.activation_id).where(
        ActivationSource.space_id == space_id, ActivationSource.audience_id == audience_id
    )
    return select(Activation.id).where(
        Activation.space_id == space_id,
        Activation.deleted_at.is_not(None),
        (Activation.audience_id == audience_id) | Activation.id.in_(sources),
    )


def _views(space_id: str) -> Views:
    newest_run = (
        select(Run.state)
        .where(Run.space_id == Audience.space_id, Run.audience_id == Audience.id)
        .order_by(Run.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    members = Snapshot.id == func.coalesce(
        Audience.pinned_snapshot_id, Audience.current_snapshot_id
    )
    return (
        select(Audience, newest_run, Snapshot.row_count)
        .outerjoin(Snapshot, and_(Snapshot.space_id == Audience.space_id, members))
        .where(Audience.space_id == space_id)
    )


def _view(row: Row[Audience, str | None, int | None]) -> AudienceView:
    audience, run_state, members = row
    return AudienceView(audience, run_state, members)


def _searched(query: S, search: Search | None) -> S:
    if search is None:
        return query
    condition: ColumnElement[bool]
    if search.type == "KEY":
        condition = Audience.key.startswith(search.query, autoescape=True)
    elif search.type == "NAME":
        condition = Audience.name.icontains(search.query, autoescape=True)
    else:
        condition = Audience.query.icontains(search.query, autoescape=True)
    return query.where(condition)


def _sorted(query: Views, sort: Sort, position: Position, limit: int) -> Views:
    values: tuple[Any, ...] = ()
    if position.side != "start":
        first = position.key[0]
        values = (first if sort.field == "NAME" else keyset.moment_of(first), position.key[1])
    return keyset.walk(
        query,
        (_SORTED[sort.field], Audience.id),
        values,
        position,
        limit=limit,
        descending=sort.descending,
    )


def _consumes(space_id: str, audience_id: str) -> ColumnElement[bool]:
    sharing = (
        select(Activation.audience_id)
        .join(
            ActivationSource,
            and_(
                ActivationSource.space_id == Activation.space_id,
                ActivationSource.activation_id == Activation.id,
            ),
        )
        .where(
            Activation.space_id == space_id,
            Activation.deleted_at.is_(None),
            Activation.audience_id != audience_id,
            ActivationSource.audience_id == audience_id,
        )
    )
    return and_(Audience.space_id == space_id, Audience.id.in_(sharing))
