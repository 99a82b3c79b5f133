"""Queries of activations and their revisions. The space and the audience are the first arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import NotFound
from app.core.pagination import Position
from app.storage.models import Activation, ActivationRevision, ActivationSource
from app.storage.repositories import keyset

# JSON comes as text and goes out as it came: parsing it would cost more than the rest of the read.
_READ = """
SELECT a.id, a.enabled, a.connection_id, a.name, a.resync_wanted > a.resync_done AS resync,
       r.config ->> 'activationType' AS activation_type,
       r.config -> 'personalization' AS personalization,
       r.config -> 'destinationMapping' AS mapping,
       r.config -> 'displayName' AS display_name
FROM activation a
JOIN activation_revision r ON r.space_id = a.space_id AND r.id = a.revision_id
WHERE a.space_id = $1 AND a.id = $2 AND a.audience_id = $3 AND a.deleted_at IS NULL
"""


#: The condition of a join of activations with the configuration that they have now.
CURRENT_REVISION = and_(
    ActivationRevision.space_id == Activation.space_id,
    ActivationRevision.id == Activation.revision_id,
)


@dataclass(frozen=True, slots=True)
class RawActivation:
    """An activation as the hot read finds it; JSON values are text, None where they are not there."""

    id: str
    enabled: bool
    connection_id: str
    name: str
    resync: bool
    activation_type: str
    personalization: str
    mapping: str | None
    display_name: str | None


@dataclass(frozen=True, slots=True)
class ActivationView:
    """An activation with the configuration that it has now."""

    activation: Activation
    config: dict[str, Any]


async def read_raw(
    pool: asyncpg.Pool[asyncpg.Record], space_id: str, audience_id: str, activation_id: str
) -> RawActivation | None:
    """One activation, by the shortest way; what it costs is measured by ``benchmarks/get_activation.py``."""
    row = await pool.fetchrow(_READ, space_id, activation_id, audience_id)
    return RawActivation(*row.values()) if row else None


class ActivationRepository:
    """The activations of an audience that are not removed."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def require(
        self, space_id: str, audience_id: str, activation_id: str, *, lock: bool = False
    ) -> Activation:
        """Read a living activation of an audience, locked for an update if asked. Raises NotFound."""
        query = select(Activation).where(
            Activation.space_id == space_id, Activation.id == activation_id
        )
        if lock:
            query = query.with_for_update()
        query = query.execution_options(populate_existing=True)
        activation = (await self._session.scalars(query)).first()
        if (
            activation is None
            or activation.audience_id != audience_id
            or activation.deleted_at is not None
        ):
            raise NotFound("activation not found")
        return activation

    async def get(
        self, space_id: str, audience_id: str, activation_id: str, *, lock: bool = False
    ) -> ActivationView | None:
        """One activation, locked for an update where asked."""
        query = select(Activation).where(
            Activation.space_id == space_id,
            Activation.audience_id == audience_id,
            Activation.id == activation_id,
            Activation.deleted_at.is_(None),
        )
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        activation = (await self._session.scalars(query)).first()
        if activation is None:
            return None
        return ActivationView(activation, await self.config_of(activation))

    async def config_of(self, activation: Activation) -> dict[str, Any]:
        """The configuration that an activation has now."""
        query = select(ActivationRevision.config).where(
            ActivationRevision.space_id == activation.space_id,
            ActivationRevision.id == activation.revision_id,
        )
        return (await self._session.execute(query)).scalar_one()

    async def walk(
        self, space_id: str, audience_id: str, position: Position, limit: int
    ) -> list[ActivationView]:
        """In the order of making, from a position on; before one, in the opposite order."""
        query = (
            select(Activation, ActivationRevision.config)
            .join(ActivationRevision, CURRENT_REVISION)
            .where(
                Activation.space_id == space_id,
                Activation.audience_id == audience_id,
                Activation.deleted_at.is_(None),
            )
        )
        query = keyset.walk(query, (Activation.id,), position.key, position, limit=limit)
        return [ActivationView(row[0], row[1]) for row in await self._session.execute(query)]

    async def count(self, space_id: str, audience_id: str) -> int:
        """How many an audience has."""
        query = select(func.count()).where(
            Activation.space_id == space_id,
            Activation.audience_id == audience_id,
            Activation.deleted_at.is_(None),
        )
        return (await self._session.scalar(query)) or 0

    def add(self, activation: Activation, source: ActivationSource) -> None:
        """A new activation with its own audience as the first source."""
        self._session.add(activation)
        self._session.add(source)
