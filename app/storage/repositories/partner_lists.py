"""Who uses the lists of a destination: connections and activations, with their configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select

from app.storage.models import Activation, ActivationRevision, Audience, DestinationConnection
from app.storage.repositories.base import Reader
from app.storage.repositories.revisions import CURRENT_REVISION


@dataclass(frozen=True, slots=True)
class Use:
    """A connection to a destination with one of its activations; the last three are None if it has none."""

    connection_id: str
    audience_id: str
    audience_name: str
    lists: Mapping[str, str]  # created for the connection
    connection_settings: Mapping[str, Any] | None
    activation_id: str | None
    activation_name: str | None
    config: Mapping[str, Any] | None


class PartnerListQueries(Reader):
    """Reads across connections, audiences and activations."""

    async def uses(self, space_id: str, destination_id: str) -> Sequence[Use]:
        """Read the connections to a destination, each with its activations and their current configurations."""
        query = (
            select(
                DestinationConnection.id,
                DestinationConnection.audience_id,
                Audience.name,
                DestinationConnection.lists,
                DestinationConnection.connection_settings,
                Activation.id,
                Activation.name,
                ActivationRevision.config,
            )
            .join(
                Audience,
                and_(
                    Audience.space_id == DestinationConnection.space_id,
                    Audience.id == DestinationConnection.audience_id,
                ),
            )
            .outerjoin(
                Activation,
                and_(
                    Activation.space_id == DestinationConnection.space_id,
                    Activation.connection_id == DestinationConnection.id,
                    Activation.deleted_at.is_(None),
                ),
            )
            .outerjoin(ActivationRevision, CURRENT_REVISION)
            .where(
                DestinationConnection.space_id == space_id,
                DestinationConnection.destination_id == destination_id,
            )
            .order_by(DestinationConnection.id, Activation.id)
        )
        return [Use(*row) for row in await self.session.execute(query)]
