"""Activations and the audiences that they send. The space and the audience are the first arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy import Select, case, delete, func, literal, null, select, true, update
from sqlalchemy.dialects.postgresql import JSONB

from app.core.errors import NotFound
from app.core.pagination import Position
from app.domain.activation_states import ActivationState
from app.storage.models import Activation, ActivationRevision, ActivationSource
from app.storage.repositories import keyset
from app.storage.repositories.base import DATABASE_NOW, Lock, Repository
from app.storage.repositories.built import built
from app.storage.repositories.revisions import CURRENT_REVISION, RevisionRepository

# JSON is read and returned as text: parsing it would take longer than the rest of the read.
_READ = """
SELECT a.id, a.enabled, a.connection_id, a.name, a.resync_wanted > a.resync_done AS resync,
       r.config ->> 'activationType' AS activation_type,
       (r.config -> 'personalization')::text AS personalization,
       (r.config -> 'destinationMapping')::text AS mapping,
       (r.config -> 'displayName')::text AS display_name
FROM activation a
JOIN activation_revision r ON r.space_id = a.space_id AND r.id = a.revision_id
WHERE a.space_id = $1 AND a.id = $2 AND a.audience_id = $3 AND a.deleted_at IS NULL
"""
_LIVING = Activation.deleted_at.is_(None)


@dataclass(frozen=True, slots=True)
class RawActivation:
    """An activation as the hot read returns it. JSON values are text, or None if they are missing."""

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
    """An activation with its current configuration."""

    activation: Activation
    config: dict[str, Any]


async def read_raw(
    pool: asyncpg.Pool[asyncpg.Record], space_id: str, audience_id: str, activation_id: str
) -> RawActivation | None:
    """Read one activation without the ORM. ``benchmarks/get_activation.py`` measures how long it takes."""
    row = await pool.fetchrow(_READ, space_id, activation_id, audience_id)
    return RawActivation(*row.values()) if row else None


def deleted_activations(space_id: str, audience_id: str) -> Select[str]:
    """Select the ids of deleted activations that have the audience as their own or among their sources."""
    sources = select(ActivationSource.activation_id).where(
        ActivationSource.space_id == space_id, ActivationSource.audience_id == audience_id
    )
    return select(Activation.id).where(
        Activation.space_id == space_id,
        Activation.deleted_at.is_not(None),
        (Activation.audience_id == audience_id) | Activation.id.in_(sources),
    )


class ActivationRepository(Repository[Activation]):
    """Tables ``activation`` and ``activation_source``. Deleted activations are left out unless a method says so."""

    model = Activation
    noun = "activation"
    key = (Activation.space_id, Activation.audience_id, Activation.id)
    parent = (Activation.space_id, Activation.audience_id)
    living = _LIVING

    async def get_any(
        self, space_id: str, activation_id: str, *, lock: Lock = None
    ) -> Activation | None:
        """Read an activation, even a deleted one: its syncs must still be settled."""
        return await self._first(_any(space_id, activation_id), lock)

    async def require_any(
        self, space_id: str, activation_id: str, *, lock: Lock = None
    ) -> Activation:
        """Read an activation, even a deleted one. Raises NotFound if it does not exist."""
        activation = await self.get_any(space_id, activation_id, lock=lock)
        if activation is None:
            raise NotFound.of("activation", activation_id)
        return activation

    async def require_view(
        self, space_id: str, audience_id: str, activation_id: str, *, lock: Lock = None
    ) -> ActivationView:
        """Read an activation and its current configuration. Raises NotFound if it does not exist."""
        activation = await self.require(space_id, audience_id, activation_id, lock=lock)
        config = await RevisionRepository(self.session).config_of(activation)
        return ActivationView(activation, config)

    async def walk_views(
        self, space_id: str, audience_id: str, position: Position, limit: int
    ) -> list[ActivationView]:
        """Read activations with their configurations, oldest first; before a position newest first."""
        start, key = Position(position.side), position.key
        query = _views(space_id, audience_id, start, limit, *key)
        return [ActivationView(row[0], row[1]) for row in await self._rows(query)]

    async def of_destination(
        self, space_id: str, destination_id: str, *, lock: Lock = None
    ) -> Sequence[Activation]:
        """Read the activations of a destination by id, the order in which they are locked (R7)."""
        return await self._all(_of_destination(space_id, destination_id), lock)

    async def notifying(self, space_id: str, destination_id: str) -> Sequence[Activation]:
        """Read the activations whose notices go to a destination, oldest first."""
        told = Activation.options["notifications"]["destinationId"].astext
        query = select(Activation).where(
            Activation.space_id == space_id, told == destination_id, _LIVING
        )
        return await self._all(query.order_by(Activation.id))

    async def of_connection(
        self, space_id: str, connection_id: str, *, lock: Lock = None
    ) -> Sequence[Activation]:
        """Read the activations of a destination connection, oldest first."""
        return await self._all(_of_connection(space_id, connection_id), lock)

    async def reading(
        self, space_id: str, audience_id: str, *, lock: Lock = None
    ) -> Sequence[Activation]:
        """Read the activations with the audience among their sources by id, the order in which they are locked (R7)."""
        return await self._all(_reading(space_id, audience_id), lock, of=Activation)

    async def ids_reading(self, space_id: str, audience_id: str) -> Sequence[str]:
        """Return the ids of the activations that have the audience among their sources."""
        return await self._all(_ids_reading(space_id, audience_id))

    async def count_reading(self, space_id: str, audience_ids: Sequence[str]) -> dict[str, int]:
        """Return how many activations have each audience among their sources: ``{audience id: number}``, without zeros."""
        query = (
            select(ActivationSource.audience_id, func.count())
            .join(
                Activation,
                (Activation.space_id == ActivationSource.space_id)
                & (Activation.id == ActivationSource.activation_id),
            )
            .where(
                ActivationSource.space_id == space_id,
                ActivationSource.audience_id.in_(audience_ids),
                _LIVING,
            )
            .group_by(ActivationSource.audience_id)
        )
        return {row[0]: row[1] for row in await self._rows(query)}

    async def take_due(self, now: datetime, limit: int) -> Sequence[Activation]:
        """Lock activations whose own schedule is due. Rows that another worker has locked are left out."""
        query = select(Activation).where(Activation.next_due_at <= now, _LIVING)
        return await self._all(
            query.order_by(Activation.next_due_at).limit(limit), "update", skip_locked=True
        )

    async def replace_sources(self, activation: Activation, audience_ids: Sequence[str]) -> None:
        """Set the audiences whose union an activation sends; the first is its own audience."""
        await self.session.execute(
            delete(ActivationSource).where(
                ActivationSource.space_id == activation.space_id,
                ActivationSource.activation_id == activation.id,
            )
        )
        self.session.add_all(
            ActivationSource(
                space_id=activation.space_id,
                activation_id=activation.id,
                position=position,
                audience_id=audience_id,
            )
            for position, audience_id in enumerate(audience_ids)
        )
        await self.session.flush()

    async def set_failing(
        self, space_id: str, activation_id: str, error: dict[str, Any] | None
    ) -> None:
        """Set since when an activation only fails, unless it is set, and its last error; or clear both after a success.

        The error of an activation that an error has stopped is not changed.
        """
        since = Activation.failing_since
        await self._write(
            update(Activation)
            .where(
                Activation.space_id == space_id,
                Activation.id == activation_id,
                true() if error else since.is_not(None),
            )
            .values(
                failing_since=func.coalesce(since, DATABASE_NOW) if error else None,
                last_error=case(
                    (Activation.state == ActivationState.ERROR, Activation.last_error),
                    else_=literal(error, JSONB) if error else null(),
                ),
            )
        )

    async def leave_connection(self, space_id: str, connection_id: str) -> None:
        """Clear the connection of all its activations, deleted ones included."""
        await self._write(
            update(Activation)
            .where(Activation.space_id == space_id, Activation.connection_id == connection_id)
            .values(connection_id=None)
        )

    async def delete_all(self, space_id: str, activation_ids: Select[str]) -> None:
        """Delete the rows of some activations."""
        await self._write(
            delete(Activation).where(
                Activation.space_id == space_id, Activation.id.in_(activation_ids)
            )
        )


@built
def _any(space_id: str, activation_id: str) -> Select[Activation]:
    return select(Activation).where(Activation.space_id == space_id, Activation.id == activation_id)


@built
def _views(
    space_id: str, audience_id: str, start: Position, limit: int, *key: str
) -> Select[Activation, dict[str, Any]]:
    query = (
        select(Activation, ActivationRevision.config)
        .join(ActivationRevision, CURRENT_REVISION)
        .where(Activation.space_id == space_id, Activation.audience_id == audience_id, _LIVING)
    )
    return keyset.walk(query, (Activation.id,), key, start, limit=limit)


@built
def _of_destination(space_id: str, destination_id: str) -> Select[Activation]:
    return (
        select(Activation)
        .where(
            Activation.space_id == space_id, Activation.destination_id == destination_id, _LIVING
        )
        .order_by(Activation.id)
    )


@built
def _of_connection(space_id: str, connection_id: str) -> Select[Activation]:
    return (
        select(Activation)
        .where(Activation.space_id == space_id, Activation.connection_id == connection_id, _LIVING)
        .order_by(Activation.id)
    )


_HAS_SOURCE = (ActivationSource.space_id == Activation.space_id) & (
    ActivationSource.activation_id == Activation.id
)


@built
def _reading(space_id: str, audience_id: str) -> Select[Activation]:
    return (
        select(Activation)
        .join(ActivationSource, _HAS_SOURCE)
        .where(
            Activation.space_id == space_id, ActivationSource.audience_id == audience_id, _LIVING
        )
        .order_by(Activation.id)
    )


@built
def _ids_reading(space_id: str, audience_id: str) -> Select[str]:
    return (
        select(ActivationSource.activation_id)
        .join(Activation, _HAS_SOURCE)
        .where(
            ActivationSource.space_id == space_id,
            ActivationSource.audience_id == audience_id,
            _LIVING,
        )
        .order_by(ActivationSource.activation_id)
    )
