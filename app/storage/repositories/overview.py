"""Activations of a space over all audiences, as a list shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.pagination import Position
from app.domain.status_words import TELLING
from app.storage.models import (
    ASIDE_KINDS,
    Activation,
    ActivationRevision,
    Audience,
    Destination,
    Sync,
)
from app.storage.repositories import keyset
from app.storage.repositories.activations import CURRENT_REVISION


@dataclass(frozen=True, slots=True)
class Sought:
    """Which activations; None: all. ``name`` is a part of the name, in whatever case."""

    state: str | None = None
    audience_id: str | None = None
    destination_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """An activation with the names around it, and the state of its newest sync that tells."""

    activation: Activation
    activation_type: str
    audience_name: str
    destination_name: str
    slug: str
    sync_state: str | None


class OverviewRepository:
    """Reads across the activations of a space."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def walk(
        self, space_id: str, sought: Sought, position: Position, limit: int
    ) -> Sequence[Overview]:
        """In the order of making, from a position on; before one, in the opposite order."""
        newest = (
            select(Sync.state)
            .where(
                Sync.space_id == Activation.space_id,
                Sync.activation_id == Activation.id,
                Sync.kind.not_in(ASIDE_KINDS),
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
                newest.c.state,
            )
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
            .where(*_conditions(space_id, sought))
        )
        query = keyset.walk(query, (Activation.id,), position.key, position, limit=limit)
        return [Overview(*row) for row in await self._session.execute(query)]

    async def count(self, space_id: str, sought: Sought) -> int:
        """How many there are."""
        query = select(func.count()).where(*_conditions(space_id, sought))
        return (await self._session.scalar(query)) or 0


def _conditions(space_id: str, sought: Sought) -> list[ColumnElement[Any]]:
    conditions: list[ColumnElement[Any]] = [
        Activation.space_id == space_id,
        Activation.deleted_at.is_(None),
    ]
    if sought.state is not None:
        conditions.append(Activation.state == sought.state)
    if sought.audience_id is not None:
        conditions.append(Activation.audience_id == sought.audience_id)
    if sought.destination_id is not None:
        conditions.append(Activation.destination_id == sought.destination_id)
    if sought.name is not None:
        conditions.append(Activation.name.icontains(sought.name, autoescape=True))
    return conditions
