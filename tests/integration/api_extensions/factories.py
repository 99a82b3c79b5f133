"""Creates rows that the tests start with."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.core import clock
from app.core.ids import new_id
from app.domain.activation_states import ActivationState
from app.domain.options import DEFAULT_OPTIONS
from app.services.platform.platform import Platform
from app.storage.models import (
    Activation,
    ActivationRevision,
    ActivationSource,
    Audience,
    Destination,
    DestinationConnection,
)

CONFIG: dict[str, Any] = {
    "activationType": "Audience Membership Changed",
    "personalization": {"profile": {"properties": []}},
    "idSync": [{"externalId": "email", "strategy": "last"}],
    "idSyncGiven": False,
    "connectionSettings": {},
    "mode": "maintain",
    "split": None,
    "updates": False,
    "list": None,
    "consent": None,
}


async def create_audience(
    platform: Platform, space_id: str, *, query: str = "", audience_type: str = "USERS"
) -> str:
    """Create an audience, with supplied members unless a query is given. Returns its id."""
    audience_id = new_id("aud")
    async with platform.unit_of_work() as session:
        session.add(
            Audience(
                space_id=space_id,
                id=audience_id,
                name="Buyers",
                key=f"buyers_{audience_id[-6:]}",
                enabled=True,
                audience_type=audience_type,
                query=query,
                created_by="test",
                updated_by="test",
            )
        )
    return audience_id


@dataclass(frozen=True)
class Scene:
    """An audience that is connected and activated."""

    space_id: str
    audience_id: str
    destination_id: str
    activation_id: str

    @property
    def path(self) -> str:
        return f"audiences/{self.audience_id}/activations/{self.activation_id}"

    async def pause_by_account(self, platform: Platform) -> None:
        """Open the breaker and put the activation in error, as a refused key does."""
        async with platform.unit_of_work() as session:
            activation = await session.get(Activation, (self.space_id, self.activation_id))
            destination = await session.get(Destination, (self.space_id, self.destination_id))
            assert activation is not None
            assert destination is not None
            activation.state = ActivationState.ERROR
            activation.last_error = {"message": "The key was refused.", "pausedBy": "account"}
            destination.open_until = clock.now() + timedelta(hours=1)
            destination.breaker = {"reason": "401"}

    async def state(self, platform: Platform) -> str:
        """Return the activation's current state."""
        async with platform.unit_of_work() as session:
            activation = await session.get(Activation, (self.space_id, self.activation_id))
            assert activation is not None
            return activation.state


async def create_activation(
    platform: Platform,
    space_id: str,
    destination_id: str,
    *,
    enabled: bool = True,
    audience_id: str | None = None,
    config: dict[str, Any] | None = None,
) -> Scene:
    """Create an enabled activation that sends the whole audience once, as ``performResync`` does."""
    audience_id = audience_id or await create_audience(platform, space_id)
    connection_id, activation_id, revision_id = new_id("ii"), new_id("act"), new_id("rev")
    async with platform.unit_of_work() as session:
        session.add(
            DestinationConnection(
                space_id=space_id,
                id=connection_id,
                audience_id=audience_id,
                destination_id=destination_id,
                id_sync=CONFIG["idSync"],
            )
        )
        await session.flush()
        session.add(
            Activation(
                space_id=space_id,
                id=activation_id,
                audience_id=audience_id,
                connection_id=connection_id,
                destination_id=destination_id,
                name="Main",
                enabled=enabled,
                state="active" if enabled else "inactive",
                revision_id=revision_id,
                resync_wanted=1,
                options=copy.deepcopy(DEFAULT_OPTIONS),
            )
        )
        await session.flush()
        session.add(
            ActivationSource(
                space_id=space_id,
                activation_id=activation_id,
                position=0,
                audience_id=audience_id,
            )
        )
        session.add(
            ActivationRevision(
                space_id=space_id,
                id=revision_id,
                activation_id=activation_id,
                number=1,
                config={**copy.deepcopy(CONFIG), **(config or {})},
                created_by="test",
            )
        )
    return Scene(space_id, audience_id, destination_id, activation_id)
