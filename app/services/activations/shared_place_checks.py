"""Warnings about places at the partner that an activation shares with other activations of the workspace."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.crypto import Keyring
from app.domain.save_warnings import SaveWarning, WarningCode
from app.domain.shared_places import words_of
from app.services.places import Neighbours, find_neighbours, refresh_places
from app.storage.models import Activation
from app.storage.repositories.places import SharerRow


async def shared_place_warnings(
    session: AsyncSession, keyring: Keyring, workspace_id: str, activation: Activation
) -> Sequence[SaveWarning]:
    """Return a warning for each other activation that writes to a place of this one now."""
    space_id = activation.space_id
    if not await refresh_places(
        session, keyring, workspace_id, space_id, activation.destination_id
    ):
        return ()
    found = await find_neighbours(session, space_id, activation.id)
    return [_shared(found, row) for row in found.rows if row.current]


def _shared(found: Neighbours, row: SharerRow) -> SaveWarning:
    places = " and ".join(words_of(place) for place in row.places)
    more = "" if found.is_whole(row) else " (this activation writes to more than that)"
    return SaveWarning(
        WarningCode.SHARED_PLACE,
        "connectionSettings",
        f"The activation {row.name} ({row.activation_id}, space {row.space_id}) also writes to {places}{more}. "
        "While one of them holds a member there, an exit by the other is not sent. To keep them apart, name another place.",
    )
