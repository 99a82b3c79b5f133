"""A small installation for tests of the flow: a space with an audience, a webhook, activations, and a worker."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx
import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import clock
from app.core.ids import new_hex_id, new_id
from app.domain.options import CHOSEN_LIMITS, DEFAULT_OPTIONS
from app.sandbox.receiver import WebhookReceiver
from app.sandbox.sandbox import Sandbox
from app.services.accounts.settings import seal_settings
from app.services.activations import destinations
from app.services.audiences import runs
from app.services.platform.platform import Platform
from app.services.syncs import lifecycle
from app.services.tenancy import tokens
from app.storage.models import (
    Activation,
    ActivationRevision,
    ActivationSource,
    Audience,
    Batch,
    Destination,
    DestinationConnection,
    Run,
    Space,
    Sync,
    Workspace,
)
from workers.settings import run_worker, run_worker_on

ACTOR = "test"
SECRET = "whsec_" + "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
OPEN = ("new", "pending", "held", "running")


@dataclass
class Flow:
    """What a test of the flow works with."""

    platform: Platform
    receiver: WebhookReceiver
    sandbox: Sandbox
    space_id: str
    audience_id: str
    destination_id: str
    connection_id: str

    async def activate(
        self,
        *,
        type: str = "Audience Membership Changed",
        resync: bool = False,
        brake: bool = False,
        enabled: bool = True,
        properties: Iterable[str] = (),
        options: dict[str, Any] | None = None,
        **config: Any,
    ) -> str:
        """A new activation; its id."""
        activation_id, revision_id = new_id("act"), new_id("rev")
        live = {**DEFAULT_OPTIONS, **(options or {})}
        if options and "brake" in options:
            live.pop(CHOSEN_LIMITS)  # then limits other than the former defaults count as set
        live["brake"] = {**live["brake"], "enabled": brake}
        async with self.platform.unit_of_work() as session:
            activation = Activation(
                space_id=self.space_id,
                id=activation_id,
                audience_id=self.audience_id,
                connection_id=self.connection_id,
                destination_id=self.destination_id,
                name="Test",
                enabled=enabled,
                state="active" if enabled else "inactive",
                revision_id=revision_id,
                resync_wanted=int(resync),
                baseline_wanted=not resync,
                options=live,
            )
            session.add(activation)
            await session.flush()
            session.add(
                ActivationSource(
                    space_id=self.space_id,
                    activation_id=activation_id,
                    position=0,
                    audience_id=self.audience_id,
                )
            )
            session.add(
                ActivationRevision(
                    space_id=self.space_id,
                    id=revision_id,
                    activation_id=activation_id,
                    number=1,
                    config={
                        "activationType": type,
                        "personalization": {"profile": {"properties": list(properties)}},
                        "idSync": [{"externalId": "email", "strategy": "last"}],
                        "idSyncGiven": False,
                        "connectionSettings": {},
                        "mode": "maintain",
                        **config,
                    },
                    created_by=ACTOR,
                )
            )
            await session.flush()
            await session.refresh(activation)
            await lifecycle.configuration_changed(session, activation, resync=resync, actor=ACTOR)
        return activation_id

    async def sign_in(self, client: httpx.AsyncClient) -> None:
        """Give a client a token of the workspace, and the space as its base."""
        async with self.platform.unit_of_work() as session:
            _, token = await tokens.create_token(
                session,
                keyring=self.platform.keyring,
                workspace_id=await self._workspace(session),
                name="test",
                now=clock.now(),
            )
        client.headers["Authorization"] = f"Bearer {token}"
        client.base_url = httpx.URL(f"http://service/spaces/{self.space_id}/")

    async def use_account(self, slug: str, settings: dict[str, Any]) -> None:
        """Make the account one at another partner."""
        async with self.platform.unit_of_work() as session:
            destination = await session.get(Destination, (self.space_id, self.destination_id))
            assert destination is not None
            destination.slug = slug
            destination.settings = seal_settings(
                self.platform.keyring, await self._workspace(session), destination.id, settings
            )

    async def change_account(self, settings: Mapping[str, Any]) -> None:
        """New settings of the account, as the API takes them."""
        async with self.platform.unit_of_work() as session:
            await destinations.update_destination(
                session,
                self.platform.keyring,
                workspace_id=await self._workspace(session),
                space_id=self.space_id,
                destination_id=self.destination_id,
                name=None,
                settings=settings,
                actor=ACTOR,
                now=clock.now(),
            )

    async def another_audience(self, name: str = "Others") -> Flow:
        """A second audience of the space, never computed and connected to nothing."""
        audience_id = new_id("aud")
        async with self.platform.unit_of_work() as session:
            session.add(
                Audience(
                    space_id=self.space_id,
                    id=audience_id,
                    name=name,
                    key=name.lower(),
                    enabled=True,
                    audience_type="USERS",
                    query="",
                    created_by=ACTOR,
                    updated_by=ACTOR,
                )
            )
        return replace(self, audience_id=audience_id)

    async def workspace_id(self) -> str:
        """Return the id of the workspace."""
        async with self.platform.unit_of_work() as session:
            return await self._workspace(session)

    async def _workspace(self, session: AsyncSession) -> str:
        space = await session.get(Space, self.space_id)
        assert space is not None
        return space.workspace_id

    async def upload(self, rows: Iterable[dict[str, Any]]) -> Run:
        """Supply the whole membership; the finished run."""
        return await self.finished((await self.supply(rows)).id)

    async def supply(self, rows: Iterable[dict[str, Any]]) -> Run:
        """Supply the whole membership; the open run, which a worker carries out."""
        path = self.platform.engine.scratch_file(".ndjson")
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
        key = f"spaces/{self.space_id}/audiences/{self.audience_id}/uploads/{new_id('upl')}.ndjson"
        sha256, size = await self.platform.objects.put(path, key)
        path.unlink()
        file = {"key": key, "sha256": sha256, "rows": 0, "bytes": size}
        async with self.platform.unit_of_work() as session:
            audience = await session.get(Audience, (self.space_id, self.audience_id))
            assert audience is not None
            return await runs.open_run(
                session,
                space_id=self.space_id,
                audience=audience,
                kind="upload",
                trigger="upload",
                actor=ACTOR,
                now=clock.now(),
                input={"file": file, "format": "ndjson", "encoding": None},
            )

    async def members(self, ids: Iterable[Any]) -> Run:
        """Supply members by id, each with an e-mail of its own."""
        return await self.upload({"profile_id": f"p{i}", "email": f"p{i}@example.com"} for i in ids)

    async def finished(self, run_id: str, seconds: float = 30) -> Run:
        """Wait for a run."""

        async def look() -> Run | None:
            async with self.platform.unit_of_work() as session:
                run = await session.get(Run, (self.space_id, run_id))
                return run if run and run.state in ("complete", "failed") else None

        run: Run = await eventually(look, seconds)
        return run

    async def quiet(self, activation_id: str, seconds: float = 30) -> Sync:
        """Wait until no sync of an activation is open (held ones apart); the last one."""

        async def look() -> Sync | None:
            async with self.platform.unit_of_work() as session:
                query = (
                    select(Sync)
                    .where(Sync.activation_id == activation_id)
                    .order_by(Sync.number.desc())
                )
                found = (await session.scalars(query)).all()
                if not found or any(s.state in ("new", "pending", "running") for s in found):
                    return None
                return found[0]

        sync: Sync = await eventually(look, seconds)
        return sync

    async def syncs(self, activation_id: str) -> list[Sync]:
        """All syncs of an activation, in order."""
        async with self.platform.unit_of_work() as session:
            query = select(Sync).where(Sync.activation_id == activation_id).order_by(Sync.number)
            return list((await session.scalars(query)).all())

    async def batches(self, sync_id: str) -> list[Batch]:
        """Batches of a sync."""
        async with self.platform.unit_of_work() as session:
            query = select(Batch).where(Batch.sync_id == sync_id).order_by(Batch.number)
            return list((await session.scalars(query)).all())

    async def activation(self, activation_id: str) -> Activation:
        """The activation's row."""
        async with self.platform.unit_of_work() as session:
            found = await session.get(Activation, (self.space_id, activation_id))
            assert found is not None
            return found

    def received(self, activation_id: str) -> set[str]:
        """Who is on the receiver's list of an activation."""
        return {member["id"] for member in self.receiver.members(activation_id) or ()}


async def eventually(look: Callable[[], Any], seconds: float = 10, *, every: float = 0.05) -> Any:
    """The first answer that is neither None nor False; AssertionError after a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if asyncio.iscoroutine(found):
            found = await found
        if found is not None and found is not False:
            return found
        await asyncio.sleep(every)
    raise AssertionError(f"nothing came of it within {seconds} s")


@contextlib.asynccontextmanager
async def worker(platform: Platform, *, apart: bool = False) -> AsyncIterator[asyncio.Event]:
    """A worker in this process: on the open platform, or apart, with a platform of its own from the same settings."""
    stop = asyncio.Event()
    run = run_worker(platform.settings, stop=stop) if apart else run_worker_on(platform, stop=stop)
    task = asyncio.create_task(run)
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


@contextlib.asynccontextmanager
async def installation(
    platform: Platform,
    *,
    receiver: WebhookReceiver | None = None,
    slug: str = "webhook",
    **more: Any,
) -> AsyncIterator[Flow]:
    """A space with an audience of supplied members, connected to a receiver; ``more`` are settings of the account."""
    receiver = receiver or WebhookReceiver(secrets={"*": [SECRET]})
    async with Sandbox([receiver]) as sandbox:
        url = f"{sandbox.urls['webhook']}/in"
        space_id, audience_id = new_id("spa"), new_id("aud")
        destination_id, connection_id = new_hex_id(), new_id("ii")
        workspace_id = new_id("ws")
        async with platform.unit_of_work() as session:
            session.add(Workspace(id=workspace_id, slug=workspace_id, name="Test"))
            await session.flush()
            session.add(Space(id=space_id, workspace_id=workspace_id, slug="test", name="Test"))
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
            settings = {"url": url, "secret": SECRET, **more}
            session.add(
                Destination(
                    space_id=space_id,
                    id=destination_id,
                    slug=slug,
                    name="Hook",
                    settings=seal_settings(
                        platform.keyring, workspace_id, destination_id, settings
                    ),
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
        yield Flow(
            platform, receiver, sandbox, space_id, audience_id, destination_id, connection_id
        )
