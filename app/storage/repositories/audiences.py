"""Audiences. The space is the first argument."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from sqlalchemy import Row, Select, and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql import ColumnElement

from app.core.errors import NotFound
from app.core.pagination import Position
from app.storage.models import (
    Activation,
    ActivationSource,
    Audience,
    DestinationConnection,
    RetiredKey,
    Run,
    Snapshot,
)
from app.storage.repositories import keyset
from app.storage.repositories.activations import ActivationRepository, deleted_activations
from app.storage.repositories.base import Repository
from app.storage.repositories.built import built
from app.storage.repositories.notices import NoticeRepository
from app.storage.repositories.places import PlaceRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.snapshots import SnapshotRepository
from app.storage.repositories.spaces import SpaceRepository
from app.storage.repositories.syncs import SyncRepository

Views = Select[Audience, str | None, int | None]
S = TypeVar("S", bound=Select[*tuple[Any, ...]])

SearchType = Literal["NAME", "KEY", "DEFINITION"]
SortField = Literal["NAME", "CREATED_AT", "UPDATED_AT"]


@dataclass(frozen=True, slots=True)
class Search:
    """Text to look for: anywhere in names and definitions, at the beginning of keys."""

    type: SearchType
    query: str


@dataclass(frozen=True, slots=True)
class Sort:
    """Order of a listing."""

    field: SortField = "CREATED_AT"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class AudienceView:
    """An audience with the state of its newest run and its number of members, None if there is no run or snapshot."""

    audience: Audience
    run_state: str | None
    members: int | None


_SORTED: dict[SortField, InstrumentedAttribute[Any]] = {
    "NAME": Audience.name,
    "CREATED_AT": Audience.created_at,
    "UPDATED_AT": Audience.updated_at,
}


def sort_key(audience: Audience, sort: Sort) -> tuple[str, ...]:
    """Return the key of an audience in a listing, for cursors."""
    if sort.field == "NAME":
        return (audience.name, audience.id)
    moment = audience.created_at if sort.field == "CREATED_AT" else audience.updated_at
    return (keyset.moment_text(moment), audience.id)


class AudienceRepository(Repository[Audience]):
    """Table ``audience``."""

    model = Audience
    noun = "audience"
    key = (Audience.space_id, Audience.id)
    parent = (Audience.space_id,)

    async def require_view(self, space_id: str, audience_id: str) -> AudienceView:
        """Read an audience with its state and size. Raises NotFound if it does not exist."""
        rows = await self._rows(_view_of(space_id, audience_id))
        if not rows:
            raise NotFound.of("audience", audience_id)
        return _view(rows[0])

    async def walk_views(
        self, space_id: str, search: Search | None, sort: Sort, position: Position, limit: int
    ) -> list[AudienceView]:
        """Read audiences in an order from a position on; before a position in reverse order."""
        listing = _Listing(_kind(search), sort, Position(position.side))
        query = _listed(space_id, listing, _text(search), limit, *_values(sort, position))
        return [_view(row) for row in await self._rows(query)]

    async def count_found(self, space_id: str, search: Search | None) -> int:
        """Return how many audiences match a search."""
        return await self._number(_count_found(space_id, _kind(search), _text(search)))

    async def walk_consumers(
        self,
        space_id: str,
        audience_id: str,
        search: Search | None,
        sort: Sort,
        position: Position,
        limit: int,
    ) -> list[AudienceView]:
        """Read the other audiences whose activations also send the members of this one."""
        listing = _Listing(_kind(search), sort, Position(position.side))
        values = _values(sort, position)
        query = _consumers(space_id, audience_id, listing, _text(search), limit, *values)
        return [_view(row) for row in await self._rows(query)]

    async def count_consumers(self, space_id: str, audience_id: str, search: Search | None) -> int:
        """Return how many other audiences have activations that also send the members of this one."""
        query = _count_consumers(space_id, audience_id, _kind(search), _text(search))
        return await self._number(query)

    async def sources_of(self, space_id: str, activation_id: str) -> Sequence[Audience]:
        """Read the audiences whose union an activation sends, in their order."""
        return await self._all(_sources_of(space_id, activation_id))

    async def connected_to(self, space_id: str, destination_id: str) -> Sequence[Audience]:
        """Read the audiences that have a connection to a destination, oldest first."""
        return await self._all(_connected_to(space_id, destination_id))

    async def naming(self, space_id: str, name: str) -> Sequence[Audience]:
        """Read the audiences whose definition contains a name as a whole word, oldest first."""
        query = (
            select(Audience)
            .where(
                Audience.space_id == space_id,
                Audience.query.regexp_match(rf"\m{re.escape(name)}\M", flags="i"),
            )
            .order_by(Audience.created_at)
        )
        return await self._all(query)

    async def defined(self, space_id: str) -> Sequence[tuple[str, str, str]]:
        """Return ``(id, name, definition)`` of the audiences that have a definition, oldest first."""
        query = (
            select(Audience.id, Audience.name, Audience.query)
            .where(Audience.space_id == space_id, Audience.query != "")
            .order_by(Audience.created_at, Audience.id)
        )
        return [(row[0], row[1], row[2]) for row in await self._rows(query)]

    async def keys_like(self, space_id: str, base: str) -> set[str]:
        """Return the keys that begin with ``base``, used or retired. Locks the space: no key is added before the transaction ends."""
        await SpaceRepository(self.session).lock(space_id)
        used = select(Audience.key).where(
            Audience.space_id == space_id, Audience.key.startswith(base, autoescape=True)
        )
        retired = select(RetiredKey.key).where(
            RetiredKey.space_id == space_id, RetiredKey.key.startswith(base, autoescape=True)
        )
        return set(await self.session.scalars(used.union(retired)))

    async def has_open_sync(self, space_id: str, audience_id: str) -> bool:
        """Return whether a sync of a deleted activation of the audience has not ended."""
        deleted = deleted_activations(space_id, audience_id)
        return await SyncRepository(self.session).any_open(space_id, deleted)

    async def remove(self, audience: Audience) -> None:
        """Delete an unused audience, its runs and snapshots, and all rows of its deleted activations.

        Keys that these activations left at a partner are retired.
        """
        space_id, audience_id = audience.space_id, audience.id
        deleted = deleted_activations(space_id, audience_id)
        await self._retire_keys(space_id, deleted)
        await NoticeRepository(self.session).delete_all(space_id, deleted)
        await SyncRepository(self.session).delete_all(space_id, deleted)
        await PlaceRepository(self.session).delete_all(space_id, deleted)
        await ActivationRepository(self.session).delete_all(space_id, deleted)
        await SnapshotRepository(self.session).delete_all(space_id, audience_id)
        await RunRepository(self.session).delete_all(space_id, audience_id)
        await self._write(
            delete(Audience).where(Audience.space_id == space_id, Audience.id == audience_id)
        )
        self.session.expunge(audience)

    async def _retire_keys(self, space_id: str, activation_ids: Select[str]) -> None:
        """Retire the keys of the audiences to which some activations belong, if members were left at the partner."""
        carried = (
            select(Audience.space_id, Audience.key)
            .join(
                Activation,
                (Activation.space_id == Audience.space_id)
                & (Activation.audience_id == Audience.id),
            )
            .where(
                Activation.space_id == space_id,
                Activation.id.in_(activation_ids),
                Activation.held > 0,
            )
            .distinct()
        )
        await self.session.execute(
            insert(RetiredKey).from_select(["space_id", "key"], carried).on_conflict_do_nothing()
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


@dataclass(frozen=True, slots=True)
class _Listing:
    """The form of a listing: what is searched, if anything, the order, and on which side of a position."""

    search: Search | None
    sort: Sort
    start: Position


def _kind(search: Search | None) -> Search | None:
    return Search(search.type, "") if search is not None else None


def _text(search: Search | None) -> str:
    """Return the text of a search as a part of a pattern."""
    text = search.query if search is not None else ""
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")


def _searched(query: S, search: Search | None, text: str) -> S:
    if search is None:
        return query
    condition: ColumnElement[bool]
    if search.type == "KEY":
        condition = Audience.key.startswith(text, escape="/")
    elif search.type == "NAME":
        condition = Audience.name.icontains(text, escape="/")
    else:
        condition = Audience.query.icontains(text, escape="/")
    return query.where(condition)


def _values(sort: Sort, position: Position) -> tuple[Any, ...]:
    if position.side == "start":
        return ()
    first = position.key[0]
    return first if sort.field == "NAME" else keyset.moment_of(first), position.key[1]


def _in_order(query: Views, listing: _Listing, text: str, limit: int, values: Any) -> Views:
    sort = listing.sort
    return keyset.walk(
        _searched(query, listing.search, text),
        (_SORTED[sort.field], Audience.id),
        values,
        listing.start,
        limit=limit,
        descending=sort.descending,
    )


@built
def _view_of(space_id: str, audience_id: str) -> Views:
    return _views(space_id).where(Audience.id == audience_id)


@built
def _listed(space_id: str, listing: _Listing, text: str, limit: int, *values: Any) -> Views:
    return _in_order(_views(space_id), listing, text, limit, values)


@built
def _count_found(space_id: str, search: Search | None, text: str) -> Select[int]:
    query = select(func.count()).select_from(Audience).where(Audience.space_id == space_id)
    return _searched(query, search, text)


@built
def _consumers(
    space_id: str, audience_id: str, listing: _Listing, text: str, limit: int, *values: Any
) -> Views:
    query = _views(space_id).where(_consumes(space_id, audience_id))
    return _in_order(query, listing, text, limit, values)


@built
def _count_consumers(
    space_id: str, audience_id: str, search: Search | None, text: str
) -> Select[int]:
    query = select(func.count()).select_from(Audience).where(_consumes(space_id, audience_id))
    return _searched(query, search, text)


@built
def _sources_of(space_id: str, activation_id: str) -> Select[Audience]:
    return (
        select(Audience)
        .join(
            ActivationSource,
            (ActivationSource.space_id == Audience.space_id)
            & (ActivationSource.audience_id == Audience.id),
        )
        .where(
            ActivationSource.space_id == space_id,
            ActivationSource.activation_id == activation_id,
        )
        .order_by(ActivationSource.position)
    )


@built
def _connected_to(space_id: str, destination_id: str) -> Select[Audience]:
    return (
        select(Audience)
        .join(
            DestinationConnection,
            (DestinationConnection.space_id == Audience.space_id)
            & (DestinationConnection.audience_id == Audience.id),
        )
        .where(
            Audience.space_id == space_id,
            DestinationConnection.destination_id == destination_id,
        )
        .order_by(Audience.created_at)
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
