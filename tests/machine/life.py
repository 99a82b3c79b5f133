"""The actions of users on an activation, each through the service that the API calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson

from app.core import clock
from app.core.errors import Conflict, NotFound
from app.domain.changes import ChangeKind
from app.queue import Task
from app.services.activations import activations, connections, delivery_options, destinations
from app.services.activations.activations import ActivationChanges
from app.services.audiences import runs
from app.services.audiences.member_patches import patch_members
from app.services.audiences.member_uploads import put_members
from app.services.holdings import holdings
from app.services.planning import test_sends
from app.services.syncs import syncs
from app.storage.models import Run, Space, Sync
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.snapshots import SnapshotRepository
from app.storage.repositories.syncs import SyncRepository
from tests.flow import ACTOR, Flow
from tests.machine.crashes import Crashes
from tests.machine.truth import People

NDJSON = "application/x-ndjson"


class Life:
    """One activation of a flow, with the hand that carries out its work."""

    def __init__(self, flow: Flow, activation: str) -> None:
        self.flow = flow
        self.platform = flow.platform
        self.activation = activation
        self.hand = Crashes(flow)
        self._audience: dict[str, Any] = {
            "space_id": flow.space_id,
            "audience_id": flow.audience_id,
        }
        self._place: dict[str, Any] = {**self._audience, "activation_id": activation}

    # The audience

    async def upload(self, membership: People) -> None:
        """Upload the whole membership."""
        await put_members(
            self.platform,
            _rows(membership),
            **self._audience,
            content_type=NDJSON,
            content_encoding=None,
            announced=None,
            **_by(),
        )

    async def patch(self, add: People, remove: Sequence[str]) -> None:
        """Add, change or remove single members."""
        await patch_members(
            self.platform,
            **self._audience,
            add=[one.row(profile) for profile, one in add.items()],
            remove=list(remove),
            **_by(),
        )

    async def compute(self) -> None:
        """Carry out the pending runs only."""
        while await self._open_run() is not None:
            await self.hand.once(tasks=(Task.RECOMPUTE,))

    async def _open_run(self) -> Run | None:
        async with self.platform.unit_of_work() as session:
            return await RunRepository(session).next_open(self.flow.space_id, self.flow.audience_id)

    async def roll_back(self, index: int) -> None:
        """Pin the audience to one of its snapshots; 0 is the oldest."""
        async with self.platform.unit_of_work() as session:
            page = await SnapshotRepository(session).newest(
                self.flow.space_id, self.flow.audience_id, before=None, limit=1000
            )
            found = sorted(page, key=lambda snapshot: snapshot.version)[index]
            await runs.roll_back(session, **self._audience, snapshot_id=found.id, **_by())

    async def release(self) -> None:
        """Return to the newest snapshot."""
        async with self.platform.unit_of_work() as session:
            await runs.release_pin(session, **self._audience, **_by())

    # The activation and its account

    async def options(self, **changes: Any) -> None:
        """Change delivery options, by their names in the API."""
        async with self.platform.unit_of_work() as session:
            await delivery_options.update_delivery_options(
                session, **self._place, changes=changes, **_by()
            )

    async def change(self, **changes: Any) -> None:
        """Change the activation itself."""
        async with self.platform.unit_of_work() as session:
            await activations.update_activation(
                session, **self._place, changes=ActivationChanges(**changes), **_by()
            )

    async def choose_identities(self, chosen: Sequence[tuple[str, str]]) -> None:
        """Replace the connection's list of identifiers."""
        entries = [{"externalId": kind, "strategy": strategy} for kind, strategy in chosen]
        async with self.platform.unit_of_work() as session:
            await connections.update_connection(
                session,
                **self._audience,
                path_id=self.flow.connection_id,
                id_sync=entries,
                connection_settings=None,
                **_by(),
            )

    async def check_account(self) -> bool:
        """Check the account's credentials, which closes its circuit breaker."""
        async with self.platform.unit_of_work() as session:
            workspace_id = await self._workspace(session)
        result = await destinations.check_destination(
            self.platform,
            workspace_id=workspace_id,
            space_id=self.flow.space_id,
            destination_id=self.flow.destination_id,
            connection_settings={},
            actor=ACTOR,
        )
        return result.ok

    async def _workspace(self, session: Any) -> str:
        space = await session.get(Space, self.flow.space_id)
        assert space is not None
        return str(space.workspace_id)

    async def is_at_work(self) -> bool:
        """Check whether the activation is enabled and working."""
        row = await self.flow.activation(self.activation)
        return row.enabled and row.state == "active"

    # Syncs

    async def start(self, kind: str = "incremental", *, dry: bool = False) -> None:
        """Start a sync. Raises Conflict if the activation does not send."""
        await self.hand.start(self.activation, kind=kind, dry=dry)

    async def cancel(self) -> None:
        """Cancel the open sync."""
        sync = await self.open_sync()
        if sync is not None:
            async with self.platform.unit_of_work() as session:
                await syncs.cancel_sync(
                    session, self.flow.space_id, self.activation, sync.id, actor=ACTOR
                )

    async def approve(self) -> bool:
        """Approve a plan that is on hold. Returns whether there was one."""
        sync = await self.open_sync()
        if sync is None or sync.state != "held":
            return False
        async with self.platform.unit_of_work() as session:
            await syncs.approve_sync(session, self.flow.space_id, self.activation, sync.id, **_by())
        return True

    async def retry(self) -> bool:
        """Retry refused members. Returns False if a sync is open or the activation does not send."""
        ended = [one for one in await self.flow.syncs(self.activation) if one.kind != "test"][-1:]
        try:
            for sync in ended:
                async with self.platform.unit_of_work() as session:
                    await syncs.retry_sync(
                        session, self.flow.space_id, self.activation, sync.id, actor=ACTOR
                    )
        except Conflict:
            return False
        return True

    async def send_test(self, profile: str, kind: ChangeKind) -> bool:
        """Send one member as a test, without waiting for its end. Returns False if the request is refused."""
        asked = asyncio.create_task(
            test_sends.send_test(self.platform, **self._place, who=profile, kind=kind, actor=ACTOR)
        )
        for _ in range(10):
            await self.hand.once(tasks=(Task.DELIVER, Task.SETTLE))
            done, _ = await asyncio.wait((asked,), timeout=0.1)
            if done:
                break
        asked.cancel()
        try:
            await asked
        except (Conflict, NotFound):
            return False
        except asyncio.CancelledError:
            pass
        return True

    async def forget(self) -> bool:
        """Forget the holdings. Returns False if a sync is open."""
        try:
            async with self.platform.unit_of_work() as session:
                await holdings.forget_holdings(session, **self._place, **_by())
        except Conflict:
            return False
        return True

    async def seed(self, membership: People) -> None:
        """Set the holdings to the given members."""
        await holdings.seed_holdings(
            self.platform,
            _rows(membership),
            **self._place,
            content_type=NDJSON,
            content_encoding=None,
            announced=None,
            **_by(),
        )

    async def open_sync(self) -> Sync | None:
        """Return the open sync, other than a dry run, or None."""
        async with self.platform.unit_of_work() as session:
            return await SyncRepository(session).open_of(self.flow.space_id, self.activation)


def _by() -> dict[str, Any]:
    return {"actor": ACTOR, "now": clock.now()}


async def _rows(membership: People) -> AsyncIterator[bytes]:
    for profile, one in membership.items():
        yield orjson.dumps(one.row(profile)) + b"\n"
