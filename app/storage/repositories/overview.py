"""The list of the activations of a space, over all audiences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true

from app.core.pagination import Position
from app.domain.activation_states import ActivationState, Activity
from app.domain.left_out import members_left_out
from app.domain.status_words import SILENT_KINDS, TELLING
from app.domain.sync_states import OPEN_STATES, SyncKind, SyncState
from app.storage.models import (
    Activation,
    ActivationRevision,
    Audience,
    Destination,
    Sync,
)
from app.storage.repositories import keyset
from app.storage.repositories.base import Reader
from app.storage.repositories.revisions import CURRENT_REVISION


@dataclass(frozen=True, slots=True)
class Sought:
    """Filter of the list; None means all. ``name`` is a part of the name, in upper or lower case.

    ``activity`` is ``active`` (sends, or will send again), ``finished`` (a one-time send that was sent), ``error`` or ``inactive``
    (all others).
    """

    state: str | None = None
    activity: str | None = None
    audience_id: str | None = None
    destination_id: str | None = None
    name: str | None = None
    activation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """An activation with the names of its audience and destination, its activity, and the state of its newest sync that counts."""

    activation: Activation
    activation_type: str
    audience_name: str
    destination_name: str
    slug: str
    activity: str
    sync_state: str | None


@dataclass(frozen=True, slots=True)
class FinishedSend:
    """A one-time send that was sent, with the figures of its last completed sync."""

    activation_id: str
    audience_id: str
    name: str
    destination_name: str
    sync_id: str
    finished_at: datetime
    delivered: int
    rejected: int
    left_out: Mapping[str, int]  # by reason
    held: int

    @property
    def members_left_out(self) -> int:
        """How many of those who were in the audience were not sent."""
        return sum(members_left_out(self.left_out).values())


class OverviewQueries(Reader):
    """Reads across activations, revisions, audiences, destinations and syncs."""

    async def walk(
        self, space_id: str, sought: Sought, position: Position, limit: int
    ) -> Sequence[Overview]:
        """Read a part of the list, oldest first; before a position newest first."""
        # The page is chosen before the rest is joined: the newest sync is looked up for its rows only.
        chosen = select(Activation.space_id, Activation.id).where(*_conditions(space_id, sought))
        page = keyset.walk(chosen, (Activation.id,), position.key, position, limit=limit).subquery(
            "page"
        )
        newest = (
            select(Sync.state)
            .where(
                Sync.space_id == Activation.space_id,
                Sync.activation_id == Activation.id,
                Sync.kind.not_in(SILENT_KINDS),
                Sync.state.in_(TELLING),
            )
            .order_by(Sync.number.desc())
            .limit(1)
            .lateral("newest")
        )
        query = (
            select(
                Activation,
                ActivationRevision.config["activationType"].astext,
                Audience.name,
                Destination.name,
                Destination.slug,
                _activity,
                newest.c.state,
            )
            .join(page, and_(page.c.space_id == Activation.space_id, page.c.id == Activation.id))
            .join(ActivationRevision, CURRENT_REVISION)
            .join(
                Audience,
                and_(
                    Audience.space_id == Activation.space_id, Audience.id == Activation.audience_id
                ),
            )
            .join(
                Destination,
                and_(
                    Destination.space_id == Activation.space_id,
                    Destination.id == Activation.destination_id,
                ),
            )
            .outerjoin(newest, true())
            .order_by(Activation.id.desc() if position.side == "before" else Activation.id)
        )
        return [Overview(*row) for row in await self.session.execute(query)]

    async def finished(self, space_id: str, most: int) -> Sequence[FinishedSend]:
        """Return the one-time sends that were sent last, the newest first."""
        newest = (
            select(Sync.id, Sync.finished_at, Sync.delivered, Sync.rejected, Sync.left_out)
            .where(
                Sync.space_id == Activation.space_id,
                Sync.activation_id == Activation.id,
                Sync.kind.not_in(SILENT_KINDS),
                Sync.state == SyncState.COMPLETE,
            )
            .order_by(Sync.number.desc())
            .limit(1)
            .lateral("newest")
        )
        query = (
            select(
                Activation.id,
                Activation.audience_id,
                Activation.name,
                Destination.name,
                newest.c.id,
                newest.c.finished_at,
                newest.c.delivered,
                newest.c.rejected,
                newest.c.left_out,
                Activation.held,
            )
            .join(
                Destination,
                and_(
                    Destination.space_id == Activation.space_id,
                    Destination.id == Activation.destination_id,
                ),
            )
            .join(newest, true())
            .where(*_conditions(space_id, Sought(activity=Activity.FINISHED)))
            .order_by(Activation.last_synced_at.desc(), Activation.id)
            .limit(most)
        )
        return [FinishedSend(*row) for row in await self.session.execute(query)]

    async def count(self, space_id: str, sought: Sought) -> int:
        """Return the length of the list."""
        query = select(func.count()).where(*_conditions(space_id, sought))
        return await self._number(query)

    async def count_each(self, space_id: str, sought: Sought) -> dict[str, int]:
        """Return the length of the list for each activity: ``{"active": …, "finished": …, "inactive": …, "error": …}``."""
        found = (
            select(_activity.label("activity"))
            .where(*_conditions(space_id, replace(sought, activity=None)))
            .subquery()
        )
        query = select(found.c.activity, func.count()).group_by(found.c.activity)
        rows = (await self.session.execute(query)).all()
        return {**dict.fromkeys(ACTIVITIES, 0), **{name: count for name, count in rows}}  # noqa: C416  typed


ACTIVITIES = tuple(Activity)
_IS_ONCE = Activation.options["frequency"]["type"].astext.is_not_distinct_from("once")
_SYNCS = select(true()).where(
    Sync.space_id == Activation.space_id, Sync.activation_id == Activation.id
)
_HAS_OPEN_SYNC = (
    _SYNCS.where(Sync.kind != SyncKind.DRY_RUN, Sync.state.in_(OPEN_STATES))
    .correlate(Activation)
    .exists()
)
_WAS_SENT = (
    _SYNCS.where(Sync.kind.not_in(SILENT_KINDS), Sync.state == SyncState.COMPLETE)
    .correlate(Activation)
    .exists()
)
#: Whether an activation sends, or will send again: a one-time send will only until its sync has ended.
_WILL_SEND = or_(
    ~_IS_ONCE,
    Activation.next_due_at.is_not(None),
    Activation.awaits_since.is_not(None),
    _HAS_OPEN_SYNC,
)
_activity = case(
    (Activation.state == ActivationState.ERROR, Activity.ERROR.value),
    (Activation.state != ActivationState.ACTIVE, Activity.INACTIVE.value),
    (_WILL_SEND, Activity.ACTIVE.value),
    (_WAS_SENT, Activity.FINISHED.value),
    else_=Activity.INACTIVE.value,
)


def _conditions(space_id: str, sought: Sought) -> list[ColumnElement[Any]]:
    conditions: list[ColumnElement[Any]] = [
        Activation.space_id == space_id,
        Activation.deleted_at.is_(None),
    ]
    if sought.state is not None:
        conditions.append(Activation.state == sought.state)
    if sought.activity is not None:
        conditions.append(_activity == sought.activity)
    if sought.activation_id is not None:
        conditions.append(Activation.id == sought.activation_id)
    if sought.audience_id is not None:
        conditions.append(Activation.audience_id == sought.audience_id)
    if sought.destination_id is not None:
        conditions.append(Activation.destination_id == sought.destination_id)
    if sought.name is not None:
        conditions.append(Activation.name.icontains(sought.name, autoescape=True))
    return conditions
