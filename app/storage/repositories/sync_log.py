"""The syncs of all activations of a space as one log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import aliased

from app.core.pagination import Position
from app.domain.sync_states import SyncState
from app.storage.models import ASIDE_KINDS, Activation, Audience, Destination, Sync
from app.storage.repositories import keyset
from app.storage.repositories.base import Reader


@dataclass(frozen=True, slots=True)
class SoughtSyncs:
    """Filter of the log; None means all. ``rejected`` leaves syncs without rejected changes out."""

    state: SyncState | None = None
    activation_id: str | None = None
    audience_id: str | None = None
    destination_id: str | None = None
    since: datetime | None = None
    rejected: bool = False


@dataclass(frozen=True, slots=True)
class LoggedSync:
    """A sync, with the names of its activation, audience and account. A deleted activation keeps its syncs."""

    sync: Sync
    activation_name: str
    audience_id: str
    audience_name: str
    destination_name: str


@dataclass(frozen=True, slots=True)
class RecentSync:
    """The figures of a sync in a row of the newest ones."""

    id: str
    activation_id: str
    number: int
    state: SyncState
    entered: int
    exited: int
    updated: int
    delivered: int
    rejected: int
    left_out_by_reason: Mapping[str, int]
    opened_at: datetime

    @property
    def left_out(self) -> int:
        """Number of changes that are not in the plan."""
        return sum(self.left_out_by_reason.values())


class SyncLogQueries(Reader):
    """Reads across syncs, activations, audiences and destinations."""

    async def walk(
        self, space_id: str, sought: SoughtSyncs, position: Position, limit: int
    ) -> Sequence[LoggedSync]:
        """Read a part of the log, newest first; before a position oldest first."""
        # The page is chosen before the names are joined: a join in the order of the log reads all of it for a rare status.
        chosen = select(Sync).where(*_conditions(space_id, sought))
        if sought.audience_id is not None:
            chosen = chosen.join(Activation, _OF_SYNC)
        chosen = keyset.walk(
            chosen, (Sync.id,), position.key, position, limit=limit, descending=True
        )
        page = aliased(Sync, chosen.subquery("page"))
        backward = position.side != "before"
        query = (
            select(page, Activation.name, Activation.audience_id, Audience.name, Destination.name)
            .join(
                Activation,
                and_(Activation.space_id == page.space_id, Activation.id == page.activation_id),
            )
            .join(Audience, _OF_ACTIVATION)
            .join(
                Destination,
                and_(Destination.space_id == page.space_id, Destination.id == page.destination_id),
            )
            .order_by(page.id.desc() if backward else page.id.asc())
        )
        return [LoggedSync(*row) for row in await self.session.execute(query)]

    async def count(self, space_id: str, sought: SoughtSyncs) -> int:
        """Return the length of the log."""
        query = select(func.count()).select_from(Sync).where(*_conditions(space_id, sought))
        if sought.audience_id is not None:
            query = query.join(Activation, _OF_SYNC)
        return await self._number(query)

    async def recent(
        self, space_id: str, activation_ids: Sequence[str], most: int
    ) -> Mapping[str, Sequence[RecentSync]]:
        """Return the newest syncs of activations, without dry runs and test sends, oldest first: ``{activation id: syncs}``."""
        newest = (
            select(*_FIGURES)
            .where(
                Sync.space_id == Activation.space_id,
                Sync.activation_id == Activation.id,
                Sync.kind.not_in(ASIDE_KINDS),
            )
            .order_by(Sync.number.desc())
            .limit(most)
            .lateral("newest")
        )
        query = (
            select(newest)
            .select_from(Activation)
            .join(newest, Activation.id == newest.c.activation_id)
            .where(Activation.space_id == space_id, Activation.id.in_(activation_ids))
            .order_by(newest.c.number)
        )
        found: dict[str, list[RecentSync]] = {one: [] for one in activation_ids}
        for row in await self.session.execute(query):
            recent = RecentSync(*row)
            found[recent.activation_id].append(recent)
        return found

    async def totals(self, space_id: str, span: timedelta) -> tuple[int, int]:
        """Return how many changes were delivered and rejected by the syncs that ended within ``span``."""
        # Not the exact clock: an index finds only what is compared with a time that is fixed for the statement.
        query = select(
            func.coalesce(func.sum(Sync.delivered), 0), func.coalesce(func.sum(Sync.rejected), 0)
        ).where(Sync.space_id == space_id, Sync.finished_at > func.now() - span)
        delivered, rejected = (await self.session.execute(query)).one()
        return int(delivered), int(rejected)


_FIGURES = (
    Sync.id,
    Sync.activation_id,
    Sync.number,
    Sync.state,
    Sync.entered,
    Sync.exited,
    Sync.updated,
    Sync.delivered,
    Sync.rejected,
    Sync.left_out,
    Sync.opened_at,
)
_OF_SYNC = and_(Activation.space_id == Sync.space_id, Activation.id == Sync.activation_id)
_OF_ACTIVATION = and_(
    Audience.space_id == Activation.space_id, Audience.id == Activation.audience_id
)


def _conditions(space_id: str, sought: SoughtSyncs) -> list[ColumnElement[Any]]:
    conditions: list[ColumnElement[Any]] = [Sync.space_id == space_id]
    if sought.state is not None:
        conditions.append(Sync.state == sought.state)
    if sought.activation_id is not None:
        conditions.append(Sync.activation_id == sought.activation_id)
    if sought.audience_id is not None:
        conditions.append(Activation.audience_id == sought.audience_id)
    if sought.destination_id is not None:
        conditions.append(Sync.destination_id == sought.destination_id)
    if sought.since is not None:
        conditions.append(Sync.opened_at >= sought.since)
    if sought.rejected:
        conditions.append(Sync.rejected > 0)
    return conditions
