"""Two spaces of one workspace with one partner account each, which may be the same, and their work done by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from app.core import clock
from app.core.ids import new_hex_id, new_id
from app.queue import Task
from app.sandbox.braze import DEFAULT_KEY, BrazeEmulator
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.services.accounts.settings import seal_settings
from app.services.activations import remove_activation
from app.services.periodic.place_waits import open_waiting
from app.services.platform.platform import Platform
from app.services.syncs import syncs
from app.storage.models import Audience, Destination, DestinationConnection, Space, Sync
from tests.flow import ACTOR, Flow, installation
from tests.stepping import Hand

BY_HAND = (Task.RECOMPUTE, Task.PLAN, Task.DELIVER, Task.SETTLE)


@dataclass
class Owner:
    """An activation in a space of its own."""

    flow: Flow
    hand: Hand
    id: str = ""

    async def activate(self, **config: Any) -> None:
        self.id = await self.flow.activate(resync=True, **config)

    async def supply(self, names: Iterable[str], **more: Any) -> None:
        """Supply the members, and compute the snapshot; nothing is planned."""
        rows = [
            {"profile_id": name, "user_id": name, "email": f"{name}@example.com", **more}
            for name in names
        ]
        await self.flow.supply(rows)
        await self.hand.once(tasks=(Task.RECOMPUTE,))

    async def newest(self) -> Sync:
        return (await self.flow.syncs(self.id))[-1]

    async def held(self) -> int:
        return (await self.flow.activation(self.id)).held

    async def cancel(self) -> None:
        sync = await self.newest()
        async with self.flow.platform.unit_of_work() as session:
            await syncs.cancel_sync(session, self.flow.space_id, self.id, sync.id, actor=ACTOR)

    async def remove(self) -> None:
        async with self.flow.platform.unit_of_work() as session:
            await remove_activation(
                session,
                self.flow.space_id,
                self.flow.audience_id,
                self.id,
                actor=ACTOR,
                now=clock.now(),
            )


@dataclass
class Owners:
    """Two owners, the partner, and what the sweep of a worker does for them."""

    one: Owner
    other: Owner
    partner: BrazeEmulator | KlaviyoEmulator
    hand: Hand
    sandbox: Sandbox

    async def plan(self) -> None:
        await self.hand.once(tasks=(Task.PLAN,))

    async def all(self) -> None:
        """Do all work, also that which waits for another activation, until nothing is left."""
        await self.hand.quiet()
        while await self.wake():
            await self.hand.quiet()

    async def wake(self) -> int:
        async with self.hand.platform.unit_of_work() as session:
            return await open_waiting(session)

    def marked(self, attribute: str = "audience_buyers") -> set[str]:
        """The users with the attribute."""
        return {user["external_id"] for user in self.partner.members(attribute) or []}

    async def share(self, names: str, **config: Any) -> None:
        """Let both have members, and deliver all."""
        for owner in (self.one, self.other):
            await owner.activate(**config)
            await owner.supply(names)
        await self.all()


IDENTITY: dict[str, Any] = {
    "idSync": [{"externalId": "user_id", "strategy": "last", "mapTo": "external_id"}]
}


@asynccontextmanager
async def owners(
    platform: Platform, partner: BrazeEmulator | KlaviyoEmulator | None = None
) -> AsyncIterator[Owners]:
    """Two spaces with an audience of one key, each connected to the same account: of Braze, or of another partner."""
    partner = partner or BrazeEmulator()
    async with installation(platform) as flow, Sandbox([partner]) as sandbox:
        url = sandbox.urls[partner.name]
        settings = (
            {"api_key": DEFAULT_KEY, "rest_endpoint": url}
            if partner.name == "braze"
            else {"api_key": "pk_sandbox", "base_url": url}
        )
        await flow.use_account(partner.name, settings)
        second = await another_space(flow, partner.name, settings)
        hand = Hand(flow)
        yield Owners(Owner(flow, hand), Owner(second, hand), partner, hand, sandbox)


async def another_space(flow: Flow, slug: str, settings: dict[str, Any]) -> Flow:
    """A second space of the workspace, with an audience of the same key and an account at the partner."""
    space_id, audience_id, destination_id, connection_id = (
        new_id("spa"),
        new_id("aud"),
        new_hex_id(),
        new_id("ii"),
    )
    workspace = await flow.workspace_id()
    async with flow.platform.unit_of_work() as session:
        session.add(Space(id=space_id, workspace_id=workspace, slug="second", name="Second"))
        await session.flush()
        session.add(
            Audience(
                space_id=space_id,
                id=audience_id,
                name="Buyers",
                key="buyers",
                enabled=True,
                audience_type="USERS",
                query="",
                created_by=ACTOR,
                updated_by=ACTOR,
            )
        )
        session.add(
            Destination(
                space_id=space_id,
                id=destination_id,
                slug=slug,
                name="Account",
                settings=seal_settings(flow.platform.keyring, workspace, destination_id, settings),
                created_by=ACTOR,
                updated_by=ACTOR,
            )
        )
        await session.flush()
        session.add(
            DestinationConnection(
                space_id=space_id,
                id=connection_id,
                audience_id=audience_id,
                destination_id=destination_id,
                id_sync=[],
            )
        )
    return replace(
        flow,
        space_id=space_id,
        audience_id=audience_id,
        destination_id=destination_id,
        connection_id=connection_id,
    )
